//! Lines of public pppd logs, and octets that nobody should send.

use proptest::prelude::*;

use super::*;

/// Octets from hexadecimal text with or without spaces.
fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

fn print(protocol: Protocol, info: &[u8]) -> String {
    let mut line = String::new();
    packet(protocol, info, &mut line);
    line
}

/// Each row: the information field of a packet, and how it is shown.
fn check(protocol: Protocol, rows: &[(&str, &str)]) {
    for (info, expected) in rows {
        assert_eq!(print(protocol, &hex(info)), *expected);
    }
}

/// A control packet with a text in it.
fn with_data(code: u8, id: u8, data: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    ControlPacket::write(code, id, data, &mut packet);
    packet
}

#[test]
fn shows_lcp_negotiations_of_real_modems() {
    check(
        Protocol::LCP,
        &[
            (
                "01010014 020600000000 050616c97e7e 0702 0802",
                "[LCP ConfReq id=0x1 <asyncmap 0x0> <magic 0x16c97e7e> <pcomp> <accomp>]",
            ),
            (
                "01000019 020600000000 0305c22305 0506d084690a 0702 0802",
                "[LCP ConfReq id=0x0 <asyncmap 0x0> <auth chap MD5> <magic 0xd084690a> <pcomp> \
                <accomp>]",
            ),
            (
                "01010018 01040640 020600000000 0506326c4556 0702 0802",
                "[LCP ConfReq id=0x1 <mru 1600> <asyncmap 0x0> <magic 0x326c4556> <pcomp> \
                <accomp>]",
            ),
            (
                "01030019 0206000a0000 0702 0802 05067377bda1 0305c22305",
                "[LCP ConfReq id=0x3 <asyncmap 0xa0000> <pcomp> <accomp> <magic 0x7377bda1> <auth \
                chap MD5>]",
            ),
            ("03030008 0304c023", "[LCP ConfNak id=0x3 <auth pap>]"),
            ("02a80004", "[LCP ConfAck id=0xa8]"),
            ("04010008 110405ea", "[LCP ConfRej id=0x1 <mrru 1514>]"),
        ],
    );
}

#[test]
fn shows_every_lcp_option() {
    check(
        Protocol::LCP,
        &[
            (
                "0101000e 0305c22380 0305c22381",
                "[LCP ConfReq id=0x1 <auth chap MS> <auth chap MS-v2>]",
            ),
            (
                "01010016 0304c223 0305c22307 0304c227 0305123400",
                "[LCP ConfReq id=0x1 <auth chap> <auth chap 07> <auth eap> <auth 0x1234 00>]",
            ),
            (
                "01010012 0408c02500000064 0406123400ff",
                "[LCP ConfReq id=0x1 <quality lqr 00 00 00 64> <quality 0x1234 00 ff>]",
            ),
            (
                "0101000c 0d0306 0d050041ff",
                "[LCP ConfReq id=0x1 <callback CBCP> <callback 0x0 41 ff>]",
            ),
            (
                "01010009 1202 130300",
                "[LCP ConfReq id=0x1 <ssnhf> <endpoint [null]>]",
            ),
            (
                "0101000d 130903 001a2b3c4d5e",
                "[LCP ConfReq id=0x1 <endpoint [MAC:00:1a:2b:3c:4d:5e]>]",
            ),
            (
                "01010012 130702c0000201 130701c0000201",
                "[LCP ConfReq id=0x1 <endpoint [IP:192.0.2.1]> <endpoint [local:c0.00.02.01]>]",
            ),
            (
                "01010014 130b040102030405060708 13050901ff",
                "[LCP ConfReq id=0x1 <endpoint [magic:01020304.05060708]> <endpoint [9:01.ff]>]",
            ),
            ("01010008 17040061", "[LCP ConfReq id=0x1 < 17 04 00 61>]"),
        ],
    );
}

#[test]
fn shows_options_of_a_wrong_length_as_octets() {
    check(
        Protocol::LCP,
        &[
            (
                "01010013 010305 020400ff 0303c0 070300 0802",
                "[LCP ConfReq id=0x1 < 01 03 05> < 02 04 00 ff> < 03 03 c0> < 07 03 00> <accomp>]",
            ),
            // A length of 0, of 1, and one that reaches beyond the packet: the list ends there.
            (
                "0101000c 0702 0800 0802 0702",
                "[LCP ConfReq id=0x1 <pcomp> 08 00 08 02 07 02]",
            ),
            ("01010008 0801 0702", "[LCP ConfReq id=0x1 08 01 07 02]"),
            ("01010008 0206 0000", "[LCP ConfReq id=0x1 02 06 00 00]"),
            ("01010007 0702 05", "[LCP ConfReq id=0x1 <pcomp> 05]"),
        ],
    );
    check(
        Protocol::IPCP,
        &[("01010007 810300", "[IPCP ConfReq id=0x1 < 81 03 00>]")],
    );
}

