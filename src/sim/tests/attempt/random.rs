//! Anything in any order.

use proptest::prelude::*;

use super::*;

/// Something from outside.
#[derive(Clone, Debug)]
enum Poke {
    Bytes(Vec<u8>),
    /// Until the next deadline.
    Wait,
    Stop,
    Monitor,
    Fail,
    Saved(bool),
    Gone,
    Packet,
}

fn poke() -> impl Strategy<Value = Poke> {
    let texts = prop_oneof![
        4 => Just(b"\r\nOK\r\n".to_vec()),
        2 => Just(b"\r\nCONNECT 115200\r\n".to_vec()),
        1 => Just(b"\r\nERROR\r\n".to_vec()),
        1 => Just(b"\r\n+CME ERROR: 14\r\n".to_vec()),
        1 => Just(b"\r\nNO CARRIER\r\n".to_vec()),
        1 => Just(b"\r\n+CPIN: SIM PIN\r\n\r\nOK\r\n".to_vec()),
        1 => Just(b"\r\n+CREG: 0,2\r\n\r\nOK\r\n".to_vec()),
        1 => Just(vec![0x7e, 0xff, 0x03, 0xc0, 0x21, 0x05, 0x01, 0x00, 0x04, 0x7e]),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
    ];
    prop_oneof![
        20 => texts.prop_map(Poke::Bytes),
        20 => Just(Poke::Wait),
        1 => Just(Poke::Stop),
        1 => Just(Poke::Monitor),
        1 => Just(Poke::Fail),
        3 => any::<bool>().prop_map(Poke::Saved),
        1 => Just(Poke::Gone),
        2 => Just(Poke::Packet),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn whatever_comes_in_whatever_order_it_ends_and_says_nothing_more(
        pokes in proptest::collection::vec(poke(), 0..120),
        dialer in 0..4,
        disconnects in any::<bool>(),
    ) {
        let mut now = Instant::from_millis(1);
        let mut setup = setup(None, &config());
        let script = || chat::plan("ABORT ERROR TIMEOUT 3 '' AT\\d OK-AT-OK ATD1 CONNECT \\K\\c");
        match dialer {
            0 => setup.dialer = AttemptDialer::Direct,
            1 => setup.dialer = AttemptDialer::Chat(script()),
            _ => {}
        }
        setup.disconnect = disconnects.then(script);
        let mut attempt = Attempt::new(setup);
        let mut ended = 0;
        let mut wire = BytesMut::new();
        attempt.start(now);
        let all = pokes.into_iter().chain([Poke::Stop]).chain(std::iter::repeat_n(Poke::Wait, 200));
        for poke in all {
            match poke {
                Poke::Bytes(bytes) => attempt.handle_bytes(now, &bytes, |_| {}),
                Poke::Wait => if let Some(next) = attempt.poll_timeout() {
                    now = now.max(next);
                    attempt.handle_timeout(now);
                },
                Poke::Stop => attempt.stop(now, user()),
                Poke::Monitor => attempt.stop(now, monitor()),
                Poke::Fail => attempt.fail(now, no_tun()),
                Poke::Saved(ok) => attempt.saved(now, ok),
                Poke::Gone => attempt.line_gone(now, None),
                Poke::Packet => {
                    attempt.send_ipv4(&[0x45; 40], &mut wire);
                }
            }
            while attempt.poll_transmit(&mut wire) {}
            wire.clear();
            while let Some(event) = attempt.poll_event() {
                prop_assert_eq!(ended, 0, "{:?} behind the end", event);
                ended += u32::from(matches!(event, AttemptEvent::Ended(_)));
            }
        }
        prop_assert_eq!(ended, 1);
        prop_assert_eq!(attempt.poll_timeout(), None);
    }
}
