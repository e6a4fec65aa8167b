use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, IpEndpoint};

use super::device::{Wire, smol};
use super::*;

mod monitor;

const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 2);
const ISP: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 1);
const WEB: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);

fn internet() -> Internet {
    Internet::new(Instant::ZERO, 1, ISP, zone::DNS.map(Some))
}

/// An IPv4 packet of the gateway with this hop limit.
fn packet(to: Ipv4Addr, ttl: u8, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Ipv4::write(GATEWAY, to, protocol, 9, payload);
    bytes[8] = ttl;
    bytes[10..12].fill(0);
    let sum = packet::checksum([&bytes[..20]]);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// A ping of the gateway.
pub(in crate::sim) fn ping_packet(to: Ipv4Addr, ttl: u8) -> Vec<u8> {
    packet(
        to,
        ttl,
        ICMP,
        &icmp(ECHO_REQUEST, 0, [1, 2, 0, 7], &[5; 56]),
    )
}

/// Sends one packet and gives source, protocol and payload of what comes back.
fn ask(
    internet: &mut Internet,
    bytes: &[u8],
    faults: InternetFaults,
) -> Vec<(Ipv4Addr, u8, Vec<u8>)> {
    internet.handle_packet(Instant::ZERO, bytes, faults);
    let replies = std::iter::from_fn(|| internet.poll_transmit());
    replies
        .map(|bytes| {
            let packet = Ipv4::parse(&bytes).expect("a sound packet");
            assert_eq!(packet.destination, GATEWAY);
            if packet.protocol == ICMP {
                assert_eq!(packet::checksum([packet.payload]), 0);
            }
            (packet.source, packet.protocol, packet.payload.to_vec())
        })
        .collect()
}

fn ping(internet: &mut Internet, to: Ipv4Addr, ttl: u8) -> Vec<(Ipv4Addr, u8)> {
    let replies = ask(internet, &ping_packet(to, ttl), InternetFaults::default());
    replies
        .iter()
        .map(|(from, _, payload)| (*from, payload[0]))
        .collect()
}

#[test]
fn answers_a_ping_with_its_data() {
    let mut internet = internet();
    let request = packet(
        WEB,
        64,
        ICMP,
        &icmp(ECHO_REQUEST, 0, [1, 2, 0, 7], b"hello"),
    );
    let reply = icmp(ECHO_REPLY, 0, [1, 2, 0, 7], b"hello");
    assert_eq!(
        ask(&mut internet, &request, InternetFaults::default()),
        [(WEB, ICMP, reply)]
    );
    let faults = InternetFaults {
        no_ping: true,
        ..InternetFaults::default()
    };
    assert_eq!(ask(&mut internet, &request, faults), []);
}

#[test]
fn the_isp_and_the_first_router_are_one_hop_away() {
    let mut internet = internet();
    assert_eq!(ping(&mut internet, ISP, 1), [(ISP, ECHO_REPLY)]);
    assert_eq!(
        ping(&mut internet, zone::EDGE, 1),
        [(zone::EDGE, ECHO_REPLY)]
    );
}

#[test]
fn a_rising_hop_limit_shows_the_route() {
    let mut internet = internet();
    let edge = Ipv4Addr::new(203, 0, 113, 1);
    let far = Ipv4Addr::new(203, 0, 113, 7);
    let route: Vec<_> = (1..=6).map(|ttl| ping(&mut internet, far, ttl)).collect();
    let expected = [
        vec![(zone::EDGE, TIME_EXCEEDED)],
        vec![],
        vec![(Ipv4Addr::new(192, 0, 2, 9), TIME_EXCEEDED)],
        vec![(edge, TIME_EXCEEDED)],
        vec![],
        vec![(far, ECHO_REPLY)],
    ];
    assert_eq!(route, expected);
}

#[test]
fn an_error_quotes_the_header_and_eight_bytes() {
    let mut internet = internet();
    let request = packet(WEB, 1, ICMP, &icmp(ECHO_REQUEST, 0, [1, 2, 0, 7], &[5; 56]));
    let error = icmp(TIME_EXCEEDED, 0, [0; 4], &request[..28]);
    let expected = [(zone::EDGE, ICMP, error)];
    assert_eq!(
        ask(&mut internet, &request, InternetFaults::default()),
        expected
    );
}

#[test]
fn other_addresses_are_unreachable_or_silent() {
    let mut internet = internet();
    let elsewhere = Ipv4Addr::new(8, 8, 8, 8);
    assert_eq!(
        ping(&mut internet, elsewhere, 64),
        [(zone::EDGE, UNREACHABLE)]
    );
    assert_eq!(
        ping(&mut internet, elsewhere, 1),
        [(zone::EDGE, TIME_EXCEEDED)]
    );
    assert_eq!(ping(&mut internet, Ipv4Addr::new(203, 0, 113, 200), 64), []);
    assert_eq!(ping(&mut internet, Ipv4Addr::new(203, 0, 113, 66), 64), []);
    assert_eq!(ping(&mut internet, Ipv4Addr::new(224, 0, 0, 1), 64), []);
}

#[test]
fn an_error_is_never_answered_by_an_error() {
    let mut internet = internet();
    let error = icmp(TIME_EXCEEDED, 0, [0; 4], &[0; 28]);
    let packet = packet(Ipv4Addr::new(8, 8, 8, 8), 64, ICMP, &error);
    assert_eq!(ask(&mut internet, &packet, InternetFaults::default()), []);
}

#[test]
fn resolves_names_over_udp() {
    use simple_dns::{CLASS, Name, Packet, QCLASS, QTYPE, Question, TYPE};
    let mut internet = internet();
    let mut query = Packet::new_query(77);
    query.questions.push(Question::new(
        Name::new_unchecked("www.example.jp"),
        QTYPE::TYPE(TYPE::A),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    let query = query.build_bytes_vec().unwrap();
    let [server, _] = name_servers();
    let udp = Udp {
        source: 4000,
        destination: 53,
        payload: &query,
    }
    .write(GATEWAY, server);
    let request = packet(server, 64, UDP, &udp);
    let replies = ask(&mut internet, &request, InternetFaults::default());
    let [(from, UDP, reply)] = &replies[..] else {
        panic!("{replies:?}")
    };
    assert_eq!(*from, server);
    let reply = Packet::parse(&reply[8..]).unwrap();
    assert_eq!((reply.id(), reply.answers.len()), (77, 1));

    let faults = InternetFaults {
        no_dns: true,
        ..InternetFaults::default()
    };
    assert_eq!(ask(&mut internet, &request, faults), []);
    let udp = Udp {
        source: 4000,
        destination: 33434,
        payload: b"probe",
    }
    .write(GATEWAY, WEB);
    let probe = packet(WEB, 64, UDP, &udp);
    let replies = ask(&mut internet, &probe, InternetFaults::default());
    assert_eq!(
        (replies[0].0, replies[0].2[0], replies[0].2[1]),
        (WEB, UNREACHABLE, 3)
    );
}

#[test]
fn survives_any_packet() {
    let mut internet = internet();
    let mut random = crate::random::Random::new(9);
    for round in 0..5000 {
        let mut bytes = vec![0; random.below(120) as usize];
        random.fill(&mut bytes);
        let protocol = [ICMP, TCP, UDP, 47][round % 4];
        let whole = packet(WEB, random.below(6) as u8, protocol, &bytes);
        internet.handle_packet(Instant::ZERO, &whole, InternetFaults::default());
        internet.handle_packet(Instant::ZERO, &bytes, InternetFaults::default());
        while internet.poll_transmit().is_some() {}
    }
}

/// A gateway with TCP connections: smoltcp again, on the other side.
struct Gateway {
    interface: Interface,
    device: Wire,
    sockets: SocketSet<'static>,
    internet: Internet,
    now: Instant,
}

impl Gateway {
    fn new() -> Self {
        let mut device = Wire::default();
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut device, smol(Instant::ZERO));
        interface.update_ip_addrs(|a| a.push(IpCidr::new(IpAddress::Ipv4(GATEWAY), 32)).unwrap());
        interface.routes_mut().add_default_ipv4_route(ISP).unwrap();
        Self {
            interface,
            device,
            sockets: SocketSet::new(Vec::new()),
            internet: internet(),
            now: Instant::ZERO,
        }
    }

    fn connect(&mut self, port: u16) -> SocketHandle {
        let buffer = || tcp::SocketBuffer::new(vec![0; 65535]);
        let handle = self.sockets.add(tcp::Socket::new(buffer(), buffer()));
        let local = 20_000 + self.sockets.iter().count() as u16;
        let to = IpEndpoint::new(IpAddress::Ipv4(WEB), port);
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
        socket.connect(self.interface.context(), to, local).unwrap();
        handle
    }

    /// One round trip of all packets, 1 ms.
    fn step(&mut self) {
        self.now = self.now + Duration::from_millis(1);
        let now = smol(self.now);
        let Self {
            interface,
            device,
            sockets,
            internet,
            ..
        } = self;
        while interface.poll_egress(now, device, sockets) != smoltcp::iface::PollResult::None {}
        while let Some(packet) = device.sent.pop_front() {
            internet.handle_packet(self.now, &packet, InternetFaults::default());
        }
        internet.handle_timeout(self.now);
        while let Some(packet) = internet.poll_transmit() {
            device.received = Some(packet);
            let _ = interface.poll_ingress_single(now, device, sockets);
        }
    }

    /// Sends `request` and gives all that comes until the other side closes.
    fn fetch(&mut self, port: u16, request: &[u8]) -> Vec<u8> {
        let handle = self.connect(port);
        let mut got = Vec::new();
        let mut rest = request;
        for _ in 0..20_000 {
            self.step();
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
            if socket.may_send() {
                rest = &rest[socket.send_slice(rest).unwrap()..];
            }
            while socket.can_recv() {
                socket
                    .recv(|bytes| (bytes.len(), got.extend_from_slice(bytes)))
                    .unwrap();
            }
            if socket.state() == tcp::State::CloseWait {
                socket.close();
                self.step();
                self.step();
                self.sockets.remove(handle);
                return got;
            }
        }
        panic!("no end after {} bytes", got.len());
    }
}

#[test]
fn serves_a_page_and_says_what_it_has_not() {
    let mut gateway = Gateway::new();
    let page = gateway.fetch(80, b"GET / HTTP/1.1\r\nHost: www.example.jp\r\n\r\n");
    let page = String::from_utf8(page).unwrap();
    assert!(
        page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("<title>It works"),
        "{page}"
    );
    for (request, status) in [
        ("GET /nosuch HTTP/1.0\r\n\r\n", "404"),
        ("POST / HTTP/1.0\r\n\r\n", "405"),
        ("GET /bytes/99999999999999 HTTP/1.0\r\n\r\n", "404"),
    ] {
        let reply = String::from_utf8(gateway.fetch(80, request.as_bytes())).unwrap();
        assert_eq!(reply.get(9..12), Some(status), "{request}");
    }
    let long = vec![b'a'; 6000];
    let reply = String::from_utf8(gateway.fetch(80, &long)).unwrap();
    assert_eq!(reply.get(9..12), Some("431"));
}

#[test]
fn sends_ten_megabytes_as_asked_for() {
    let mut gateway = Gateway::new();
    let count = 10_000_000;
    let reply = gateway.fetch(
        80,
        format!("GET /bytes/{count} HTTP/1.0\r\n\r\n").as_bytes(),
    );
    let head = memchr::memmem::find(&reply, b"\r\n\r\n").unwrap() + 4;
    assert_eq!(reply.len() - head, count);
    let right = reply[head..]
        .iter()
        .zip(0..)
        .all(|(byte, position)| *byte == pattern(position));
    assert!(right, "bytes were damaged");
}

#[test]
fn echoes_generates_and_discards() {
    let mut gateway = Gateway::new();
    let echo = gateway.connect(7);
    let chargen = gateway.connect(19);
    let discard = gateway.connect(9);
    let text = [b'x'; 5000];
    let (mut echoed, mut generated, mut discarded) = (Vec::new(), Vec::new(), 0);
    for step in 0..400 {
        gateway.step();
        let socket = gateway.sockets.get_mut::<tcp::Socket<'_>>(echo);
        if step == 10 {
            assert_eq!(socket.send_slice(&text), Ok(5000));
        }
        while socket.can_recv() {
            socket
                .recv(|bytes| (bytes.len(), echoed.extend_from_slice(bytes)))
                .unwrap();
        }
        let socket = gateway.sockets.get_mut::<tcp::Socket<'_>>(chargen);
        while socket.can_recv() {
            socket
                .recv(|bytes| (bytes.len(), generated.extend_from_slice(bytes)))
                .unwrap();
        }
        let socket = gateway.sockets.get_mut::<tcp::Socket<'_>>(discard);
        if socket.may_send() {
            discarded += socket.send_slice(&[0; 65535]).unwrap();
        }
    }
    assert_eq!(echoed, text);
    assert!(generated.starts_with(b" !\"#$%&'()*+,-./0123456789:;<=>?@ABC"));
    assert_eq!(&generated[72..76], b"\r\n!\"");
    assert!(
        generated.len() > 1_000_000 && discarded > 1_000_000,
        "{} {discarded}",
        generated.len()
    );
}

#[test]
fn the_pool_of_connections_is_bounded_and_goes_on_to_serve() {
    let mut gateway = Gateway::new();
    let mut handles = Vec::new();
    for _ in 0..40 {
        handles.push(gateway.connect(7));
        gateway.step();
        gateway.step();
        gateway.step();
        assert!(gateway.internet.connections() <= 20);
    }
    let page = gateway.fetch(80, b"GET / HTTP/1.0\r\n\r\n");
    assert!(page.starts_with(b"HTTP/1.1 200 OK"));
    for _ in 0..60 {
        gateway.fetch(80, b"GET / HTTP/1.0\r\n\r\n");
    }
}

#[test]
fn connections_that_nobody_answers_end() {
    let mut gateway = Gateway::new();
    let handle = gateway.connect(19);
    for _ in 0..20 {
        gateway.step();
    }
    assert_eq!(gateway.internet.connections(), 1);
    gateway.sockets.remove(handle);
    // The gateway is gone: an hour passes, in bounded steps.
    let mut steps = 0;
    let internet = &mut gateway.internet;
    while let Some(due) = internet.poll_timeout() {
        assert!(
            due <= gateway.now + Duration::from_secs(3600) && steps < 1000,
            "{due:?} {steps}"
        );
        internet.handle_timeout(due);
        while internet.poll_transmit().is_some() {}
        steps += 1;
    }
    assert_eq!(internet.connections(), 0);
}
