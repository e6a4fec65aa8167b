use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::chat;
use crate::config::{Auth, Device, Dialer, DnsManager, PdpType, TimeOfDay, origins, read};
use crate::modem::{Carrier, NetMode, ResetStep};
use crate::secret::Secret;

const DOCUMENT: &str = "START=yes\nRESET_WAIT=30\n\n# PPP config\nAPN=dream.jp\nPDPTYPE=IP\nDEMAND=1\nIDLE=60\n\
                        DEVICE=LISA-U200\nDEFAULTROUTE=1\nAUTH=CHAP\nACCOUNT=user@dream.jp\nPASSWORD=dti\n";

fn document() -> Config {
    read("ppp", DOCUMENT.as_bytes()).0.unwrap()
}

#[test]
fn writes_what_differs_from_the_default_with_the_old_names() {
    assert_eq!(
        write(&document(), "/etc/default/ppp", Extent::Differences).unwrap(),
        "# Made by uplinkd from /etc/default/ppp. It holds the password: chmod 600.
# What is not here has its default; docs/configuration.md has every key.

[modem]
device = \"LISA-U200\"  # DEVICE
apn = \"dream.jp\"  # APN

[ppp]
auth = \"CHAP\"  # AUTH
account = \"user@dream.jp\"  # ACCOUNT
password = \"dti\"  # PASSWORD

[network]
default_route = true  # DEFAULTROUTE

[supervision]
start = true  # START
demand = true  # DEMAND
idle = 60  # IDLE

[supervision.reset]
wait = 30  # RESET_WAIT
"
    );
}

#[test]
fn shows_where_each_setting_comes_from_and_no_secret() {
    let said = origins("ppp", DOCUMENT.as_bytes());
    let shown = show(&document(), "ppp", &said);
    for line in [
        "apn = \"dream.jp\"  # APN, ppp:5",
        "password = \"<hidden>\"  # PASSWORD, ppp:13",
        "persist = true  # PERSIST, default",
        "interval = 30  # default",
        "pin = \"\"  # PIN, default",
        "# dial = what the modem's profile says, else ATDT*99***1#  # default",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    assert!(!shown.contains("\"dti\""));
    // CHAP follows from the account.
    let text = b"APN=a\nACCOUNT=b\n";
    let shown = show(&read("ppp", text).0.unwrap(), "ppp", &origins("ppp", text));
    assert!(shown.contains("auth = \"CHAP\"  # AUTH, follows from the others\n"));
}

#[test]
fn everything_is_a_file_that_means_the_same() {
    let text = write(&document(), "x", Extent::Everything).unwrap();
    let (found, _) = read("x.toml", text.as_bytes());
    assert_eq!(found, Some(document()));
    assert!(text.lines().count() > 120);
}

#[test]
fn bytes_that_are_not_text_are_told_and_not_written() {
    let config = Config {
        password: Secret::new(&b"\xff"[..]),
        ..Config::default()
    };
    let problem = write(&config, "x", Extent::Differences).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "ppp.password has a value that uplinkd.toml cannot hold"
    );
    assert!(
        show(&config, "x", &BTreeMap::new())
            .contains("# password has bytes that cannot be shown\n")
    );
}

fn time() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (1u64..3_600).prop_map(Duration::from_secs),
        (1_000u64..3_000_000).prop_map(Duration::from_millis),
    ]
}

fn text() -> impl Strategy<Value = String> {
    "[ -~日本é]{0,20}"
}

fn call() -> impl Strategy<Value = Arc<chat::Call>> {
    let words = proptest::collection::vec("[ -~]{0,12}", 1..6);
    let phone = proptest::option::of("[0-9*#]{1,9}");
    (words, time(), phone, any::<[bool; 3]>()).prop_map(|(words, timeout, phone, flags)| {
        let [verbose, echo, expand] = flags;
        Arc::new(chat::Call {
            script: chat::Script::from_words(words),
            options: chat::Options {
                show: true,
                char_delay: Duration::from_millis(10),
                timeout,
                phone2: phone.clone(),
                phone,
                verbose,
                echo,
                expand,
            },
        })
    })
}

fn step() -> impl Strategy<Value = ResetStep> {
    let short = || (10u64..60_000).prop_map(Duration::from_millis);
    prop_oneof![
        Just(ResetStep::At("AT+CFUN=1,1".to_owned())),
        Just(ResetStep::At("AT+X=\"a\",\"b\"".to_owned())),
        proptest::option::of(short()).prop_map(|on| ResetStep::Led {
            name: "Mobile_RESETN".to_owned(),
            on
        }),
        (short(), any::<bool>(), any::<bool>()).prop_map(|(pulse, active_low, chip)| {
            ResetStep::Gpio {
                chip: chip.then(|| "/dev/gpiochip0".to_owned()),
                line: "Mobile_RESET_N".to_owned(),
                active_low,
                pulse,
            }
        }),
        Just(ResetStep::UsbAuthorized),
        Just(ResetStep::UsbRebind),
        (100u64..600_000).prop_map(|off| ResetStep::UsbPortPower {
            off: Duration::from_millis(off)
        }),
        (text(), proptest::option::of((short(), text()))).prop_map(|(value, then)| {
            ResetStep::Write {
                path: "/sys/x".to_owned(),
                value,
                then,
            }
        }),
        proptest::collection::vec("[ -~]{0,40}", 0..6).prop_map(|mut words| {
            words.insert(0, "/usr/local/sbin/reset".to_owned());
            ResetStep::Command(words)
        }),
    ]
}