#[test]
fn shows_the_other_lcp_packets() {
    check(
        Protocol::LCP,
        &[
            ("05030004", "[LCP TermReq id=0x3]"),
            ("06020004", "[LCP TermAck id=0x2]"),
            ("09000008 7585b3e6", "[LCP EchoReq id=0x0 magic=0x7585b3e6]"),
            (
                "0a00000c 011dc7c2 7585b3e6",
                "[LCP EchoRep id=0x0 magic=0x11dc7c2 75 85 b3 e6]",
            ),
            ("0a000004", "[LCP EchoRep id=0x0]"),
            ("0a000006 0102", "[LCP EchoRep id=0x0 01 02]"),
            ("0b010008 135d42d1", "[LCP DiscReq id=0x1 magic=0x135d42d1]"),
            (
                "0d010010 00000001 00000e10 62796521",
                "[LCP TimeRem id=0x1 magic=0x1 seconds=3600 \"bye!\"]",
            ),
            ("07020008 0e010004", "[LCP CodeRej id=0x2 0e 01 00 04]"),
            ("0e010004", "[LCP code=0xe id=0x1]"),
            ("00010005 ff", "[LCP code=0x0 id=0x1 ff]"),
            (
                "080b0015 80fd 0101000f 1a047800 18047800 15032f",
                "[LCP ProtRej id=0xb 80 fd 01 01 00 0f 1a 04 78 00 18 04 78 00 15 03 2f]",
            ),
            (
                "0801000b 0003 0400040000",
                "[LCP ProtRej id=0x1 00 03 04 00 04 00 00]",
            ),
        ],
    );
    assert_eq!(
        print(Protocol::LCP, &with_data(8, 2, &[0x55; 33])),
        format!("[LCP ProtRej id=0x2{} ...]", " 55".repeat(32))
    );
    assert_eq!(
        print(Protocol::LCP, &with_data(12, 1, b"\0\0\0\0MSRASV5.20")),
        "[LCP Ident id=0x1 magic=0x0 \"MSRASV5.20\"]"
    );
}

#[test]
fn shows_why_a_link_is_terminated() {
    let print = |id, text: &[u8]| print(Protocol::LCP, &with_data(5, id, text));
    assert_eq!(
        print(2, b"User request"),
        r#"[LCP TermReq id=0x2 "User request"]"#
    );
    assert_eq!(
        print(2, b"Failed to authenticate ourselves to peer"),
        r#"[LCP TermReq id=0x2 "Failed to authenticate ourselves to peer"]"#
    );
    // From a public log; then one that does not begin like a text.
    assert_eq!(
        print(3, b"2\x03\x0f"),
        r#"[LCP TermReq id=0x3 "2\003\017"]"#
    );
    assert_eq!(print(3, b"\x03\x0f2"), "[LCP TermReq id=0x3 03 0f 32]");
}

#[test]
fn shows_ipcp_negotiations_of_real_modems() {
    check(
        Protocol::IPCP,
        &[
            ("01010004", "[IPCP ConfReq id=0x1]"),
            ("03060004", "[IPCP ConfNak id=0x6]"),
            (
                "0101001c 0206002d0f01 030600000000 810600000000 830600000000",
                "[IPCP ConfReq id=0x1 <compress VJ 0f 01> <addr 0.0.0.0> <ms-dns1 0.0.0.0> \
                <ms-dns2 0.0.0.0>]",
            ),
            (
                "0301001c 81060a0b0c0d 83060a0b0c0e 82060a0b0c0d 84060a0b0c0e",
                "[IPCP ConfNak id=0x1 <ms-dns1 10.11.12.13> <ms-dns2 10.11.12.14> <ms-wins \
                10.11.12.13> <ms-wins 10.11.12.14>]",
            ),
            (
                "01010018 010a c0000201c0000202 02040037 0206006100ff",
                "[IPCP ConfReq id=0x1 <addrs 192.0.2.1 192.0.2.2> <compress old-VJ> <compress \
                0x61 00 ff>]",
            ),
        ],
    );
    assert_eq!(
        print(Protocol::IPCP, &with_data(5, 2, b"Refused our IP address")),
        r#"[IPCP TermReq id=0x2 "Refused our IP address"]"#
    );
}

