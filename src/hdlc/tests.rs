//! Framing as a whole: frames of real modems, frames that are broken, and what goes out comes back.

use bytes::BytesMut;
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

/// All results, with the input cut into pieces of `chunk` octets.
fn deframe_with(
    deframer: &mut Deframer,
    wire: &[u8],
    chunk: usize,
) -> Vec<Result<Vec<u8>, FrameError>> {
    let mut results = Vec::new();
    for mut input in wire.chunks(chunk.max(1)) {
        while let Some(result) = deframer.next(&mut input) {
            results.push(result.map(<[u8]>::to_vec));
        }
        assert!(input.is_empty());
    }
    results
}

fn deframe(wire: &[u8]) -> Vec<Result<Vec<u8>, FrameError>> {
    deframe_with(&mut Deframer::new(1600), wire, wire.len())
}

fn frame(map: &TransmitMap, header: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut wire = BytesMut::new();
    Framer::new().encode(map, header, payload, &mut wire);
    wire.to_vec()
}

/// RFC 1662 section 4.2 octet by octet, with nothing clever.
fn frame_by_the_book(map: &TransmitMap, header: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut wire = vec![FLAG];
    for octet in [header, payload, &fcs::of(&[header, payload])].concat() {
        if map.contains(octet) {
            wire.extend([ESCAPE, octet ^ 0x20]);
        } else {
            wire.push(octet);
        }
    }
    wire.push(FLAG);
    wire
}

/// Frames as modems sent them, and what is in them. The letter and number name the public log.
const RECORDED: [(&str, &str, &str); 8] = [
    (
        "R1: Quectel BG96, Configure-Request",
        "7e ff 7d 23 c0 21 7d 21 7d 20 7d 20 7d 39 7d 22 7d 26 7d 20 7d 20 7d 20 7d 20 7d 23 \
         7d 25 c2 23 7d 25 7d 25 7d 26 d0 84 69 7d 2a 7d 27 7d 22 7d 28 7d 22 a0 fc 7e",
        "ff03c021 01000019 020600000000 0305c22305 0506d084690a 0702 0802",
    ),
    (
        "R2: SIM7600, Configure-Request",
        "7e ff 7d 23 c0 21 7d 21 7d 21 7d 20 7d 34 7d 22 7d 26 7d 20 7d 20 7d 20 7d 20 7d 25 \
         7d 26 7d 32 d6 e3 d1 7d 27 7d 22 7d 28 7d 22 3a 97 7e",
        "ff03c021 01010014 020600000000 050612d6e3d1 0702 0802",
    ),
    (
        "R2b: the host's Configure-Ack",
        "7e ff 7d 23 c0 21 7d 22 7d 21 7d 20 7d 34 7d 22 7d 26 7d 20 7d 20 7d 20 7d 20 7d 25 \
         7d 26 7d 32 d6 e3 d1 7d 27 7d 22 7d 28 7d 22 d1 fe 7e",
        "ff03c021 02010014 020600000000 050612d6e3d1 0702 0802",
    ),
    (
        "R3: Echo-Request with control characters that are not escaped",
        "7e ff 03 c0 21 09 02 00 08 50 ed 76 89 15 c7 7e",
        "ff03c021 09020008 50ed7689",
    ),
    (
        "R3: SIM7670G, Echo-Reply likewise",
        "7e ff 03 c0 21 0a 02 00 08 70 f1 53 70 65 d5 7e",
        "ff03c021 0a020008 70f15370",
    ),
    (
        "R4: Terminate-Request without data",
        "7e ff 7d 23 c0 21 7d 25 7d 23 7d 20 7d 24 85 72 7e",
        "ff03c021 05030004",
    ),
    (
        "R5: the address octet is escaped as well",
        "7E 7D DF 7D 23 C0 21 7D 21 7D 21 7D 20 7D 34 7D 22 7D 26 7D 20 7D 20 7D 20 7D 20 7D \
         25 7D 26 93 7D 2F 7D 22 22 7D 27 7D 22 7D 28 7D 22 DE 6C 7E",
        "ff03c021 01010014 020600000000 0506930f0222 0702 0802",
    ),
    (
        "R6: a host's probe",
        "7e ff 03 c0 21 09 01 00 08 99 d1 35 c1 8e 2c 7e",
        "ff03c021 09010008 99d135c1",
    ),
];

#[test]
fn reads_frames_of_real_modems() {
    for (name, wire, content) in RECORDED {
        for chunk in 1..60 {
            let results = deframe_with(&mut Deframer::new(1600), &hex(wire), chunk);
            assert_eq!(results, [Ok(hex(content))], "{name} in pieces of {chunk}");
        }
    }
}