prop_compose! {
    fn link()(
        device in prop_oneof![
            Just(Device::Auto),
            Just(Device::Model("KYM11".to_owned())),
            "/dev/[a-zA-Z0-9\"日]{1,9}".prop_map(|path| Device::Tty(PathBuf::from(path))),
        ],
        dialer in prop_oneof![
            Just(Dialer::Modem),
            Just(Dialer::Direct),
            call().prop_map(Dialer::Chat),
        ],
        disconnect in proptest::option::of(call()),
        apn in proptest::option::of("[a-z.]{1,20}"),
        account in "[ -!#-&(-~日]{0,12}",
        password in text(),
        pin in proptest::option::of("[0-9]{4,8}"),
        auth in prop_oneof![Just(Auth::Chap), Just(Auth::Pap), Just(Auth::NoAuth)],
        netmode in proptest::option::of(prop_oneof![Just(NetMode::Auto), Just(NetMode::Lte)]),
        carrier in proptest::option::of(prop_oneof![
            (1u8..=5).prop_map(Carrier::Number),
            Just(Carrier::Plmn("44020".to_owned())),
        ]),
        accm in proptest::option::of(any::<u32>()),
        restart in time(),
        max_connect in proptest::option::of(time()),
        mru in 128u16..=16_384,
        addresses in proptest::option::of((1u8..120, 1u8..250)),
        flags in any::<[bool; 6]>(),
    ) -> Config {
        let mut config = Config {
            device, dialer, disconnect, apn, account, auth, netmode, carrier, max_connect,
            password: Secret::new(password),
            pin: pin.map(Secret::new),
            pdp_type: if flags[0] { PdpType::Ppp } else { PdpType::Ip },
            connect_ok: flags[1],
            rtscts: flags[2],
            default_route: flags[3],
            local_address: addresses.map(|(net, host)| Ipv4Addr::new(net, 0, 0, host)),
            ..Config::default()
        };
        config.lcp.accm = accm;
        config.lcp.mru = mru;
        config.lcp.magic = flags[4];
        config.lcp.fsm.restart = restart;
        config.ipcp.request_dns = flags[5];
        config.ipcp.fsm.max_failure = 1 + u32::from(mru) % 1000;
        config
    }
}

prop_compose! {
    fn whole()(
        config in link(),
        holdoff in time(),
        wait in proptest::option::of(time()),
        steps in proptest::option::of(proptest::collection::vec(step(), 1..5)),
        at in proptest::option::of((0u8..24, 0u8..60)),
        waits in (1u64..86_400, 1u64..86_400),
        interval in time(),
        variables in proptest::collection::vec(("[A-Z_]{1,5}", "[ -~日]{0,10}"), 0..4),
        ipparam in proptest::option::of("[ -~]{1,20}"),
        fallback in proptest::collection::vec((1u8..120, any::<bool>()), 0..4),
        flags in any::<[bool; 6]>(),
    ) -> Config {
        let mut config = Config {
            holdoff,
            reset_wait: wait,
            reset_steps: steps,
            reset_at: at.map(|(hour, minute)| TimeOfDay { hour, minute }),
            persist: flags[0],
            demand: flags[1],
            hold: flags[2],
            idle: wait,
            ..config
        };
        config.backoff.configuration_min = Duration::from_secs(waits.0.min(waits.1));
        config.backoff.configuration_max = Duration::from_secs(waits.0.max(waits.1));
        config.monitor.interval = interval;
        config.monitor.timeout = config.monitor.timeout.min(interval);
        config.monitor.enabled = flags[3] && flags[0] && !flags[1];
        config.monitor.target = flags[4].then(|| "www.example.jp".to_owned());
        config.scripts.environment = variables;
        config.scripts.ipparam = ipparam;
        config.scripts.ip_up = flags[5].then(|| PathBuf::from("/etc/ppp/a \"b\""));
        config.dns.manager = if flags[5] { DnsManager::File } else { DnsManager::None };
        config.dns.fallback = fallback.into_iter().map(|(n, v4)| if v4 {
            IpAddr::from([n, 0, 0, 1])
        } else {
            IpAddr::from([u16::from(n), 0, 0, 0, 0, 0, 0, 1])
        }).collect();
        config
    }
}

proptest! {
    /// Spec C27: what is written is read as it was, secrets included.
    #[test]
    fn what_is_written_means_the_same(config in whole(), everything in any::<bool>()) {
        let extent = if everything { Extent::Everything } else { Extent::Differences };
        let text = write(&config, "x", extent).unwrap();
        let (found, problems) = read("x.toml", text.as_bytes());
        prop_assert_eq!(found, Some(config), "{}\n{:?}", text, problems);
    }

    #[test]
    fn what_is_shown_has_no_secret(config in whole()) {
        let mut config = config;
        config.password = Secret::new("qqgeheimqq");
        config.pin = Some(Secret::new("98765432"));
        let shown = show(&config, "x", &BTreeMap::new());
        prop_assert!(!shown.contains("qqgeheimqq") && !shown.contains("98765432"));
    }
}
