use super::*;

fn credentials(config: &Config, empty: bool) -> (String, Vec<u8>, AllowedAuth) {
    let Credentials {
        user,
        secret,
        allow,
        ..
    } = config.session(empty).credentials;
    (user, secret.expose().to_vec(), allow)
}

fn sora(auth: Auth) -> Config {
    Config {
        auth,
        account: "sora".to_owned(),
        password: Secret::new("geheim"),
        ..Config::default()
    }
}

#[test]
fn authentication_follows_the_configuration() {
    let allow = |chap_md5, pap| AllowedAuth { chap_md5, pap };
    let named = |allow| ("sora".to_owned(), b"geheim".to_vec(), allow);
    let nobody = |allow| (String::new(), Vec::new(), allow);
    let insisted = Config {
        allow_pap: true,
        ..sora(Auth::Chap)
    };
    for (config, empty, expected) in [
        (sora(Auth::Chap), false, named(allow(true, false))),
        (sora(Auth::Chap), true, named(allow(true, false))),
        (insisted, false, named(allow(true, true))),
        (sora(Auth::Pap), false, named(allow(false, true))),
        (sora(Auth::NoAuth), false, nobody(allow(false, false))),
        (sora(Auth::NoAuth), true, nobody(allow(true, true))),
    ] {
        assert_eq!(credentials(&config, empty), expected, "{config:?}");
        assert!(config.session(empty).demand.is_none());
    }
}

#[test]
fn a_fixed_address_is_insisted_on_unless_told_otherwise() {
    let local = Some(Ipv4Addr::new(10, 0, 0, 2));
    let free = Config::default().session(false).ipcp;
    assert_eq!(free, IpcpConfig::default());
    let fixed = Config {
        local_address: local,
        ..Config::default()
    };
    assert_eq!(
        fixed.session(false).ipcp,
        IpcpConfig {
            local,
            accept_local: false,
            ..IpcpConfig::default()
        }
    );
    let mut lax = fixed;
    lax.ipcp.accept_local = true;
    assert_eq!(
        lax.session(false).ipcp,
        IpcpConfig {
            local,
            ..IpcpConfig::default()
        }
    );
}

#[test]
fn the_policy_is_persistent_with_five_seconds_unless_told() {
    let expected = Policy {
        persist: true,
        once: false,
        holdoff: Duration::from_secs(5),
        retry: 3,
        reset_on_fail: true,
        reset_always: false,
        reset_wait: None,
        reset_any: false,
        good_after: Duration::from_secs(60),
        backoff: BackoffPolicy::default(),
        demand: false,
    };
    assert_eq!(Config::default().policy(false), expected);
    let once = Policy {
        once: true,
        reset_on_fail: false,
        ..expected
    };
    assert_eq!(Config::default().policy(true), once);
}

#[test]
fn the_ending_chooses_the_format() {
    let old = b"DEVICE=ttyUSB0\n";
    let new = b"[modem]\ndevice = \"ttyUSB0\"\n";
    for (name, text, readable) in [
        ("ppp", &old[..], true),
        ("ppp.toml", &old[..], false),
        ("uplinkd.toml", &new[..], true),
        ("uplinkd.conf", &new[..], false),
    ] {
        assert_eq!(read(name, text).0.is_some(), readable, "{name}");
    }
}
