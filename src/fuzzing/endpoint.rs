//! A whole end of a PPP line.

use std::time::Duration;

use bytes::BytesMut;

use super::{ESCAPE_ALL, Input, MAX_OUTPUT, check_line};
use crate::hdlc::{Deframer, Framer};
use crate::log::LogLine;
use crate::ppp::config::{
    Account, AllowedAuth, Assign, AuthDemand, AuthMessages, AuthMethod, SessionConfig,
};
use crate::ppp::wire::{Protocol, code, parse_frame};
use crate::ppp::{Endpoint, Event};
use crate::secret::Secret;
use crate::time::Instant;

/// Our password: no log line may ever show it.
const SECRET: &str = "s3cr3t-Pa55";

/// A whole end of a PPP line, in both roles, under any sequence of bytes, good frames, deadlines and commands: it never
/// spins, never speaks once it is over, and sends no more than a few frames at once.
pub fn endpoint(data: &[u8]) {
    let _ = run_endpoint(data);
}

/// Whether the network came up meanwhile.
fn run_endpoint(data: &[u8]) -> bool {
    let mut input = Input(data);
    let mut run = EndpointRun {
        endpoint: Endpoint::new(session_config(input.u8()), u64::from(input.u8())),
        now: Instant::from_millis(1000),
        is_over: false,
        is_up: false,
        was_up: false,
        last_request: None,
    };
    let mut began = false;
    while !input.is_empty() {
        match input.u8() % 10 {
            0 if !began => {
                began = true;
                run.endpoint.line_up(run.now);
            }
            0 | 1 => {
                let count = usize::from(input.u8());
                run.receive(input.take(count));
            }
            // A frame with a good FCS: protocol, then its information field.
            2..=5 => {
                const PROTOCOLS: [[u8; 2]; 8] = [
                    [0xc0, 0x21],
                    [0x80, 0x21],
                    [0xc2, 0x23],
                    [0xc0, 0x23],
                    [0x00, 0x21],
                    [0x80, 0xfd],
                    [0x80, 0x57],
                    [0xff, 0xff],
                ];
                let choice = usize::from(input.u8() % 8);
                let protocol = PROTOCOLS.get(choice).copied().unwrap_or_default();
                let count = usize::from(input.u8() % 64);
                let info = input.take(count);
                // A length field that fits, as often as not: otherwise few packets get past it.
                let mut info = info.to_vec();
                if input.u8() & 1 == 1
                    && let Ok(length) = u16::try_from(info.len())
                    && let Some(field) = info.get_mut(2..4)
                {
                    field.copy_from_slice(&length.to_be_bytes());
                }
                run.receive_frame(u16::from_be_bytes(protocol), &info);
            }
            6 => {
                if let Some(deadline) = run.endpoint.poll_timeout() {
                    run.now = run.now.max(deadline);
                }
                run.timeout();
            }
            7 => {
                run.now = run.now + Duration::from_millis(u64::from(input.u16()));
                run.timeout();
            }
            8 => {
                let packet = [0x45; 40];
                let mut wire = BytesMut::new();
                let sent = run.endpoint.send_ipv4(&packet, &mut wire);
                assert_eq!(
                    sent, run.is_up,
                    "packets flow when, and only when, the network is up"
                );
                assert_eq!(
                    sent,
                    !wire.is_empty(),
                    "a packet is sent whole or not at all"
                );
            }
            _ => match input.u8() % 8 {
                0 => run.endpoint.line_down(run.now),
                1 => run.endpoint.close(run.now, "User request"),
                // Without this no random input would get past the first acknowledgement.
                2 => run.answer(code::CONFIGURE_NAK),
                3 => run.answer(code::CONFIGURE_REJECT),
                _ => run.answer(code::CONFIGURE_ACK),
            },
        }
        run.drain();
    }
    run.was_up
}

struct EndpointRun {
    endpoint: Endpoint,
    now: Instant,
    is_over: bool,
    is_up: bool,
    was_up: bool,
    /// Protocol and information field of the last Configure-Request that was sent.
    last_request: Option<(Protocol, Vec<u8>)>,
}

impl EndpointRun {
    /// Answers the last Configure-Request: its identifier, its options, another code.
    fn answer(&mut self, code: u8) {
        if let Some((protocol, mut info)) = self.last_request.clone() {
            if let Some(first) = info.first_mut() {
                *first = code;
            }
            self.receive_frame(protocol.0, &info);
        }
    }

    fn receive_frame(&mut self, protocol: u16, info: &[u8]) {
        let [high, low] = protocol.to_be_bytes();
        let mut wire = BytesMut::new();
        Framer::new().encode(&ESCAPE_ALL, &[0xff, 0x03, high, low], info, &mut wire);
        self.receive(&wire);
    }

