//! Which octets are escaped on the line, and which are dropped.

use super::*;

/// What the ACCM is for: a line with XON/XOFF flow control puts its characters into the stream.
#[test]
fn characters_that_the_line_puts_in_are_dropped_if_the_map_says_so() {
    for (accm, works) in [(0x000a_0000, true), (0, false)] {
        let (mut one, other) = (gateway(), isp());
        one.lcp.accm = Some(accm);
        let quality = Quality {
            xon_every: 5,
            ..Quality::default()
        };
        let mut pair = Pair::new(one, other, quality, 1);
        let up = pair.drive(Duration::from_secs(40), Pair::both_up);
        assert_eq!(up, works, "{accm:#x}: {:?}", pair.gateway.down);
        if !up {
            continue;
        }
        let mut packet = vec![0x11; 300];
        packet[0] = 0x45;
        packet[12..16].copy_from_slice(&ISP.octets());
        let mut wire = BytesMut::new();
        assert!(pair.isp.endpoint.send_ipv4(&packet, &mut wire));
        pair.put(wire.to_vec(), false);
        pair.gateway.run(pair.now, 0);
        assert_eq!(pair.gateway.received, [packet]);
    }
}

/// pppd's `escape`: in every frame, control and data, whatever the peer has asked for; its own frames stay as they are.
#[test]
fn configured_octets_are_always_escaped() {
    const ESCAPED: [u8; 3] = [0x11, 0x41, 0xff];
    let (mut one, other) = (gateway(), isp());
    for octet in ESCAPED {
        one.lcp.escape[usize::from(octet / 32)] |= 1 << (octet % 32);
    }
    let mut first = Endpoint::new(one.clone(), 1);
    first.line_up(Instant::ZERO);
    let mut wire = BytesMut::new();
    assert!(first.poll_transmit(&mut wire));
    assert_eq!(wire[..5], [0x7e, 0x7d, 0xdf, 0x7d, 0x23]);

    let mut pair = Pair::new(one, other, Quality::default(), 1);
    assert!(pair.drive(Duration::ZERO, Pair::both_up));
    for (to_isp, source, bare) in [(true, GATEWAY, false), (false, ISP, true)] {
        let mut packet: Vec<u8> = (0..=255).collect();
        packet[0] = 0x45;
        packet[12..16].copy_from_slice(&source.octets());
        let (from, to) = if to_isp {
            (&mut pair.gateway, &mut pair.isp)
        } else {
            (&mut pair.isp, &mut pair.gateway)
        };
        let mut wire = BytesMut::new();
        assert!(from.endpoint.send_ipv4(&packet, &mut wire));
        let has = ESCAPED.map(|octet| wire.contains(&octet));
        assert_eq!(has, [bare; 3], "{to_isp}");
        to.inbound.push_back((pair.now, wire.to_vec()));
        to.run(pair.now, 0);
        assert_eq!(to.received, [packet]);
    }
}

/// pppd's `receive-all`: a peer that does not escape what it was asked to is understood.
#[test]
fn receive_all_drops_nothing_that_is_in_the_map() {
    for receive_all in [true, false] {
        let (mut one, other) = (gateway(), isp());
        one.lcp.accm = Some(0x000a_0000);
        one.lcp.receive_all = receive_all;
        let mut pair = Pair::new(one, other, Quality::default(), 1);
        assert!(pair.drive(Duration::ZERO, Pair::both_up));
        let mut packet = vec![0x11; 40];
        packet[0] = 0x45;
        let mut wire = BytesMut::new();
        let map = TransmitMap::from_accm(0);
        Framer::default().encode(&map, &[0xff, 0x03, 0x00, 0x21], &packet, &mut wire);
        assert!(wire.contains(&0x11));
        let bad = pair.gateway.endpoint.stats().frames.bad_fcs;
        pair.put(wire.to_vec(), false);
        pair.gateway.run(pair.now, 0);
        let dropped = pair.gateway.endpoint.stats().frames.bad_fcs - bad;
        assert_eq!(pair.gateway.received.len(), usize::from(receive_all));
        assert_eq!(dropped, u64::from(!receive_all));
    }
}
