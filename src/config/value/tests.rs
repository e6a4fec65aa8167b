use super::*;

fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> (String, Option<String>) {
    let refusal = result.expect_err("must be refused");
    (refusal.what, refusal.meant)
}

#[test]
fn truths_are_exact_and_others_are_explained() {
    assert_eq!(yes_no("yes"), Ok(true));
    assert_eq!(flag("0"), Ok(false));
    for (text, meant) in [("1", Some("yes")), ("No", Some("no")), ("maybe", None)] {
        assert_eq!(refused(yes_no(text)).1.as_deref(), meant, "{text}");
    }
    for (text, meant) in [("yes", Some("1")), ("off", Some("0")), ("2", None)] {
        assert_eq!(refused(flag(text)).1.as_deref(), meant, "{text}");
    }
}

#[test]
fn whole_numbers_have_a_range() {
    let range = 1..=86_400;
    assert_eq!(whole("5", &range, "seconds"), Ok(5));
    assert_eq!(whole("005", &range, "seconds"), Ok(5));
    for (text, what, meant) in [
        ("5s", "\"5s\" is not a whole number", Some("5")),
        ("+5", "\"+5\" is not a whole number", Some("5")),
        ("-5", "\"-5\" is not a whole number", None),
        ("５", "\"５\" is not a whole number", Some("5")),
        ("five", "\"five\" is not a whole number", None),
        ("0", "the number is too small", None),
        ("86401", "the number is too large", None),
        ("99999999999999999999999", "the number is too large", None),
    ] {
        let found = refused(whole(text, &range, "seconds"));
        assert_eq!((found.0.as_str(), found.1.as_deref()), (what, meant));
    }
}

#[test]
fn a_time_of_day_has_four_digits() {
    let at = |hour, minute| Ok(TimeOfDay { hour, minute });
    assert_eq!(time_of_day("03:00"), at(3, 0));
    assert_eq!(time_of_day("23:59"), at(23, 59));
    for (text, meant) in [
        ("3:00", Some("03:00")),
        ("24:00", Some("00:00")),
        ("24:01", Some("23:59")),
        ("99:99", Some("23:59")),
        ("03:60", Some("03:59")),
        ("0300", Some("03:00")),
        ("03:00:00", Some("03:00")),
        ("03:00:30", None),
        ("03.00", Some("03:00")),
        ("０３：００", Some("03:00")),
        (" 3:00", Some("03:00")),
        ("3", None),
        ("noon", None),
        ("日本語:", None),
        ("-1:00", None),
    ] {
        assert_eq!(refused(time_of_day(text)).1.as_deref(), meant, "{text}");
    }
}

#[test]
fn addresses_are_those_of_hosts() {
    assert_eq!(address("192.0.2.1"), Ok(Ipv4Addr::new(192, 0, 2, 1)));
    for (text, what, meant) in [
        (
            "10.0.0.1/24",
            "\"10.0.0.1/24\" is not an IPv4 address",
            Some("10.0.0.1"),
        ),
        (
            "010.0.0.1",
            "\"010.0.0.1\" is not an IPv4 address",
            Some("10.0.0.1"),
        ),
        ("example.jp", "\"example.jp\" is not an IPv4 address", None),
        ("0.0.0.0", "0.0.0.0 is in 0.0.0.0/8", None),
        ("127.0.0.1", "127.0.0.1 is a loopback address", None),
        ("224.0.0.1", "224.0.0.1 is a multicast address", None),
        (
            "240.0.0.1",
            "240.0.0.1 is in the reserved range 240.0.0.0/4",
            None,
        ),
        (
            "255.255.255.255",
            "255.255.255.255 is the broadcast address",
            None,
        ),
    ] {
        let found = refused(address(text));
        assert_eq!((found.0.as_str(), found.1.as_deref()), (what, meant));
    }
}

#[test]
fn a_netmask_is_contiguous() {
    assert_eq!(
        netmask("255.255.255.0"),
        Ok(Ipv4Addr::new(255, 255, 255, 0))
    );
    assert_eq!(netmask("255.255.255.255"), Ok(Ipv4Addr::BROADCAST));
    for (text, what, meant) in [
        ("24", "\"24\" is not a netmask", Some("255.255.255.0")),
        ("/32", "\"/32\" is not a netmask", Some("255.255.255.255")),
        ("0", "\"0\" is not a netmask", None),
        (
            "255.0.255.0",
            "the ones of 255.0.255.0 are not in one piece",
            None,
        ),
        ("0.0.0.0", "0.0.0.0 has no network", None),
    ] {
        let found = refused(netmask(text));
        assert_eq!((found.0.as_str(), found.1.as_deref()), (what, meant));
    }
}

#[test]
fn names_cannot_break_out_of_their_command() {
    assert_eq!(apn("au.au-net.ne.jp"), Ok("au.au-net.ne.jp".to_owned()));
    assert_eq!(apn("CHAP:dream.jp"), Ok("CHAP:dream.jp".to_owned()));
    for text in ["a\"b", "a\rb", "a b", "a;b", "日本", &"a".repeat(101)] {
        assert!(apn(text).is_err(), "{text}");
    }
    assert_eq!(account("利用者@dream.jp"), Ok("利用者@dream.jp".to_owned()));
    for text in ["a\"b", "a'b", "a\nb", &"a".repeat(256)] {
        assert!(account(text).is_err(), "{text}");
    }
    assert_eq!(dial("ATDT*99***1#"), Ok("ATDT*99***1#".to_owned()));
    for text in ["AT+CFUN=1", "ATDT1\r", "", "日本日"] {
        assert!(dial(text).is_err(), "{text}");
    }
    assert_eq!(interface("ppp0"), Ok("ppp0".to_owned()));
    for text in ["", "a/b", "..", "sixteencharacter"] {
        assert!(interface(text).is_err(), "{text}");
    }
}