#[test]
fn writes_frames_as_real_modems_do() {
    // All but R5, which escapes more than it has to.
    for (name, wire, content) in RECORDED.into_iter().filter(|row| !row.0.starts_with("R5")) {
        let accm = if name.starts_with("R3") || name.starts_with("R6") {
            0
        } else {
            u32::MAX
        };
        let content = hex(content);
        let (header, payload) = content.split_at(4);
        assert_eq!(
            frame(&TransmitMap::from_accm(accm), header, payload),
            hex(wire),
            "{name}"
        );
    }
}

#[test]
fn frames_without_a_recorded_fcs_survive_the_way_out_and_back() {
    // R7 (a GPRS modem, both directions) and R8 (u-blox SARA-R5) are known without their FCS.
    for content in [
        "ff03c021 01010018 01040640 020600000000 0506326c4556 0702 0802",
        "ff03c021 01030019 0206000a0000 0702 0802 05067377bda1 0305c22305",
        "ff03c021 03030008 0304c023",
        "ff03c021 01050018 0206000a0000 0702 0802 05067377bda1 0304c023",
        "ff03c021 01020008 0304c023",
    ] {
        let content = hex(content);
        for accm in [0, 0x000a_0000, u32::MAX] {
            let wire = frame(&TransmitMap::from_accm(accm), &content, &[]);
            assert_eq!(deframe(&wire), [Ok(content.clone())]);
        }
    }
}

#[test]
fn frames_may_share_a_flag_or_stand_back_to_back() {
    let frame = hex("ff 03 c0 21 09 02 00 08 50 ed 76 89 15 c7");
    let content = || Ok(hex("ff03c021 09020008 50ed7689"));
    let shared = [&[FLAG][..], &frame, &[FLAG], &frame, &[FLAG]].concat();
    let apart = [
        &[FLAG][..],
        &frame,
        &[FLAG, FLAG],
        &frame,
        &[FLAG; 5],
        &frame,
        &[FLAG],
    ]
    .concat();
    assert_eq!(deframe(&shared), [content(), content()]);
    assert_eq!(deframe(&apart), [content(), content(), content()]);
}

#[test]
fn empty_frames_are_not_counted() {
    let mut deframer = Deframer::new(1600);
    assert_eq!(deframe_with(&mut deframer, &[FLAG; 50], 7), []);
    assert_eq!(*deframer.stats(), FrameStats::default());
}

/// The modem's last line of text is glued to its first frame.
#[test]
fn text_before_the_first_flag_is_no_frame() {
    let wire = [b"\r\nCONNECT 150000000\r\n}", &hex(RECORDED[0].1)[..]].concat();
    for chunk in 1..wire.len() {
        let mut deframer = Deframer::new(1600);
        let results = deframe_with(&mut deframer, &wire, chunk);
        assert_eq!(results, [Ok(hex(RECORDED[0].2))]);
        assert_eq!(
            *deframer.stats(),
            FrameStats {
                good: 1,
                ..FrameStats::default()
            }
        );
    }
}

/// A stack that did not reset its buffer lost the good frame.
#[test]
fn a_bad_fcs_does_not_cost_the_next_frame() {
    let mut bad = hex(RECORDED[3].1);
    bad[9] ^= 1;
    let wire = [bad, hex(RECORDED[4].1)].concat();
    for chunk in 1..wire.len() {
        let mut deframer = Deframer::new(1600);
        let results = deframe_with(&mut deframer, &wire, chunk);
        assert_eq!(results, [Err(FrameError::Fcs), Ok(hex(RECORDED[4].2))]);
        assert_eq!(
            *deframer.stats(),
            FrameStats {
                good: 1,
                bad_fcs: 1,
                ..FrameStats::default()
            }
        );
    }
}

/// A stack whose escape outlived the flag lost the good frame.
#[test]
fn an_aborted_frame_does_not_cost_the_next_one() {
    let wire = [&hex("7e ff 03 c0 21 09 7d"), &hex(RECORDED[4].1)[..]].concat();
    for chunk in 1..wire.len() {
        let mut deframer = Deframer::new(1600);
        let results = deframe_with(&mut deframer, &wire, chunk);
        assert_eq!(results, [Err(FrameError::Aborted), Ok(hex(RECORDED[4].2))]);
        assert_eq!(
            *deframer.stats(),
            FrameStats {
                good: 1,
                aborted: 1,
                ..FrameStats::default()
            }
        );
    }
}

#[test]
fn a_lost_octet_costs_one_frame() {
    let good = hex(RECORDED[3].1);
    for lost in 1..good.len() - 1 {
        let mut broken = good.clone();
        broken.remove(lost);
        let results = deframe(&[broken, good.clone()].concat());
        assert_eq!(
            results,
            [Err(FrameError::Fcs), Ok(hex(RECORDED[3].2))],
            "octet {lost}"
        );
    }
}

