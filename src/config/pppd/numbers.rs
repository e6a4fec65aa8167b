//! Numbers and addresses, as pppd and the C library take them.

use std::net::Ipv4Addr;

/// A number at the beginning of `text`, as `strtoul` with base 0 (or 16) finds one; and how much of the text it is. Its
/// 32 lowest bits count, as in pppd.
pub(super) fn unsigned(text: &str, radix: Option<u32>) -> Option<(u32, usize)> {
    let blank = text.len()
        - text
            .trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r'])
            .len();
    let (negative, sign) = match text.as_bytes().get(blank) {
        Some(b'-') => (true, 1),
        Some(b'+') => (false, 1),
        _ => (false, 0),
    };
    let body = text.get(blank + sign..)?;
    let hex = body.strip_prefix("0x").or_else(|| body.strip_prefix("0X"));
    let hex = hex.filter(|_| matches!(radix, None | Some(16)));
    let hex = hex.filter(|digits| digits.starts_with(|c: char| c.is_ascii_hexdigit()));
    let (digits, radix) = match (hex, radix) {
        (Some(digits), _) => (digits, 16),
        (None, Some(radix)) => (body, radix),
        (None, None) if body.starts_with('0') => (body, 8),
        (None, None) => (body, 10),
    };
    let count = digits.chars().take_while(|c| c.is_digit(radix)).count();
    if count == 0 {
        return None;
    }
    let value = digits
        .chars()
        .take(count)
        .filter_map(|c| c.to_digit(radix))
        .try_fold(0u64, |value, digit| {
            value
                .checked_mul(u64::from(radix))?
                .checked_add(u64::from(digit))
        });
    // What does not fit is the largest there is, whatever its sign.
    let value = match value {
        Some(value) if negative => value.wrapping_neg(),
        Some(value) => value,
        None => u64::MAX,
    };
    let low = u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    let used = text.len() - body.len() + (body.len() - digits.len()) + count;
    Some((low, used))
}

/// An IPv4 address as `inet_addr` takes it: one to four numbers, of which the last fills what is left.
pub(super) fn address(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text
        .split('.')
        .map(|part| {
            let starts = part.starts_with(|c: char| c.is_ascii_digit());
            let (value, used) = unsigned(part, None).filter(|_| starts)?;
            (used == part.len()).then_some(value)
        })
        .collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let bits = 8 * u32::try_from(4 - first.len()).ok()?;
    if bits < 32 && *last >> bits != 0 {
        return None;
    }
    let head = first.iter().fold(0u32, |head, part| (head << 8) | part);
    Some(Ipv4Addr::from(head.checked_shl(bits).unwrap_or(0) | last))
}

/// A netmask: four numbers, or one that is all of it.
pub(super) fn netmask(text: &str) -> Option<Ipv4Addr> {
    let dots = text.matches('.').count();
    let mask = address(text)?;
    let whole = dots == 0 && unsigned(text, None).is_some_and(|(value, _)| value > 255);
    (dots == 3 || whole).then_some(mask)
}

/// An address that no end of a link has (pppd's `bad_ip_adrs`): loopback, multicast, and what is reserved.
pub(super) fn is_bad(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    !address.is_unspecified() && (first == 0 || first == 127 || first >= 224)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_as_in_c() {
        for (text, expected) in [
            ("60", Some((60, 2))),
            (" +60s", Some((60, 4))),
            ("0x1Fg", Some((31, 4))),
            ("010", Some((8, 3))),
            ("08", Some((0, 1))),
            ("0x", Some((0, 1))),
            ("-1", Some((u32::MAX, 2))),
            ("4294967297", Some((1, 10))),
            ("99999999999999999999", Some((u32::MAX, 20))),
            ("", None),
            ("x", None),
            ("-", None),
        ] {
            assert_eq!(unsigned(text, None), expected, "{text}");
        }
        assert_eq!(unsigned("0xa0000", Some(16)), Some((0xa_0000, 7)));
        assert_eq!(unsigned("a0000", Some(16)), Some((0xa_0000, 5)));
        assert_eq!(unsigned("0", Some(16)), Some((0, 1)));
    }

    #[test]
    fn addresses_are_taken_as_in_c() {
        let ip = |a, b, c, d| Some(Ipv4Addr::new(a, b, c, d));
        for (text, expected) in [
            ("192.0.2.1", ip(192, 0, 2, 1)),
            ("10.1", ip(10, 0, 0, 1)),
            ("0xc0000201", ip(192, 0, 2, 1)),
            ("10.0x10.010.1", ip(10, 16, 8, 1)),
            ("0", ip(0, 0, 0, 0)),
            ("1.2.3.4.5", None),
            ("256.1.1.1", None),
            ("1.2.3.256", None),
            ("isp.example", None),
            ("1.2.3.4x", None),
            ("", None),
            ("1..2", None),
            ("-1", None),
        ] {
            assert_eq!(address(text), expected, "{text}");
        }
        assert_eq!(netmask("255.255.255.0"), ip(255, 255, 255, 0));
        assert_eq!(netmask("0xffffff00"), ip(255, 255, 255, 0));
        assert_eq!(netmask("255.0"), None);
        assert_eq!(netmask("24"), None);
        let bad = [ip(127, 0, 0, 1), ip(224, 0, 0, 1), ip(0, 0, 0, 1)];
        assert!(bad.into_iter().flatten().all(is_bad));
        assert!(!is_bad(Ipv4Addr::UNSPECIFIED) && !is_bad(Ipv4Addr::new(192, 0, 2, 1)));
    }
}
