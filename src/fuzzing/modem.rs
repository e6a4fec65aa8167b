//! The modem's side: dialing, hanging up, text between frames, and the simulator.

use std::time::Duration;

use super::{Input, MAX_OUTPUT, check_line, step_machine};
use crate::at::{
    CarrierWatch, Command, DialEvent, DialPlan, Dialer, HangUp, HangUpEvent, HangUpPlan, LineText,
};
use crate::sim::{Sim, SimConfig, SimEvent};
use crate::time::Instant;

/// The AT dialog under any sequence of bytes and deadlines: it comes to one end, and is silent from then on.
pub fn dialer(data: &[u8]) {
    let mut input = Input(data);
    let hang_up_too = input.u8() & 1 == 1;
    let mut now = Instant::from_millis(1000);
    let mut dialer = Dialer::new(DialPlan {
        commands: ["ATZ", "ATE0", "AT"].map(Command::new).to_vec(),
        dial: "ATDT*99***1#".to_owned(),
        command_timeout: Duration::from_secs(30),
        dial_timeout: Duration::from_secs(30),
    });
    dialer.start(now);
    let mut is_over = false;
    loop {
        let mut out = Vec::new();
        while dialer.poll_transmit(&mut out) {
            assert!(out.len() <= MAX_OUTPUT, "{} octets at once", out.len());
        }
        assert!(!is_over || out.is_empty(), "it speaks when it is over");
        while let Some(event) = dialer.poll_event() {
            assert!(
                !is_over || matches!(event, DialEvent::Log(_)),
                "{event:?} after the end"
            );
            match event {
                DialEvent::Log(line) => check_line(&line),
                DialEvent::Connected(connected) => {
                    is_over = true;
                    assert!(connected.rest.len() <= data.len(), "bytes from nowhere");
                }
                DialEvent::Failed(error) => {
                    is_over = true;
                    assert!(!error.to_string().contains(char::is_control), "{error:?}");
                }
            }
        }
        if input.is_empty() {
            break;
        }
        now = step_machine(
            &mut input,
            now,
            dialer.poll_timeout(),
            |now, bytes| match bytes {
                Some(bytes) => dialer.handle_bytes(now, bytes),
                None => dialer.handle_timeout(now),
            },
        );
    }
    // Left alone, it ends by itself.
    for _ in 0..1000 {
        let Some(deadline) = dialer.poll_timeout() else {
            break;
        };
        now = now.max(deadline);
        dialer.handle_timeout(now);
        while dialer.poll_transmit(&mut Vec::new()) {}
        while dialer.poll_event().is_some() {}
    }
    assert_eq!(dialer.poll_timeout(), None, "the dialog has no end");
    if hang_up_too {
        hang_up(data, now);
    }
}

/// Hanging up ends within its limit, whatever comes.
fn hang_up(data: &[u8], begin: Instant) {
    let mut input = Input(data);
    let carrier_gone = input.u8() & 2 == 2;
    let limit = Duration::from_secs(4);
    let mut now = begin;
    let mut machine = HangUp::new(HangUpPlan {
        carrier_gone,
        guard: Duration::from_secs(1),
        limit,
    });
    machine.start(now);
    let mut is_over = false;
    for _ in 0..data.len() + 1000 {
        let mut out = Vec::new();
        while machine.poll_transmit(&mut out) {}
        assert!(!is_over || out.is_empty(), "it speaks when it is over");
        while let Some(event) = machine.poll_event() {
            match event {
                HangUpEvent::Log(line) => check_line(&line),
                HangUpEvent::SetDtr(_) => {}
                HangUpEvent::Done { .. } => {
                    assert!(
                        now.since(begin) <= limit,
                        "hanging up took {:?}",
                        now.since(begin)
                    );
                    is_over = true;
                }
            }
        }
        let Some(deadline) = machine.poll_timeout() else {
            break;
        };
        if input.is_empty() || deadline <= now {
            now = now.max(deadline);
            machine.handle_timeout(now);
        } else {
            let count = usize::from(input.u8());
            machine.handle_bytes(now, input.take(count));
            now = deadline.min(now + Duration::from_millis(u64::from(input.u8())));
        }
    }
    assert!(is_over, "hanging up has no end");
}

/// Text between frames: what is told is short and clean, and a line that has gone silent is judged once.
pub fn carrier_watch(data: &[u8]) {
    let mut input = Input(data);
    let mut now = Instant::from_millis(1000);
    let mut watch = CarrierWatch::new();
    while !input.is_empty() {
        now = step_machine(
            &mut input,
            now,
            watch.poll_timeout(),
            |now, bytes| match bytes {
                Some(bytes) => watch.handle_bytes(now, bytes),
                None => watch.handle_timeout(now),
            },
        );
        let mut count = 0;
        while let Some(text) = watch.poll_event() {
            count += 1;
            assert!(count <= 1024, "events without end");
            let (LineText::CarrierLost(text) | LineText::Other(text)) = text;
            assert!(!text.contains(char::is_control), "{text:?}");
            assert!(
                text.chars().count() <= 330,
                "{} characters",
                text.chars().count()
            );
        }
    }
}

/// The simulator under anything a gateway could send: it never spins, and honours the limit of each read.
pub fn simulator(data: &[u8]) {
    const FAULTS: [&str; 8] = [
        "urc",
        "garbage",
        "dummy-dns=3",
        "no-carrier@1s",
        "chunk=3",
        "late-connect=1s",
        "nak-storm",
        "data-mode",
    ];
    let mut input = Input(data);
    let choice = usize::from(input.u8());
    let faults = FAULTS
        .get(choice % 16)
        .and_then(|fault| fault.parse().ok())
        .into_iter()
        .collect();
    let mut now = Instant::from_millis(1000);
    let mut sim = Sim::new(
        SimConfig {
            seed: 1,
            faults,
            ..SimConfig::default()
        },
        now,
    );
    sim.handle_dtr(now, true);
    while !input.is_empty() {
        match input.u8() % 6 {
            0 => {
                sim.handle_bytes(now, b"ATD*99#\r");
            }
            1 => {
                let on = input.u8() & 3 != 0;
                sim.handle_dtr(now, on);
            }
            _ => {
                now = step_machine(
                    &mut input,
                    now,
                    sim.poll_timeout(),
                    |now, bytes| match bytes {
                        Some(bytes) => sim.handle_bytes(now, bytes),
                        None => sim.handle_timeout(now),
                    },
                );
            }
        }
        let mut out = Vec::new();
        for _ in 0..64 {
            let before = out.len();
            if !sim.poll_transmit(now, 256, &mut out) {
                break;
            }
            assert!(out.len() - before <= 256, "more than the limit");
        }
        while let Some(event) = sim.poll_event() {
            match event {
                SimEvent::Log(line) => check_line(&line),
                SimEvent::Unplug | SimEvent::Plug { .. } => {}
            }
        }
    }
}