#[test]
fn secrets_are_not_told() {
    assert_eq!(password("d t'i\""), Ok(()));
    assert_eq!(
        refused(password("geheim\u{1}")).0,
        "the value has a control character"
    );
    let taken = pin("12345678").map(|pin| pin.expose().to_vec());
    assert_eq!(taken, Ok(b"12345678".to_vec()));
    for text in ["123", "123456789", "12a4", ""] {
        assert_eq!(refused(pin(text)).0, "the value is not a PIN");
    }
}

/// C11.
#[test]
fn the_other_keys_have_their_values() {
    assert_eq!(auth("CHAP"), Ok(Auth::Chap));
    assert_eq!(refused(auth("chap")).1.as_deref(), Some("CHAP"));
    assert_eq!(refused(auth("none")).1.as_deref(), Some("NOAUTH"));
    assert_eq!(pdp_type("PPP"), Ok(PdpType::Ppp));
    assert_eq!(refused(pdp_type("ip")).1.as_deref(), Some("IP"));
    assert_eq!(refused(pdp_type("ipv4")).1.as_deref(), Some("IP"));
    assert_eq!(
        refused(pdp_type("IPV6")).0,
        "IPV6 does not act yet: IPv6 comes later"
    );
    assert_eq!(net_mode("WCDMA"), Ok(Some(NetMode::Wcdma)));
    assert_eq!(net_mode("NONE"), Ok(None));
    for (text, meant) in [
        ("lte", Some("LTE")),
        ("3g", Some("WCDMA")),
        ("4G", Some("LTE")),
        ("off", Some("NONE")),
        ("5G", None),
    ] {
        assert_eq!(refused(net_mode(text)).1.as_deref(), meant, "{text}");
    }
}

#[test]
fn a_carrier_is_a_number_or_five_digits() {
    assert_eq!(carrier("1"), Ok(Carrier::Number(1)));
    assert_eq!(carrier("5"), Ok(Carrier::Number(5)));
    assert_eq!(carrier("44020"), Ok(Carrier::Plmn("44020".to_owned())));
    for (text, meant) in [
        ("0", None),
        ("6", None),
        ("01", None),
        ("+1", None),
        ("4402", None),
        ("440200", None),
        ("４", Some("4")),
        ("440-20", Some("44020")),
        ("docomo", Some("1")),
        ("NTT docomo", Some("1")),
        ("KDDI", Some("2")),
        ("SoftBank", Some("3")),
        ("sakura", None),
    ] {
        assert_eq!(refused(carrier(text)).1.as_deref(), meant, "{text}");
    }
}

#[test]
fn a_host_has_a_name_or_an_address() {
    for text in [
        "www.centurysys.jp",
        "localhost",
        "a_b.example.",
        "192.0.2.1",
        "3com.example",
    ] {
        assert_eq!(host(text), Ok(text.to_owned()));
    }
    for (text, what, meant) in [
        (
            "-x",
            "\"-x\" is neither a host name nor an IPv4 address",
            None,
        ),
        (
            ".x",
            "\".x\" is neither a host name nor an IPv4 address",
            None,
        ),
        (
            "a..b",
            "\"a..b\" is neither a host name nor an IPv4 address",
            None,
        ),
        (
            "192.0.2.300",
            "\"192.0.2.300\" is neither a host name nor an IPv4 address",
            None,
        ),
        (
            "192.0.2.1/24",
            "\"192.0.2.1/24\" is neither a host name nor an IPv4 address",
            Some("192.0.2.1"),
        ),
        (
            "192.0.02.1",
            "\"192.0.02.1\" is neither a host name nor an IPv4 address",
            Some("192.0.2.1"),
        ),
        (
            "https://u@www.example.jp:8080/x?y",
            "\"https://u@www.example.jp:8080/x?y\" is neither a host name nor an IPv4 address",
            Some("www.example.jp"),
        ),
        (
            "www.example.jp:80",
            "\"www.example.jp:80\" is neither a host name nor an IPv4 address",
            Some("www.example.jp"),
        ),
        (
            "ｗｗｗ.example.jp",
            "\"ｗｗｗ.example.jp\" is neither a host name nor an IPv4 address",
            Some("www.example.jp"),
        ),
        (
            "2001:db8::1",
            "\"2001:db8::1\" is an IPv6 address, and the link has IPv4 only",
            None,
        ),
        ("127.0.0.1", "127.0.0.1 is a loopback address", None),
        ("224.0.0.1", "224.0.0.1 is a multicast address", None),
    ] {
        let found = refused(host(text));
        assert_eq!((found.0.as_str(), found.1.as_deref()), (what, meant));
    }
    assert!(host(&format!("{}.jp", "a".repeat(64))).is_err());
    assert!(host(&"a.".repeat(128)).is_err());
}

#[test]
fn groups_and_folders_are_plain() {
    assert_eq!(group("dialout"), Ok("dialout".to_owned()));
    for text in ["-x", "a b", "a:b", &"a".repeat(33)] {
        assert!(group(text).is_err(), "{text}");
    }
    assert_eq!(
        folder("/etc/uplinkd/modems"),
        Ok(PathBuf::from("/etc/uplinkd/modems"))
    );
    for text in ["etc", "/etc/../x", "", "/a\u{1}"] {
        assert!(folder(text).is_err(), "{text}");
    }
}