    /// Looks for a Configure-Request in what was sent.
    fn remember(&mut self, wire: &[u8]) {
        let mut deframer = Deframer::new(MAX_OUTPUT);
        let mut rest = wire;
        while let Some(frame) = deframer.next(&mut rest) {
            let frame = frame.unwrap_or_else(|error| panic!("it sent a bad frame: {error}"));
            if let Ok((protocol, info)) = parse_frame(frame)
                && (protocol == Protocol::LCP || protocol == Protocol::IPCP)
                && info.first() == Some(&code::CONFIGURE_REQUEST)
            {
                self.last_request = Some((protocol, info.to_vec()));
            }
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.endpoint.handle_bytes(self.now, bytes, |packet| {
            assert!(
                packet.len() <= MAX_OUTPUT,
                "a packet of {} octets",
                packet.len()
            );
        });
    }

    fn timeout(&mut self) {
        // Each call may start another timer, but none that has run out already.
        for _ in 0..16 {
            self.endpoint.handle_timeout(self.now);
            self.drain();
            if self
                .endpoint
                .poll_timeout()
                .is_none_or(|deadline| deadline > self.now)
            {
                return;
            }
        }
        panic!(
            "a deadline that does not go away: {:?}",
            self.endpoint.poll_timeout()
        );
    }

    fn drain(&mut self) {
        let mut wire = BytesMut::new();
        let was_over = self.is_over;
        while self.endpoint.poll_transmit(&mut wire) {
            assert!(wire.len() <= MAX_OUTPUT, "{} octets at once", wire.len());
        }
        assert!(!was_over || wire.is_empty(), "it speaks when it is over");
        self.remember(&wire);
        let mut count = 0;
        while let Some(event) = self.endpoint.poll_event() {
            count += 1;
            assert!(count <= 1024, "events without end");
            assert!(
                !self.is_over || matches!(event, Event::Log(_) | Event::Phase(_)),
                "{event:?} after the end"
            );
            match event {
                Event::Log(line) => {
                    check_line(&line);
                    check_secret(&line);
                }
                Event::Phase(_) => {}
                Event::NetworkUp(_) => {
                    self.is_up = true;
                    self.was_up = true;
                }
                Event::NetworkDown => self.is_up = false,
                Event::Down(_) => {
                    self.is_over = true;
                    self.is_up = false;
                }
            }
        }
        if self.is_over {
            assert_eq!(
                self.endpoint.poll_timeout(),
                None,
                "a timer runs when it is over"
            );
        }
    }
}

fn check_secret(line: &LogLine) {
    // A peer may name itself as it likes, even as our password: names are shown.
    let names = ["CHAP Challenge", "CHAP Response", "PAP AuthReq"];
    let shows_a_name = names.iter().any(|name| line.text.contains(name));
    assert!(
        shows_a_name || !line.text.contains(SECRET),
        "the password is in the log: {line}"
    );
}

fn session_config(choice: u8) -> SessionConfig {
    let mut config = SessionConfig::default();
    let both = AllowedAuth {
        pap: true,
        chap_md5: true,
    };
    let account = Account {
        user: "joe".to_owned(),
        secret: Secret::new(SECRET),
    };
    if choice & 1 == 0 {
        config.credentials.user = account.user;
        config.credentials.secret = account.secret;
        config.credentials.allow = if choice & 2 == 0 {
            both
        } else {
            AllowedAuth::default()
        };
        config.ipcp.max_pending = u32::from(choice >> 2 & 3);
    } else {
        config.demand = (choice & 2 == 0).then(|| AuthDemand {
            method: if choice & 4 == 0 {
                AuthMethod::ChapMd5
            } else {
                AuthMethod::Pap
            },
            acceptable: both,
            name: "isp".to_owned(),
            accounts: vec![account],
            accept_any: choice & 8 == 0,
            rechallenge: Some(Duration::from_secs(5)),
            messages: AuthMessages::default(),
        });
        let dns = [Some([192, 0, 2, 53].into()), None];
        config.ipcp.assign = Some(Assign {
            address: [10, 64, 64, 2].into(),
            dns,
        });
        config.ipcp.local = Some([10, 64, 64, 1].into());
        config.ipcp.request_dns = false;
    }
    config.lcp.silent = choice & 16 != 0;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds that do not get as far as they were made for leave the fuzzer before a closed door.
    #[test]
    fn seeds_bring_the_endpoint_up() {
        let seeds: [(&str, &[u8]); 4] = [
            (
                "client",
                include_bytes!("../../fuzz/corpus/endpoint/client-up"),
            ),
            (
                "client without authentication",
                include_bytes!("../../fuzz/corpus/endpoint/client-no-auth-up"),
            ),
            (
                "server",
                include_bytes!("../../fuzz/corpus/endpoint/server-up"),
            ),
            (
                "server without authentication",
                include_bytes!("../../fuzz/corpus/endpoint/server-no-auth-up"),
            ),
        ];
        for (name, seed) in seeds {
            assert!(run_endpoint(seed), "{name}");
        }
    }
}