#[test]
fn shows_ipv6cp_and_ccp() {
    check(
        Protocol::IPV6CP,
        &[
            (
                "0101000e 010a 0221abfffe010203",
                "[IPV6CP ConfReq id=0x1 <addr fe80::0221:abff:fe01:0203>]",
            ),
            (
                "0101000a 0104 00 01 0206",
                "[IPV6CP ConfReq id=0x1 < 01 04 00 01> 02 06]",
            ),
            (
                "01010008 0204004f",
                "[IPV6CP ConfReq id=0x1 <compress 0x4f>]",
            ),
        ],
    );
    check(
        Protocol::CCP,
        &[
            (
                "0101000f 1a047800 18047800 15032f",
                "[CCP ConfReq id=0x1 <deflate 15> <deflate(old#) 15> <bsd v1 15>]",
            ),
            (
                "01010008 1a047901",
                "[CCP ConfReq id=0x1 <deflate 15 method 9 check 1>]",
            ),
            (
                "01010008 0102 0202",
                "[CCP ConfReq id=0x1 <predictor 1> <predictor 2>]",
            ),
            (
                "0101000a 1206 01000060",
                "[CCP ConfReq id=0x1 <mppe +H -M +S +L -D -C>]",
            ),
            (
                "0101000a 1206 02000081",
                "[CCP ConfReq id=0x1 <mppe -H +M -S -L -D +C +U (02 00 00 81)>]",
            ),
            ("0e010004", "[CCP ResetReq id=0x1]"),
            ("08010004", "[CCP code=0x8 id=0x1]"),
        ],
    );
}

#[test]
fn shows_chap_as_the_log_of_the_challenge_vector() {
    check(
        Protocol::CHAP,
        &[
            (
                "01010023 10 a2c470e4d8dc7da7d03e2e3880e61d64 554d54535f434841505f53525652",
                "[CHAP Challenge id=0x1 <a2c470e4d8dc7da7d03e2e3880e61d64>, name = \
                \"UMTS_CHAP_SRVR\"]",
            ),
            (
                "02010019 10 0a3ba61c4029c4d6e919714ac56e0049 736f7261",
                "[CHAP Response id=0x1 <0a3ba61c4029c4d6e919714ac56e0049>, name = \"sora\"]",
            ),
            ("03010004", "[CHAP Success id=0x1 \"\"]"),
            ("03010005 00", "[CHAP Success id=0x1 \"\\000\"]"),
            ("01010006 1000", "[CHAP Challenge id=0x1 10 00]"),
            ("05010005 07", "[CHAP code=0x5 id=0x1 07]"),
        ],
    );
    assert_eq!(
        print(
            Protocol::CHAP,
            &with_data(4, 1, b"I don't like you.  Go 'way.")
        ),
        "[CHAP Failure id=0x1 \"I don't like you.  Go 'way.\"]"
    );
}

#[test]
fn shows_pap_without_the_password() {
    check(
        Protocol::PAP,
        &[
            (
                "0101000c 03776562 03647469",
                "[PAP AuthReq id=0x1 user=\"web\" password=<hidden>]",
            ),
            ("02010005 00", "[PAP AuthAck id=0x1 \"\"]"),
            ("02010004", "[PAP AuthAck id=0x1]"),
            ("02010007 02 6f6b", "[PAP AuthAck id=0x1 \"ok\"]"),
            ("02010006 09 6f", "[PAP AuthAck id=0x1 09 6f]"),
        ],
    );
    assert_eq!(
        print(
            Protocol::PAP,
            &with_data(3, 3, b"\x15Authentication failed")
        ),
        "[PAP AuthNak id=0x3 \"Authentication failed\"]"
    );
}

/// Broken requests, padding, codes that do not exist, and our own request sent back as rejected.
#[test]
fn never_shows_octets_that_could_be_a_password() {
    for (protocol, info) in [
        (Protocol::PAP, with_data(1, 1, b"\x03web\x09secret")),
        (Protocol::PAP, with_data(1, 1, b"\x03web\x02secret")),
        (Protocol::PAP, with_data(1, 1, b"\x30web\x06secret")),
        (Protocol::PAP, with_data(9, 1, b"\x03web\x06secret")),
        (
            Protocol::PAP,
            [&with_data(1, 1, b"\x03web\0"), &b"\x06secret"[..]].concat(),
        ),
        (Protocol::PAP, b"\x01\x01\x00\xff\x03web\x06secret".to_vec()),
        (Protocol::PAP, b"\x01\x01\x00".to_vec()),
        (
            Protocol::LCP,
            with_data(8, 1, b"\xc0\x23\x01\x01\x00\x0f\x03web\x06secret"),
        ),
    ] {
        let line = print(protocol, &info);
        assert!(line.contains("<hidden>"), "{line}");
        assert!(
            !line.contains("secret") && !line.contains("73 65 63"),
            "{line}"
        );
    }
    check(
        Protocol::LCP,
        &[
            ("08010008 c0230101", "[LCP ProtRej id=0x1 c0 23 <hidden>]"),
            ("08010006 c023", "[LCP ProtRej id=0x1 c0 23]"),
        ],
    );
}

