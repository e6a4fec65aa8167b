//! A status in one line, for systemd's `STATUS=` (spec U1): `systemctl status ppp` shows it.
//!
//! It is told when the state changes, so it names no time that runs.

use std::fmt::Write as _;

use super::status::{StateWord, Status};

/// The state, why, what comes next and what failed last, as far as they are known.
pub fn line(status: &Status) -> String {
    let mut text = format!("{}: {}", status.interface, status.sentence);
    if let Some(link) = &status.link {
        let _ = write!(text, ", {}", link.local);
        if let Some(tty) = &status.modem.tty {
            let _ = write!(text, " on {tty}");
        }
    }
    let why = status.why.as_deref().filter(|_| tells_why(status.state));
    if let Some(why) = why {
        let _ = write!(text, ": {why}");
    }
    if let Some(next) = &status.next {
        let _ = write!(text, "; next: {}", next.what);
    }
    if let Some(failure) = status.failures.first()
        && !why.is_some_and(|why| why.contains(&failure.reason))
    {
        let _ = write!(text, "; last failure: {}", failure.reason);
    }
    text
}

/// Whether the reason of the state is news: that of a dial or a link is the wait or the dial before it.
fn tells_why(state: StateWord) -> bool {
    match state {
        StateWord::Starting | StateWord::Dialing | StateWord::Up => false,
        StateWord::WaitingForModem
        | StateWord::WaitingForTraffic
        | StateWord::HoldingOff
        | StateWord::Resetting
        | StateWord::WaitingAfterReset
        | StateWord::Ending
        | StateWord::Disconnected
        | StateWord::Ended => true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::control::{Board, StateView};
    use crate::link::LinkEnd;
    use crate::time::Instant;

    fn board() -> Board {
        Board::new(Instant::ZERO, "1", 1, "ppp0", Duration::from_secs(60))
    }

    fn shown(board: &Board) -> String {
        line(&board.snapshot(Instant::ZERO, Timestamp::UNIX_EPOCH))
    }

    fn view(word: StateWord, why: Option<&str>, next: Option<&str>) -> StateView {
        StateView {
            word,
            sentence: None,
            since: Instant::ZERO,
            why: why.map(str::to_owned),
            next: next.map(|what| (what.to_owned(), None)),
            attempt: 1,
            failures: Some(0),
        }
    }

    #[test]
    fn says_what_why_and_what_next() {
        let mut board = board();
        board.note_state(view(
            StateWord::HoldingOff,
            Some("no answer from the modem"),
            Some("dial"),
        ));
        let sentence = StateWord::HoldingOff.sentence();
        assert_eq!(
            shown(&board),
            format!("ppp0: {sentence}: no answer from the modem; next: dial")
        );
    }

    #[test]
    fn names_the_last_failure_once() {
        let mut board = board();
        let end = LinkEnd::Monitor {
            target: "192.0.2.1".to_owned(),
            lost: 3,
        };
        board.note_end(Instant::ZERO, &end, true);
        board.note_state(view(StateWord::Dialing, Some("the wait is over"), None));
        let sentence = StateWord::Dialing.sentence();
        assert_eq!(
            shown(&board),
            format!("ppp0: {sentence}; last failure: {end}")
        );
        let why = format!("{end}; look at the antenna");
        board.note_state(view(StateWord::HoldingOff, Some(&why), None));
        assert_eq!(shown(&board).matches(&end.to_string()).count(), 1);
    }
}
