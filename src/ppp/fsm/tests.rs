//! The automaton at work, held against its own table in every state.

use super::*;
use crate::ppp::config::{AllowedAuth, LcpConfig};
use crate::ppp::lcp::Lcp;
use crate::random::Random;

const STATES: [State; 10] = [
    State::Initial,
    State::Starting,
    State::Closed,
    State::Stopped,
    State::Closing,
    State::Stopping,
    State::ReqSent,
    State::AckRcvd,
    State::AckSent,
    State::Opened,
];

/// Events that come as a call or a packet. RXJ- and RXR are the session's.
const EVENTS: [Event; 14] = [
    Event::Up,
    Event::Down,
    Event::Open,
    Event::Close,
    Event::TimeoutPlus,
    Event::TimeoutMinus,
    Event::RcrPlus,
    Event::RcrMinus,
    Event::Rca,
    Event::Rcn,
    Event::Rtr,
    Event::Rta,
    Event::Ruc,
    Event::RxjPlus,
];

const GOOD: &[u8] = &[1, 4, 2, 0];
const BAD: &[u8] = &[0x77, 2];

fn settings(silent: bool) -> Settings {
    Settings {
        fsm: FsmConfig::default(),
        silent,
        ack_in_place: false,
        pacing: None,
    }
}

fn fsm(silent: bool) -> Fsm<Lcp> {
    let config = LcpConfig {
        magic: false,
        ..LcpConfig::default()
    };
    let lcp = Lcp::new(config, AllowedAuth::default(), None, Random::new(1));
    Fsm::new(settings(silent), lcp)
}

fn packet(fsm: &mut Fsm<Lcp>, code: u8, id: u8, data: &[u8]) -> Option<Signal> {
    fsm.handle_packet(Instant::ZERO, ControlPacket { code, id, data })
        .unwrap_or(None)
}

/// A layer in `state`, by the shortest way that its peer can take it.
fn in_state(state: State) -> Fsm<Lcp> {
    let now = Instant::ZERO;
    let mut fsm = fsm(state == State::Stopped);
    if state == State::Initial {
        return fsm;
    }
    if state == State::Closed {
        let _ = fsm.up(now);
        return fsm;
    }
    let _ = fsm.open(now);
    if state == State::Starting {
        return fsm;
    }
    let _ = fsm.up(now);
    let (id, options) = fsm.last_request();
    match state {
        State::Closing => {
            let _ = fsm.close(now, "");
        }
        State::AckRcvd => {
            let _ = packet(&mut fsm, code::CONFIGURE_ACK, id, &options);
        }
        State::AckSent => {
            let _ = packet(&mut fsm, code::CONFIGURE_REQUEST, 1, GOOD);
        }
        State::Opened | State::Stopping => {
            let _ = packet(&mut fsm, code::CONFIGURE_REQUEST, 1, GOOD);
            let _ = packet(&mut fsm, code::CONFIGURE_ACK, id, &options);
            if state == State::Stopping {
                let _ = packet(&mut fsm, code::TERMINATE_REQUEST, 1, &[]);
            }
        }
        State::Initial | State::Starting | State::Closed | State::Stopped | State::ReqSent => {}
    }
    while fsm.poll_transmit().is_some() {}
    fsm
}

fn inject(fsm: &mut Fsm<Lcp>, event: Event) -> Option<Signal> {
    let now = Instant::ZERO;
    let (id, options) = fsm.last_request();
    match event {
        Event::Up => fsm.up(now),
        Event::Down => fsm.down(now),
        Event::Open => fsm.open(now),
        Event::Close => fsm.close(now, ""),
        Event::TimeoutPlus | Event::TimeoutMinus => {
            fsm.restart_count = u32::from(event == Event::TimeoutPlus);
            fsm.handle_timeout(fsm.restart.deadline()?)
        }
        Event::RcrPlus => packet(fsm, code::CONFIGURE_REQUEST, 7, GOOD),
        Event::RcrMinus => packet(fsm, code::CONFIGURE_REQUEST, 7, BAD),
        Event::Rca => packet(fsm, code::CONFIGURE_ACK, id, &options),
        Event::Rcn => packet(fsm, code::CONFIGURE_NAK, id, &[2, 6, 1, 1, 1, 1]),
        Event::Rtr => packet(fsm, code::TERMINATE_REQUEST, 7, &[]),
        Event::Rta => packet(fsm, code::TERMINATE_ACK, 7, &[]),
        Event::Ruc => packet(fsm, 0x55, 7, &[]),
        Event::RxjPlus => packet(fsm, code::CODE_REJECT, 7, &[9, 1, 0, 4]),
        Event::RxjMinus | Event::Rxr => None,
    }
}

