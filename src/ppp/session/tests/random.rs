//! Arbitrary bytes and operations: no panic, bounded queues, exactly one end.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::ppp::config::{Account, AuthDemand, AuthMethod, EchoConfig};

#[derive(Clone, Debug)]
enum Operation {
    /// Bytes as a frame.
    Frame(Vec<u8>),
    /// A control packet, with an identifier near those in use.
    Packet {
        protocol: u16,
        code: u8,
        id: u8,
        data: Vec<u8>,
    },
    /// A right answer to the request that is out.
    Acknowledge {
        ipcp: bool,
    },
    /// Time goes on to the next deadline, or by so many milliseconds.
    Wait(Option<u16>),
    Close,
    LineDown,
}

fn operation() -> impl Strategy<Value = Operation> {
    let protocol = prop_oneof![
        4 => Just(0xc021_u16),
        4 => Just(0x8021),
        2 => Just(0xc023),
        2 => Just(0xc223),
        1 => Just(0x0021),
        1 => Just(0x80fd),
    ];
    let kind = prop_oneof![0..9_u8, Just(129), Just(131), any::<u8>()];
    let options = vec((kind, vec(any::<u8>(), 0..6)), 0..4).prop_map(|list| {
        list.iter()
            .flat_map(|(kind, data)| option(*kind, data))
            .collect::<Vec<_>>()
    });
    let data = prop_oneof![options, vec(any::<u8>(), 0..40)];
    prop_oneof![
        1 => vec(any::<u8>(), 0..64).prop_map(Operation::Frame),
        12 => (protocol, 0..14_u8, 0..8_u8, data)
            .prop_map(|(protocol, code, id, data)| Operation::Packet { protocol, code, id, data }),
        4 => any::<bool>().prop_map(|ipcp| Operation::Acknowledge { ipcp }),
        4 => proptest::option::of(0..5000_u16).prop_map(Operation::Wait),
        1 => Just(Operation::Close),
        1 => Just(Operation::LineDown),
    ]
}

fn role(server: bool) -> SessionConfig {
    let mut config = with_credentials(true, true);
    config.lcp.magic = true;
    config.echo = EchoConfig {
        interval: Duration::from_secs(2),
        failure: 3,
    };
    if server {
        config.demand = Some(AuthDemand {
            method: AuthMethod::ChapMd5,
            acceptable: AllowedAuth {
                pap: true,
                chap_md5: true,
            },
            name: "isp".to_owned(),
            accounts: vec![Account {
                user: "sora".to_owned(),
                secret: Secret::new("sora"),
            }],
            accept_any: true,
            rechallenge: Some(Duration::from_secs(5)),
            messages: crate::ppp::config::AuthMessages::default(),
        });
        config.ipcp.local = Some(Ipv4Addr::new(10, 0, 0, 1));
        config.ipcp.assign = Some(crate::ppp::config::Assign {
            address: Ipv4Addr::new(10, 0, 0, 2),
            dns: [Some(Ipv4Addr::new(9, 9, 9, 9)), None],
        });
    }
    config
}

