//! What pppd makes up for `demand`: the addresses of an interface before its first link.

use std::net::Ipv4Addr;

use crate::daemon::context::Context;
use crate::ppp::Ipv4Settings;

/// The MTU before the first link: PPP's default (RFC 1661 section 6.1).
const DEFAULT_MTU: u16 = 1500;

/// The addresses that pppd makes up for `demand`, to which it adds the number of the interface.
const MADE_UP_LOCAL: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 64);
const MADE_UP_REMOTE: Ipv4Addr = Ipv4Addr::new(10, 112, 112, 112);

/// What the interface is before the first link. pppd adds the number of the interface to the addresses it makes up, so
/// that two of them differ.
pub(super) fn demand_settings(context: &Context) -> Ipv4Settings {
    let config = context.config();
    let unit = unit_of(&config.interface);
    let made_up = |base: Ipv4Addr| Ipv4Addr::from_bits(base.to_bits().saturating_add(unit));
    Ipv4Settings {
        local: config
            .local_address
            .unwrap_or_else(|| made_up(MADE_UP_LOCAL)),
        remote: Some(
            config
                .remote_address
                .unwrap_or_else(|| made_up(MADE_UP_REMOTE)),
        ),
        dns: [None, None],
        mtu: DEFAULT_MTU,
    }
}

/// The number at the end of an interface's name, if it is one that pppd could have given.
pub(crate) fn unit_of(interface: &str) -> u32 {
    let name = interface.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = interface.strip_prefix(name).unwrap_or_default();
    digits.parse().ok().filter(|unit| *unit < 256).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_the_number_of_the_interface() {
        for (name, unit) in [
            ("ppp0", 0),
            ("ppp12", 12),
            ("wwan", 0),
            ("x2y3", 3),
            ("ppp99999", 0),
            ("7", 7),
        ] {
            assert_eq!(unit_of(name), unit, "{name}");
        }
    }
}