/// The codes of the packets that a set of actions sends.
fn codes(actions: Actions, event: Event) -> Vec<u8> {
    let refusal = if event == Event::RcrMinus {
        code::CONFIGURE_REJECT
    } else {
        code::CONFIGURE_NAK
    };
    let all = [
        (Actions::SCR, code::CONFIGURE_REQUEST),
        (Actions::STR, code::TERMINATE_REQUEST),
        (Actions::SCA, code::CONFIGURE_ACK),
        (Actions::SCN, refusal),
        (Actions::STA, code::TERMINATE_ACK),
        (Actions::SCJ, code::CODE_REJECT),
    ];
    all.iter()
        .filter(|(action, _)| actions.contains(*action))
        .map(|(_, code)| *code)
        .collect()
}

fn signal(actions: Actions) -> Option<Signal> {
    let all = [
        (Actions::TLU, Signal::Up),
        (Actions::TLD, Signal::Down),
        (Actions::TLF, Signal::Finished),
    ];
    all.into_iter()
        .find(|(action, _)| actions.contains(*action))
        .map(|(_, signal)| signal)
}

#[test]
fn every_event_in_every_state_does_what_the_table_says() {
    for state in STATES {
        for event in EVENTS {
            let mut fsm = in_state(state);
            assert_eq!(fsm.state(), state);
            let crossed = automaton::footnote(state, event) == Some(automaton::Footnote::Crossed);
            let (actions, next) = match automaton::step(state, event) {
                // The request has been answered: a second answer to it is dropped.
                Some(_) if crossed => (Actions::NONE, state),
                Some(cell) => cell,
                None => (Actions::NONE, state),
            };
            let told = inject(&mut fsm, event);
            let sent: Vec<_> = std::iter::from_fn(|| fsm.poll_transmit())
                .map(|info| info[0])
                .collect();
            assert_eq!(
                (fsm.state(), sent, told),
                (next, codes(actions, event), signal(actions)),
                "{event:?} in {state:?}"
            );
            let may_run = automaton::timer_runs(fsm.state());
            assert!(
                may_run || fsm.poll_timeout().is_none(),
                "{event:?} in {state:?}"
            );
            let negotiating = matches!(
                fsm.state(),
                State::ReqSent | State::AckRcvd | State::AckSent
            );
            assert!(
                !negotiating || fsm.poll_timeout().is_some(),
                "{event:?} in {state:?}"
            );
        }
    }
}

#[test]
fn an_illegal_event_changes_nothing() {
    let mut fsm = in_state(State::Opened);
    assert_eq!(fsm.up(Instant::ZERO), None);
    assert_eq!(fsm.state(), State::Opened);
}

#[test]
fn a_layer_that_is_not_up_takes_no_packet() {
    for state in [State::Initial, State::Starting] {
        let packet = ControlPacket {
            code: code::CONFIGURE_REQUEST,
            id: 1,
            data: GOOD,
        };
        let result = in_state(state).handle_packet(Instant::ZERO, packet);
        assert_eq!(result, Err(Dropped::NotUp));
    }
}

#[test]
fn max_terminate_counts_terminate_requests() {
    let mut fsm = in_state(State::Opened);
    let _ = fsm.close(Instant::ZERO, "User request");
    let mut sent = Vec::new();
    while let Some(due) = fsm.poll_timeout() {
        sent.extend(std::iter::from_fn(|| fsm.poll_transmit()));
        let told = fsm.handle_timeout(due);
        assert_eq!(told == Some(Signal::Finished), fsm.state() == State::Closed);
    }
    assert_eq!(sent.len(), 2);
    // Contents and identifier stay.
    assert_eq!(sent[0], sent[1]);
}

#[test]
fn timeouts_may_be_asked_for_too_often() {
    let mut fsm = in_state(State::ReqSent);
    for ms in 0..3000 {
        assert_eq!(fsm.handle_timeout(Instant::from_millis(ms)), None);
    }
    assert_eq!(fsm.poll_transmit(), None);
}
