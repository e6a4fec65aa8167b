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
    assert_eq!(time_of_day("03:00"), Ok(180));
    assert_eq!(time_of_day("23:59"), Ok(1_439));
    for (text, meant) in [
        ("3:00", Some("03:00")),
        ("24:00", Some("00:00")),
        ("24:01", None),
        ("03:60", None),
        ("0300", None),
        ("03:00:00", None),
        ("０３：００", Some("03:00")),
        (" 3:00", Some("03:00")),
    ] {
        assert_eq!(refused(time_of_day(text)).1.as_deref(), meant, "{text}");
    }
}

#[test]
fn a_device_is_a_model_with_an_alias_or_a_tty() {
    let tty = |path: &str| Ok(Device::Tty(PathBuf::from(path)));
    for (text, path) in [
        ("LISA-U200", "/dev/ttyLISA0"),
        ("KYM11", "/dev/ttyKYM11"),
        ("UM03-KO", "/dev/ttyUM03KO0"),
        ("AMP520", "/dev/ttyAMP0"),
        ("ttyLISA0", "/dev/ttyLISA0"),
        ("ttyKYM11", "/dev/ttyKYM11"),
        ("ttyUM03KO0", "/dev/ttyUM03KO0"),
        ("ttyAMP0", "/dev/ttyAMP0"),
        ("ttyUSB0", "/dev/ttyUSB0"),
        ("pts/3", "/dev/pts/3"),
        (
            "/dev/serial/by-id/usb-x:1.0-if00",
            "/dev/serial/by-id/usb-x:1.0-if00",
        ),
        ("/tmp/模", "/tmp/模"),
    ] {
        assert_eq!(device(text), tty(path), "{text}");
    }
    for (text, what, meant) in [
        ("AUTO", "finding the modem does not act yet", None),
        ("AMM570", "finding the AMM570 does not act yet", None),
        (
            "lisa-u200",
            "\"lisa-u200\" is not one of its values",
            Some("LISA-U200"),
        ),
        ("auto", "\"auto\" is not one of its values", Some("AUTO")),
        ("-", "\"-\": a line without a modem does not act yet", None),
        (
            "unix:/x",
            "\"unix:/x\": a line without a modem does not act yet",
            None,
        ),
        (
            "../x",
            "\"../x\" is neither a name in /dev nor a full path",
            None,
        ),
        ("/dev/", "\"/dev/\" is a folder, not a tty", None),
        (
            "tty USB0",
            "a blank does not belong into the name of a tty",
            None,
        ),
    ] {
        let found = refused(device(text));
        assert_eq!((found.0.as_str(), found.1.as_deref()), (what, meant));
    }
    assert_eq!(nearly_a_model("LISA-U20"), Some("LISA-U200"));
    assert_eq!(nearly_a_model("ttyKYM1"), None);
    assert_eq!(nearly_a_model("modem"), None);
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
    assert_eq!(pin("12345678"), Ok(()));
    for text in ["123", "123456789", "12a4", ""] {
        assert_eq!(refused(pin(text)).0, "the value is not a PIN");
    }
}

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
    for text in ["1", "5", "44020"] {
        assert_eq!(carrier(text), Ok(()));
    }
    for text in ["0", "6", "4402", "440200", "４", "docomo"] {
        assert!(carrier(text).is_err(), "{text}");
    }
    assert_eq!(host("www.centurysys.jp"), Ok(()));
    for text in ["-x", "a b", "a/b", ".x"] {
        assert!(host(text).is_err(), "{text}");
    }
}