#[test]
fn shows_data_and_what_it_does_not_know() {
    check(
        Protocol::IPV4,
        &[
            ("4500", "[IP data] 45 00"),
            (
                "450000541234400040018888",
                "[IP data] 45 00 00 54 12 34 40 00 ...",
            ),
        ],
    );
    check(Protocol::IPV6, &[("60", "[IPV6 data] 60")]);
    check(Protocol::COMPRESSED, &[("", "[Compressed data]")]);
    check(Protocol(0x0003), &[("04 00 04", "[proto=0x3] 04 00 04")]);
    assert_eq!(
        print(Protocol(0xc025), &[0xaa; 33]),
        format!("[proto=0xc025]{} ...", " aa".repeat(32))
    );
    check(Protocol::EAP, &[("01010005 01", "[EAP Request id=0x1 01]")]);
}

#[test]
fn shows_broken_control_packets_and_padding_as_octets() {
    check(
        Protocol::LCP,
        &[
            ("", "[LCP]"),
            ("010100", "[LCP] 01 01 00"),
            ("01010003", "[LCP] 01 01 00 03"),
            ("01010009 0702", "[LCP] 01 01 00 09 07 02"),
            ("01010006 0702 aabb", "[LCP ConfReq id=0x1 <pcomp>] aa bb"),
        ],
    );
}

#[test]
fn quotes_as_pppd_does() {
    let mut line = "user=".to_owned();
    quoted(b"a\"b\\c\n\r\t\0\x1b~\x7f\xe9", &mut line);
    assert_eq!(line, r#"user="a\"b\\c\n\r\t\000\033~\177\351""#);
}

#[test]
fn a_text_of_the_peer_is_made_harmless() {
    assert_eq!(sanitise(b""), "");
    assert_eq!(sanitise(b"\0"), "\\000");
    assert_eq!(sanitise(b"Congratulations!"), "Congratulations!");
    assert_eq!(sanitise(b"say \"hi\"\nExit.\\n"), "say \"hi\"\\nExit.\\\\n");
    assert_eq!(
        sanitise("\u{e9}\u{202e}".as_bytes()),
        "\\303\\251\\342\\200\\256"
    );
    assert_eq!(sanitise(&[b'x'; 255]), "x".repeat(255));
    assert_eq!(sanitise(&[b'x'; 256]), format!("{}...", "x".repeat(255)));
}

#[test]
fn a_line_has_an_end() {
    let long = with_data(1, 1, &hex(&"0702".repeat(750)));
    let line = print(Protocol::LCP, &long);
    assert!(
        line.len() <= MAX_LINE + 4 && line.ends_with(" ..."),
        "{line}"
    );
    assert!(
        line.starts_with("[LCP ConfReq id=0x1 <pcomp> <pcomp>"),
        "{line}"
    );
}

proptest! {
    #[test]
    fn any_octets_give_one_printable_bounded_line(
        protocol in prop_oneof![
            prop::sample::select(vec![
                Protocol::LCP, Protocol::IPCP, Protocol::IPV6CP, Protocol::CCP, Protocol::PAP,
                Protocol::CHAP, Protocol::EAP, Protocol::IPV4,
            ]),
            any::<u16>().prop_map(Protocol),
        ],
        code in 0..20_u8,
        data in prop::collection::vec(prop_oneof![any::<u8>(), 0..8_u8], 0..1600),
        broken in any::<bool>(),
    ) {
        let info = if broken { data } else { with_data(code, 1, &data) };
        let line = print(protocol, &info);
        prop_assert!(line.starts_with('['));
        prop_assert!(line.len() <= MAX_LINE + 4);
        prop_assert!(line.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }

    #[test]
    fn any_text_is_made_printable(text in prop::collection::vec(any::<u8>(), 0..600)) {
        let shown = sanitise(&text);
        prop_assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert!(shown.len() <= 4 * MAX_TEXT + 3);
    }
}