#[test]
fn an_escaped_escape_is_data() {
    let wire = frame(&TransmitMap::from_accm(0), &[0x7d, 0x7e, 0x5d, 0x5e], &[]);
    assert!(wire.starts_with(&[0x7e, 0x7d, 0x5d, 0x7d, 0x5e, 0x5d, 0x5e]));
    assert_eq!(deframe(&wire), [Ok(vec![0x7d, 0x7e, 0x5d, 0x5e])]);
    // Whatever is behind an Escape is exclusive-ored, an Escape too: 7d 7d is 5d.
    let content = [0xc0, 0x21, 0x5d];
    let wire = [
        &[FLAG, 0xc0, 0x21, ESCAPE, ESCAPE][..],
        &fcs::of(&[&content]),
        &[FLAG],
    ]
    .concat();
    assert_eq!(deframe(&wire), [Ok(content.to_vec())]);
}

#[test]
fn runts_are_counted_even_with_a_good_fcs() {
    let mut deframer = Deframer::new(1600);
    // 00 00 is the right FCS of nothing: a stack that took it as a frame dereferenced a null
    // pointer.
    let results = deframe_with(&mut deframer, &hex("7e 00 00 7e 21 7e"), 3);
    assert_eq!(
        results,
        [Err(FrameError::TooShort), Err(FrameError::TooShort)]
    );
    assert_eq!(
        *deframer.stats(),
        FrameStats {
            too_short: 2,
            ..FrameStats::default()
        }
    );
}

#[test]
fn the_shortest_frame_is_a_compressed_protocol_number() {
    assert_eq!(
        deframe(&frame(&TransmitMap::ALL_CONTROL, &[0x21], &[])),
        [Ok(vec![0x21])]
    );
}

#[test]
fn an_oversized_frame_is_counted_once_and_skipped() {
    let map = TransmitMap::from_accm(0);
    let long = frame(&map, &[0x21], &[0x45; 300]);
    let fits = frame(&map, &[0x21], &[0x45; 97]);
    let wire = [&long[..], &fits, &long[..250], &fits].concat();
    for chunk in 1..wire.len() {
        let mut deframer = Deframer::new(100);
        let results = deframe_with(&mut deframer, &wire, chunk);
        let good = || Ok([&[0x21][..], &[0x45; 97]].concat());
        let bad = || Err(FrameError::TooLong);
        assert_eq!(results, [bad(), good(), bad(), good()], "pieces of {chunk}");
        let expected = FrameStats {
            good: 2,
            too_long: 2,
            ..FrameStats::default()
        };
        assert_eq!(*deframer.stats(), expected);
    }
}

#[test]
fn the_longest_frame_fits_whatever_is_escaped() {
    for (payload, accm) in [([0x7e; 97], 0), ([0x11; 97], u32::MAX), ([0x41; 97], 0)] {
        for receive_accm in [0, u32::MAX] {
            let mut deframer = Deframer::new(100);
            deframer.set_receive_accm(receive_accm);
            let wire = frame(&TransmitMap::from_accm(accm), &[0x21], &payload);
            for chunk in [1, 2, 63, 64, 65, wire.len()] {
                let results = deframe_with(&mut deframer, &wire, chunk);
                assert_eq!(results, [Ok([&[0x21][..], &payload].concat())]);
            }
            let wire = frame(&TransmitMap::from_accm(accm), &[0x21, 0x45], &payload);
            assert_eq!(
                deframe_with(&mut deframer, &wire, 64),
                [Err(FrameError::TooLong)]
            );
        }
    }
}

/// A line that never sends a flag (a modem in command mode that talks) is bounded work and no
/// frame.
#[test]
fn a_line_without_flags_gives_nothing() {
    let mut deframer = Deframer::new(100);
    assert_eq!(deframe_with(&mut deframer, &[0x55; 100_000], 4096), []);
    let after_a_flag = [&[FLAG][..], &[0x55; 100_000]].concat();
    assert_eq!(
        deframe_with(&mut deframer, &after_a_flag, 4096),
        [Err(FrameError::TooLong)]
    );
    assert_eq!(
        *deframer.stats(),
        FrameStats {
            too_long: 1,
            ..FrameStats::default()
        }
    );
}

