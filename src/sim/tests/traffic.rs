//! What goes over a simulated link, for how long, and at what cost.

use super::*;

#[test]
fn the_internet_can_be_broken_while_ppp_works() {
    let mut world = world(&["no-ping=1", "net-silent=2@20s"]);
    up(&mut world);
    assert!(!answered(&mut world, "192.0.2.1"));
    world.close("again");
    world.pass(MINUTE).unwrap();
    up(&mut world);
    assert!(answered(&mut world, "192.0.2.1"));
    world.pass(MINUTE).unwrap();
    assert!(!answered(&mut world, "192.0.2.1"));
}

#[test]
fn another_address_each_time_and_no_packet_with_the_old_one() {
    let mut world = world(&["new-address"]);
    for last in 2..5 {
        world.dial();
        let Some(Happening::NetworkUp(settings)) = next(&mut world, MINUTE) else {
            panic!()
        };
        assert_eq!(settings.local, Ipv4Addr::new(10, 64, 64, last));
        assert_eq!(answered(&mut world, "192.0.2.1"), last == 2);
        world.close("again");
        world.pass(MINUTE).unwrap();
    }
    assert_eq!(world.sim().stats().spoofed_packets, 2);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let run = |seed| {
        let mut config = with_chap(&["garbage", "bitflip=1e-4", "urc", "stray", "no-carrier@40s"]);
        config.sim.seed = seed;
        let mut world = World::new(config);
        world.record();
        world.dial();
        for _ in 0..20 {
            world.pass(Duration::from_secs(3)).unwrap();
            world.send(&ping("203.0.113.7"));
        }
        let stats = world.sim().stats();
        (world.transcript().to_vec(), stats)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn an_idle_hour_takes_few_steps() {
    let mut world = World::new(with_chap(&["bitflip=1e-6", "echo-silent@1h", "slow=10000"]));
    up(&mut world);
    world.take_happenings();
    let mut steps = 0;
    let end = world.now() + 60 * MINUTE;
    while world.now() < end {
        let before = world.now();
        world.run(Duration::from_secs(1), |_| true).unwrap();
        assert!(world.now() > before || !world.take_happenings().is_empty());
        steps += 1;
    }
    assert!(steps < 20_000, "{steps}");

    // The simulator alone, without a call and with one: each deadline is later than the last.
    let mut sim = Sim::new(SimConfig::default(), Instant::ZERO);
    let mut deadlines = 0;
    while let Some(due) = sim
        .poll_timeout()
        .filter(|due| *due < Instant::from_millis(3_600_000))
    {
        sim.handle_timeout(due);
        assert!(sim.poll_timeout().is_none_or(|next| next > due));
        deadlines += 1;
    }
    assert!(deadlines < 10, "{deadlines}");
}

#[test]
fn a_gateway_that_does_not_read_holds_the_isp_back_and_costs_no_memory_nor_steps() {
    let config = config(&["data-mode"]);
    let mut sim = Sim::new(config.sim, Instant::ZERO);
    let (mut now, mut steps) = (Instant::ZERO, 0);
    while let Some(due) = sim
        .poll_timeout()
        .filter(|due| *due < Instant::from_millis(600_000))
    {
        assert!(due > now || steps == 0, "{due:?}");
        now = due;
        sim.handle_timeout(now);
        while sim.poll_event().is_some() {}
        steps += 1;
    }
    let waiting = |sim: &mut Sim, now| {
        let mut out = Vec::new();
        while sim.poll_transmit(now, 4096, &mut out) {}
        out.len()
    };
    let said = waiting(&mut sim, now);
    assert!(steps < 1000 && said < 64 * 1024, "{steps} {said}");
    // Nor does typing, with its echo, without reading.
    let mut sim = Sim::new(SimConfig::default(), now);
    for _ in 0..1000 {
        sim.handle_bytes(now, &[b'A'; 4096]);
    }
    let echoed = waiting(&mut sim, now);
    assert!((60_000..75_000).contains(&echoed), "{echoed}");
}

#[test]
fn survives_any_bytes_and_never_asks_for_a_moment_that_has_passed() {
    let mut random = Random::new(4);
    let faults = [
        "garbage",
        "dummy-dns",
        "empty-confreq",
        "rechallenge",
        "pap-only",
        "unplug@20s",
    ];
    for seed in 0..30 {
        let mut config = with_chap(&faults);
        config.sim.seed = seed;
        config.sim.faults.push(Fault::DataMode.into());
        if seed % 3 == 0 {
            config.sim.faults.push(Fault::Chunk(3).into());
        }
        let mut sim = Sim::new(config.sim, Instant::ZERO);
        let drain = |sim: &mut Sim, now| {
            let mut out = Vec::new();
            while sim.poll_transmit(now, 1000, &mut out) {}
            while sim.poll_event().is_some() {}
        };
        for step in 0..200 {
            let mut now = Instant::from_millis(step * 400);
            let mut bytes = vec![0; random.below(300) as usize];
            random.fill(&mut bytes);
            if random.below(3) == 0 {
                bytes = b"\rATE1;D*99#\r".to_vec();
            }
            sim.handle_bytes(now, &bytes);
            sim.handle_dtr(now, random.below(10) > 0);
            drain(&mut sim, now);
            let end = now + Duration::from_millis(400);
            while let Some(due) = sim.poll_timeout().filter(|due| *due < end) {
                now = due.max(now);
                sim.handle_timeout(now);
                drain(&mut sim, now);
                assert!(
                    sim.poll_timeout().is_none_or(|next| next > now),
                    "{seed} {now:?}"
                );
            }
        }
    }
}

#[test]
fn twenty_cut_lines_in_a_row_are_taken_up_twenty_times() {
    let mut world = World::new(with_chap(&["no-carrier=always@3s"]));
    for call in 1..=20 {
        up(&mut world);
        assert!(answered(&mut world, "198.51.100.10"));
        let end = next(&mut world, MINUTE);
        assert_eq!(end, Some(Happening::Down(DownReason::CarrierLost)));
        world.hang_up(true);
        assert_eq!(
            next(&mut world, MINUTE),
            Some(Happening::HungUp { confirmed: true })
        );
        assert_eq!(world.sim().stats().calls, call);
    }
}

/// Sends `count` bytes of the pattern to a port of the web server, and gives what came back once
/// `wanted` bytes did.
fn converse(world: &mut World, port: u16, request: &[u8], wanted: usize) -> Vec<u8> {
    use super::internet::device::{Wire, smol};
    use smoltcp::iface::{Config, Interface, PollResult, SocketSet};
    use smoltcp::socket::tcp;
    use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

    let mut device = Wire::default();
    let mut interface = Interface::new(
        Config::new(HardwareAddress::Ip),
        &mut device,
        smol(world.now()),
    );
    let own = Ipv4Addr::new(10, 64, 64, 2);
    interface.update_ip_addrs(|a| a.push(IpCidr::new(IpAddress::Ipv4(own), 32)).unwrap());
    interface
        .routes_mut()
        .add_default_ipv4_route(Ipv4Addr::new(10, 64, 64, 1))
        .unwrap();
    let mut sockets = SocketSet::new(Vec::new());
    let buffer = || tcp::SocketBuffer::new(vec![0; 65535]);
    let handle = sockets.add(tcp::Socket::new(buffer(), buffer()));
    let to = (IpAddress::v4(198, 51, 100, 10), port);
    let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
    socket
        .connect(interface.context(), to, 30_000 + port)
        .unwrap();
    let (mut rest, mut got) = (request, Vec::new());
    let mut waiting = VecDeque::new();
    while got.len() < wanted {
        assert!(
            world.now() < Instant::from_millis(600_000),
            "{} bytes",
            got.len()
        );
        let now = smol(world.now());
        while interface.poll_egress(now, &mut device, &mut sockets) != PollResult::None {}
        waiting.append(&mut device.sent);
        while let Some(packet) = waiting.pop_front() {
            if !world.send(&packet) {
                waiting.push_front(packet);
                break;
            }
        }
        world.pass(Duration::from_millis(2)).unwrap();
        for (_, happening) in world.take_happenings() {
            if let Happening::Packet(packet) = happening {
                device.received = Some(packet);
                let _ = interface.poll_ingress_single(now, &mut device, &mut sockets);
            }
        }
        let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
        if socket.may_send() {
            rest = &rest[socket.send_slice(rest).unwrap()..];
        }
        while socket.can_recv() {
            socket
                .recv(|bytes| (bytes.len(), got.extend_from_slice(bytes)))
                .unwrap();
        }
    }
    got
}

#[test]
fn ten_megabytes_go_both_ways_without_a_byte_lost() {
    let mut world = world(&[]);
    up(&mut world);
    let sent: Vec<u8> = (0..10_000_000).map(internet::pattern).collect();
    let start = world.now();
    let echoed = converse(&mut world, 7, &sent, sent.len());
    assert!(echoed == sent, "bytes were damaged");
    let seconds = world.now().since(start).as_secs_f64();
    assert!(seconds < 20.0, "{seconds} s");
    assert_eq!(world.sim().stats().dropped_packets, 0);
    let stats = world.endpoint().unwrap().stats();
    assert_eq!(stats.frames.bad_fcs, 0);
}

#[test]
fn tcp_survives_a_line_that_damages_and_drops() {
    let mut world = world(&["bitflip=1e-6", "drop=1e-6@5s", "slow=200000"]);
    up(&mut world);
    let reply = converse(
        &mut world,
        80,
        b"GET /bytes/500000 HTTP/1.0\r\n\r\n",
        500_100,
    );
    let head = memchr::memmem::find(&reply, b"\r\n\r\n").unwrap() + 4;
    assert!(
        reply[head..]
            .iter()
            .zip(0..)
            .all(|(byte, at)| *byte == internet::pattern(at))
    );
    let stats = world.endpoint().unwrap().stats();
    assert!(stats.frames.bad_fcs > 0);
}