impl Bench {
    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::Frame(frame) => {
                let _ = self.session.handle_frame(self.now, &frame);
            }
            Operation::Packet {
                protocol,
                code,
                id,
                data,
            } => {
                let mut frame = protocol.to_be_bytes().to_vec();
                ControlPacket::write(code, id, &data, &mut frame);
                let _ = self.session.handle_frame(self.now, &frame);
            }
            Operation::Acknowledge { ipcp } => {
                let protocol = if ipcp { Protocol::IPCP } else { Protocol::LCP };
                let (id, options) = self.last_request(protocol);
                self.receive(protocol, CONFIGURE_ACK, id, &options);
            }
            Operation::Wait(ms) => {
                let wait = ms.map(|ms| self.now + Duration::from_millis(u64::from(ms)));
                let until = wait
                    .or_else(|| self.session.poll_timeout())
                    .unwrap_or(self.now);
                self.now = self.now.max(until);
                self.session.handle_timeout(self.now);
            }
            Operation::Close => self.session.close(self.now, "User request"),
            Operation::LineDown => self.session.line_down(self.now),
        }
        assert!(
            self.session.outbox.len() <= 8,
            "{}",
            self.session.outbox.len()
        );
        assert!(
            self.session.events.len() <= 64,
            "{}",
            self.session.events.len()
        );
        self.drain();
    }

    fn check(&mut self) {
        if self.session.poll_timeout().is_none() {
            let rests = self.session.over || self.session.network().is_some();
            assert!(rests, "{:?} without a deadline", self.session.phase());
        }
        let downs = self
            .events
            .iter()
            .filter(|event| matches!(event, Event::Down(_)))
            .count();
        assert!(downs <= 1);
        if downs == 1 {
            assert!(
                matches!(self.events.last(), Some(Event::Down(_))),
                "{:?}",
                self.events.last()
            );
            assert_eq!(self.session.poll_timeout(), None);
        }
        let mut up = false;
        for event in &self.events {
            match event {
                Event::NetworkUp(settings) => {
                    assert!(!up, "up twice");
                    assert!(!settings.local.is_unspecified());
                    up = true;
                }
                Event::NetworkDown => {
                    assert!(up, "down without up");
                    up = false;
                }
                Event::Log(_) | Event::Phase(_) => {}
                Event::Down(_) => assert!(!up, "over while up"),
            }
        }
        assert_eq!(self.session.network().is_some(), up);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_operations_end_in_exactly_one_down(
        server in any::<bool>(),
        operations in vec(operation(), 0..120),
    ) {
        let mut bench = Bench::new(role(server));
        for operation in operations {
            bench.apply(operation);
            bench.check();
        }
        // Left alone, the session ends: the echoes are not answered.
        bench.at(bench.now.since_origin().as_millis() as u64 + 300_000);
        bench.check();
        prop_assert!(matches!(bench.events.last(), Some(Event::Down(_))));
    }

    /// Whatever came before: with a peer that starts and behaves, the link comes up or the session
    /// ends; it never hangs.
    #[test]
    fn a_good_peer_is_understood_after_any_operations(
        server in any::<bool>(),
        echo in any::<bool>(),
        magic in any::<bool>(),
        operations in vec(operation(), 0..60),
    ) {
        let config = |server: bool, echo: bool| {
            let mut config = role(server);
            config.lcp.magic = magic;
            config.echo.interval = Duration::from_secs(if echo { 2 } else { 0 });
            config
        };
        let mut bench = Bench::new(config(server, echo));
        for operation in operations {
            bench.apply(operation);
            bench.check();
        }
        let mut peer = Session::new(config(!server, true), SEED + 1);
        peer.line_up(bench.now);
        bench.converse(&mut peer, Duration::from_secs(120));
        bench.check();
        let up = bench.session.network().is_some() && peer.network().is_some();
        prop_assert!(up || bench.session.over, "{:?}", bench.session.phase());
    }

    #[test]
    fn any_bytes_are_survived(frames in vec(vec(any::<u8>(), 0..80), 0..60)) {
        let mut bench = Bench::online(plain());
        for frame in frames {
            let _ = bench.session.handle_frame(bench.now, &frame);
            prop_assert!(bench.session.outbox.len() <= 8);
            bench.drain();
        }
        bench.check_from_up();
    }
}

impl Bench {
    /// Carries frames to and fro until nothing is due within `span`.
    fn converse(&mut self, peer: &mut Session, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            self.drain();
            let ours = std::mem::take(&mut self.raw);
            for (protocol, info) in &ours {
                let frame = [&protocol.0.to_be_bytes()[..], info].concat();
                let _ = peer.handle_frame(self.now, &frame);
            }
            let theirs: Vec<_> = std::iter::from_fn(|| peer.poll_transmit()).collect();
            for Transmit { frame, .. } in &theirs {
                let _ = self.session.handle_frame(self.now, frame);
            }
            while peer.poll_event().is_some() {}
            if ours.is_empty() && theirs.is_empty() {
                let due = earliest([self.session.poll_timeout(), peer.poll_timeout()]);
                self.now = due.map_or(end, |due| due.max(self.now));
                self.session.handle_timeout(self.now);
                peer.handle_timeout(self.now);
            }
        }
        self.drain();
    }

    /// As [`check`](Self::check), for a bench whose first NetworkUp was taken away.
    fn check_from_up(&mut self) {
        let settings = Ipv4Settings {
            local: Ipv4Addr::LOCALHOST,
            remote: None,
            dns: [None; 2],
            mtu: 1500,
        };
        self.events.insert(0, Event::NetworkUp(settings));
        self.check();
    }
}