#[test]
fn control_characters_of_the_receive_map_are_dropped() {
    // XON and XOFF that the line put in: before a frame, into data, and between an Escape and its
    // octet.
    let map = TransmitMap::from_accm(0x000a_0000);
    let clean = frame(&map, &[0xc0, 0x21], &[0x11, 0x41, 0x13, 0x7e, 0x12]);
    let mut dirty = Vec::new();
    for octet in &clean {
        dirty.extend([*octet, 0x11, 0x13]);
    }
    let content = vec![0xc0, 0x21, 0x11, 0x41, 0x13, 0x7e, 0x12];
    for chunk in 1..dirty.len() {
        let mut deframer = Deframer::new(1600);
        deframer.set_receive_accm(0x000a_0000);
        let results = deframe_with(&mut deframer, &dirty, chunk);
        assert_eq!(results, [Ok(content.clone())], "pieces of {chunk}");
        // Behind the last flag nothing but dropped characters has come: the next flag ends an empty
        // frame.
        assert_eq!(deframe_with(&mut deframer, &[FLAG], 1), []);
    }
    let results = deframe(&dirty);
    assert_eq!(
        results,
        [Err(FrameError::Fcs)],
        "without the map they are data"
    );
}

#[test]
fn settings_change_between_two_frames_of_one_input() {
    let mut wire = frame(&TransmitMap::ALL_CONTROL, &[0x21, 0x45], &[]);
    wire.insert(2, 0x11);
    let twice = [&wire[..], &wire].concat();
    let mut deframer = Deframer::new(1600);
    let mut input = &twice[..];
    assert_eq!(deframer.next(&mut input), Some(Err(FrameError::Fcs)));
    deframer.set_receive_accm(u32::MAX);
    assert_eq!(deframer.next(&mut input), Some(Ok(&[0x21, 0x45][..])));
    assert_eq!(deframer.next(&mut input), None);
}

#[test]
fn a_framer_keeps_up_with_maps_that_change() {
    let mut framer = Framer::new();
    let payload: Vec<u8> = (0..=255).collect();
    for accm in [u32::MAX, 0, 0x000a_0000, 0, u32::MAX] {
        let map = TransmitMap::from_accm(accm);
        let mut wire = BytesMut::new();
        framer.encode(&map, &[0xff, 0x03, 0x00, 0x21], &payload, &mut wire);
        assert_eq!(
            wire,
            frame_by_the_book(&map, &[0xff, 0x03, 0x00, 0x21], &payload)[..]
        );
    }
}

#[test]
fn buffers_do_not_grow_once_they_are_large_enough() {
    let mut framer = Framer::new();
    let mut wire = BytesMut::with_capacity(8192);
    let start = wire.as_ptr();
    for _ in 0..100 {
        framer.encode(
            &TransmitMap::from_accm(0),
            &[0x21],
            &[0x7e; 1500],
            &mut wire,
        );
        assert_eq!(wire.as_ptr(), start);
        wire.clear();
    }
}

/// Payloads in which escapes are absent, sparse, dense, or everything there is.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let dense = prop_oneof![Just(0x7e), Just(0x7d), Just(0x5d), Just(0x5e), any::<u8>()];
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..1500),
        prop::collection::vec(dense, 0..1500),
        prop::collection::vec(prop_oneof![15 => 0x20..0x7d_u8, 1 => Just(0x7e)], 0..1500),
        (any::<u8>(), 0..1500_usize).prop_map(|(octet, length)| vec![octet; length]),
    ]
}

fn map() -> impl Strategy<Value = TransmitMap> {
    prop_oneof![
        any::<u32>().prop_map(TransmitMap::from_accm),
        Just(TransmitMap([0; 8])),
        any::<[u32; 8]>().prop_map(TransmitMap),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn encodes_as_the_book_says(
        payload in payload(),
        map in map(),
    ) {
        prop_assert_eq!(frame(&map, &[0x21], &payload), frame_by_the_book(&map, &[0x21], &payload));
    }

    #[test]
    fn what_is_framed_comes_back(
        payloads in prop::collection::vec(payload(), 1..4),
        accm in prop_oneof![Just(0), Just(u32::MAX), any::<u32>()],
        strict in any::<bool>(),
        chunk in 1..200_usize,
    ) {
        let mut framer = Framer::new();
        let mut wire = BytesMut::new();
        for payload in &payloads {
            framer.encode(&TransmitMap::from_accm(accm), &[0xff, 3], payload, &mut wire);
        }
        let mut deframer = Deframer::new(1504);
        deframer.set_receive_accm(if strict { accm } else { 0 });
        let expected: Vec<_> =
            payloads.iter().map(|payload| Ok([&[0xff, 3][..], payload].concat())).collect();
        prop_assert_eq!(deframe_with(&mut deframer, &wire, chunk), expected);
    }

    #[test]
    fn any_octets_in_any_pieces_give_the_same_results(
        noise in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x7e), Just(0x7d)], 0..600),
        accm in prop_oneof![Just(0), Just(u32::MAX), any::<u32>()],
        chunk in 1..80_usize,
    ) {
        let run = |chunk| {
            let mut deframer = Deframer::new(64);
            deframer.set_receive_accm(accm);
            (deframe_with(&mut deframer, &noise, chunk), *deframer.stats())
        };
        prop_assert_eq!(run(chunk), run(noise.len()));
    }
}
