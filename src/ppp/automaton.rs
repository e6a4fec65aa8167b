//! The option negotiation automaton of RFC 1661 section 4, as the table of section 4.1 and nothing
//! else.
//!
//! The table is written in the RFC's own notation, so that it can be compared with the RFC by eye;
//! a test compares all 160 cells with a second transcription. What the actions mean (timers,
//! counters, packets) is `ppp::fsm`'s.

/// The states of RFC 1661 section 4.2, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// 0: the lower layer is down, and no Open has come.
    Initial,
    /// 1: an Open has come, and the lower layer is down.
    Starting,
    /// 2: the lower layer is up, and no Open has come.
    Closed,
    /// 3: open, and waiting for the peer after This-Layer-Finished.
    Stopped,
    /// 4: closing; a Terminate-Request is out.
    Closing,
    /// 5: the peer terminates; waiting for it to go.
    Stopping,
    /// 6: a Configure-Request is out; nothing has been agreed.
    ReqSent,
    /// 7: our Configure-Request was acknowledged.
    AckRcvd,
    /// 8: the peer's Configure-Request was acknowledged.
    AckSent,
    /// 9: both were acknowledged.
    Opened,
}

/// The events of RFC 1661 section 4.3, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Lower layer is Up.
    Up,
    /// Lower layer is Down.
    Down,
    /// Administrative Open.
    Open,
    /// Administrative Close.
    Close,
    /// TO+: Timeout with counter > 0.
    TimeoutPlus,
    /// TO-: Timeout with counter expired.
    TimeoutMinus,
    /// RCR+: Receive-Configure-Request (good).
    RcrPlus,
    /// RCR-: Receive-Configure-Request (bad).
    RcrMinus,
    /// RCA: Receive-Configure-Ack.
    Rca,
    /// RCN: Receive-Configure-Nak or -Reject.
    Rcn,
    /// RTR: Receive-Terminate-Request.
    Rtr,
    /// RTA: Receive-Terminate-Ack.
    Rta,
    /// RUC: Receive-Unknown-Code.
    Ruc,
    /// RXJ+: Receive-Code-Reject (permitted) or Receive-Protocol-Reject.
    RxjPlus,
    /// RXJ-: Receive-Code-Reject (catastrophic) or Receive-Protocol-Reject.
    RxjMinus,
    /// RXR: Receive-Echo-Request, -Reply or -Discard-Request.
    Rxr,
}

/// A set of the actions of RFC 1661 section 4.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Actions(u16);

impl Actions {
    /// No action.
    pub const NONE: Self = Self(0);
    /// tlu: This-Layer-Up.
    pub const TLU: Self = Self(1 << 0);
    /// tld: This-Layer-Down.
    pub const TLD: Self = Self(1 << 1);
    /// tls: This-Layer-Started.
    pub const TLS: Self = Self(1 << 2);
    /// tlf: This-Layer-Finished.
    pub const TLF: Self = Self(1 << 3);
    /// irc: Initialize-Restart-Count.
    pub const IRC: Self = Self(1 << 4);
    /// zrc: Zero-Restart-Count.
    pub const ZRC: Self = Self(1 << 5);
    /// scr: Send-Configure-Request.
    pub const SCR: Self = Self(1 << 6);
    /// sca: Send-Configure-Ack.
    pub const SCA: Self = Self(1 << 7);
    /// scn: Send-Configure-Nak or -Reject.
    pub const SCN: Self = Self(1 << 8);
    /// str: Send-Terminate-Request.
    pub const STR: Self = Self(1 << 9);
    /// sta: Send-Terminate-Ack.
    pub const STA: Self = Self(1 << 10);
    /// scj: Send-Code-Reject.
    pub const SCJ: Self = Self(1 << 11);
    /// ser: Send-Echo-Reply.
    pub const SER: Self = Self(1 << 12);

    /// Whether all of `other` are in the set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set with `other` in it.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A letter behind a state in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Footnote {
    /// `[p]`: with the passive option, the layer waits in Stopped without This-Layer-Finished.
    Passive,
    /// `[r]`: with the restart option, an Open here acts as a Down followed by an Up.
    Restart,
    /// `[x]`: a crossed connection, or an answer to a request that was already answered.
    Crossed,
}

/// The transition for `event` in `state`; `None` is the RFC's dash, an event that cannot happen
/// there.
pub const fn step(state: State, event: Event) -> Option<(Actions, State)> {
    match cell(state, event) {
        Some(cell) => Some((cell.actions, cell.next)),
        None => None,
    }
}

/// The letter of the cell for `event` in `state`, if it has one.
pub const fn footnote(state: State, event: Event) -> Option<Footnote> {
    match cell(state, event) {
        Some(cell) => cell.footnote,
        None => None,
    }
}

/// Whether the restart timer may run in `state` (RFC 1661 section 4.2: not in the first four, and
/// not in Opened).
pub const fn timer_runs(state: State) -> bool {
    match state {
        State::Initial | State::Starting | State::Closed | State::Stopped | State::Opened => false,
        State::Closing | State::Stopping | State::ReqSent | State::AckRcvd | State::AckSent => true,
    }
}

#[derive(Clone, Copy)]
struct Cell {
    actions: Actions,
    next: State,
    footnote: Option<Footnote>,
}

#[expect(
    clippy::indexing_slicing,
    reason = "both enums have exactly as many variants as the table has rows and columns"
)]
const fn cell(state: State, event: Event) -> Option<Cell> {
    let (row, column) = (event as usize, state as usize);
    if column < 6 {
        FIRST_HALF[row][column]
    } else {
        SECOND_HALF[row][column - 6]
    }
}

#[rustfmt::skip]
macro_rules! action {
    (tlu) => { Actions::TLU };
    (tld) => { Actions::TLD };
    (tls) => { Actions::TLS };
    (tlf) => { Actions::TLF };
    (irc) => { Actions::IRC };
    (zrc) => { Actions::ZRC };
    (scr) => { Actions::SCR };
    (sca) => { Actions::SCA };
    (scn) => { Actions::SCN };
    (str) => { Actions::STR };
    (sta) => { Actions::STA };
    (scj) => { Actions::SCJ };
    (ser) => { Actions::SER };
}

#[rustfmt::skip]
macro_rules! state {
    (0) => { State::Initial };
    (1) => { State::Starting };
    (2) => { State::Closed };
    (3) => { State::Stopped };
    (4) => { State::Closing };
    (5) => { State::Stopping };
    (6) => { State::ReqSent };
    (7) => { State::AckRcvd };
    (8) => { State::AckSent };
    (9) => { State::Opened };
}

#[rustfmt::skip]
macro_rules! letter {
    () => { None };
    (p) => { Some(Footnote::Passive) };
    (r) => { Some(Footnote::Restart) };
    (x) => { Some(Footnote::Crossed) };
}

/// One cell in the RFC's notation: `-`, `6`, `9 r`, or `irc,scr/6 x`. Anything else does not
/// compile.
macro_rules! entry {
    (-) => { None };
    ($next:tt $($letter:ident)?) => {
        Some(Cell {
            actions: Actions::NONE,
            next: state!($next),
            footnote: letter!($($letter)?),
        })
    };
    ($($action:ident),+ / $next:tt $($letter:ident)?) => {
        Some(Cell {
            actions: Actions::NONE$(.with(action!($action)))+,
            next: state!($next),
            footnote: letter!($($letter)?),
        })
    };
}

macro_rules! half {
    ($($event:ident | $([$($cell:tt)+])+ ;)+) => {{
        let mut half = [[None; _]; 16];
        $(half[Event::$event as usize] = [$(entry!($($cell)+)),+];)+
        half
    }};
}

/// RFC 1661 section 4.1, states 0 to 5.
#[rustfmt::skip]
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const FIRST_HALF: [[Option<Cell>; 6]; 16] = half! {
//           | Initial Starting    Closed      Stopped         Closing Stopping
Up           | [2]     [irc,scr/6] [-]         [-]             [-]     [-]      ;
Down         | [-]     [-]         [0]         [tls/1]         [0]     [1]      ;
Open         | [tls/1] [1]         [irc,scr/6] [3 r]           [5 r]   [5 r]    ;
Close        | [0]     [tlf/0]     [2]         [2]             [4]     [4]      ;
TimeoutPlus  | [-]     [-]         [-]         [-]             [str/4] [str/5]  ;
TimeoutMinus | [-]     [-]         [-]         [-]             [tlf/2] [tlf/3]  ;
RcrPlus      | [-]     [-]         [sta/2]     [irc,scr,sca/8] [4]     [5]      ;
RcrMinus     | [-]     [-]         [sta/2]     [irc,scr,scn/6] [4]     [5]      ;
Rca          | [-]     [-]         [sta/2]     [sta/3]         [4]     [5]      ;
Rcn          | [-]     [-]         [sta/2]     [sta/3]         [4]     [5]      ;
Rtr          | [-]     [-]         [sta/2]     [sta/3]         [sta/4] [sta/5]  ;
Rta          | [-]     [-]         [2]         [3]             [tlf/2] [tlf/3]  ;
Ruc          | [-]     [-]         [scj/2]     [scj/3]         [scj/4] [scj/5]  ;
RxjPlus      | [-]     [-]         [2]         [3]             [4]     [5]      ;
RxjMinus     | [-]     [-]         [tlf/2]     [tlf/3]         [tlf/2] [tlf/3]  ;
Rxr          | [-]     [-]         [2]         [3]             [4]     [5]      ;
};

/// RFC 1661 section 4.1, states 6 to 9.
#[rustfmt::skip]
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time")]
const SECOND_HALF: [[Option<Cell>; 4]; 16] = half! {
//           | Req-Sent    Ack-Rcvd    Ack-Sent    Opened
Up           | [-]         [-]         [-]         [-]             ;
Down         | [1]         [1]         [1]         [tld/1]         ;
Open         | [6]         [7]         [8]         [9 r]           ;
Close        | [irc,str/4] [irc,str/4] [irc,str/4] [tld,irc,str/4] ;
TimeoutPlus  | [scr/6]     [scr/6]     [scr/8]     [-]             ;
TimeoutMinus | [tlf/3 p]   [tlf/3 p]   [tlf/3 p]   [-]             ;
RcrPlus      | [sca/8]     [sca,tlu/9] [sca/8]     [tld,scr,sca/8] ;
RcrMinus     | [scn/6]     [scn/7]     [scn/6]     [tld,scr,scn/6] ;
Rca          | [irc/7]     [scr/6 x]   [irc,tlu/9] [tld,scr/6 x]   ;
Rcn          | [irc,scr/6] [scr/6 x]   [irc,scr/8] [tld,scr/6 x]   ;
Rtr          | [sta/6]     [sta/6]     [sta/6]     [tld,zrc,sta/5] ;
Rta          | [6]         [6]         [8]         [tld,scr/6]     ;
Ruc          | [scj/6]     [scj/7]     [scj/8]     [scj/9]         ;
RxjPlus      | [6]         [6]         [8]         [9]             ;
RxjMinus     | [tlf/3]     [tlf/3]     [tlf/3]     [tld,irc,str/5] ;
Rxr          | [6]         [7]         [8]         [ser/9]         ;
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The two halves of the table as RFC 1661 section 4.1 prints them.
    const PRINTED_FIRST: &str = "
 Up   |    2     irc,scr/6     -         -         -         -
 Down |    -         -         0       tls/1       0         1
 Open |  tls/1       1     irc,scr/6     3r        5r        5r
 Close|    0       tlf/0       2         2         4         4
  TO+ |    -         -         -         -       str/4     str/5
  TO- |    -         -         -         -       tlf/2     tlf/3
 RCR+ |    -         -       sta/2 irc,scr,sca/8   4         5
 RCR- |    -         -       sta/2 irc,scr,scn/6   4         5
 RCA  |    -         -       sta/2     sta/3       4         5
 RCN  |    -         -       sta/2     sta/3       4         5
 RTR  |    -         -       sta/2     sta/3     sta/4     sta/5
 RTA  |    -         -         2         3       tlf/2     tlf/3
 RUC  |    -         -       scj/2     scj/3     scj/4     scj/5
 RXJ+ |    -         -         2         3         4         5
 RXJ- |    -         -       tlf/2     tlf/3     tlf/2     tlf/3
 RXR  |    -         -         2         3         4         5
";
    const PRINTED_SECOND: &str = "
 Up   |    -         -         -           -
 Down |    1         1         1         tld/1
 Open |    6         7         8           9r
 Close|irc,str/4 irc,str/4 irc,str/4 tld,irc,str/4
  TO+ |  scr/6     scr/6     scr/8         -
  TO- |  tlf/3p    tlf/3p    tlf/3p        -
 RCR+ |  sca/8   sca,tlu/9   sca/8   tld,scr,sca/8
 RCR- |  scn/6     scn/7     scn/6   tld,scr,scn/6
 RCA  |  irc/7     scr/6x  irc,tlu/9   tld,scr/6x
 RCN  |irc,scr/6   scr/6x  irc,scr/8   tld,scr/6x
 RTR  |  sta/6     sta/6     sta/6   tld,zrc,sta/5
 RTA  |    6         6         8       tld,scr/6
 RUC  |  scj/6     scj/7     scj/8       scj/9
 RXJ+ |    6         6         8           9
 RXJ- |  tlf/3     tlf/3     tlf/3   tld,irc,str/5
 RXR  |    6         7         8         ser/9
";

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

    const EVENTS: [(&str, Event); 16] = [
        ("Up", Event::Up),
        ("Down", Event::Down),
        ("Open", Event::Open),
        ("Close", Event::Close),
        ("TO+", Event::TimeoutPlus),
        ("TO-", Event::TimeoutMinus),
        ("RCR+", Event::RcrPlus),
        ("RCR-", Event::RcrMinus),
        ("RCA", Event::Rca),
        ("RCN", Event::Rcn),
        ("RTR", Event::Rtr),
        ("RTA", Event::Rta),
        ("RUC", Event::Ruc),
        ("RXJ+", Event::RxjPlus),
        ("RXJ-", Event::RxjMinus),
        ("RXR", Event::Rxr),
    ];

    type Printed = Option<(Actions, State, Option<Footnote>)>;

    fn printed_cell(text: &str) -> Printed {
        if text == "-" {
            return None;
        }
        let (actions, state) = text.rsplit_once('/').unwrap_or(("", text));
        let actions = actions.split(',').filter(|name| !name.is_empty());
        let actions = actions.fold(Actions::NONE, |set, name| {
            set.with(match name {
                "tlu" => Actions::TLU,
                "tld" => Actions::TLD,
                "tls" => Actions::TLS,
                "tlf" => Actions::TLF,
                "irc" => Actions::IRC,
                "zrc" => Actions::ZRC,
                "scr" => Actions::SCR,
                "sca" => Actions::SCA,
                "scn" => Actions::SCN,
                "str" => Actions::STR,
                "sta" => Actions::STA,
                "scj" => Actions::SCJ,
                "ser" => Actions::SER,
                other => panic!("unknown action {other}"),
            })
        });
        let letter = match state.get(1..) {
            Some("") => None,
            Some("p") => Some(Footnote::Passive),
            Some("r") => Some(Footnote::Restart),
            Some("x") => Some(Footnote::Crossed),
            other => panic!("unknown letter {other:?}"),
        };
        let number = state.chars().next().unwrap().to_digit(10).unwrap();
        Some((actions, STATES[number as usize], letter))
    }

    fn printed_rows(text: &str) -> Vec<(&str, Vec<Printed>)> {
        let rows = text.lines().filter_map(|line| line.split_once('|'));
        rows.map(|(label, cells)| {
            (
                label.trim(),
                cells.split_whitespace().map(printed_cell).collect(),
            )
        })
        .collect()
    }

    #[test]
    fn table_is_the_rfc_table() {
        let (first, second) = (printed_rows(PRINTED_FIRST), printed_rows(PRINTED_SECOND));
        assert_eq!((first.len(), second.len()), (16, 16));
        let (mut cells, mut legal) = (0, 0);
        for (((label, left), (label_again, right)), (name, event)) in
            first.iter().zip(&second).zip(EVENTS)
        {
            assert_eq!(
                (*label, *label_again, left.len(), right.len()),
                (name, name, 6, 4)
            );
            for (state, printed) in STATES.into_iter().zip(left.iter().chain(right)) {
                let ours = step(state, event)
                    .map(|(actions, next)| (actions, next, footnote(state, event)));
                assert_eq!(ours, *printed, "{name} in {state:?}");
                cells += 1;
                legal += usize::from(printed.is_some());
            }
        }
        assert_eq!((cells, legal), (160, 120));
    }

    #[test]
    fn every_cell_that_sends_a_request_ends_where_the_timer_runs() {
        for state in STATES {
            for (name, event) in EVENTS {
                let Some((actions, next)) = step(state, event) else {
                    continue;
                };
                let sends = actions.contains(Actions::SCR) || actions.contains(Actions::STR);
                assert!(!sends || timer_runs(next), "{name} in {state:?}");
            }
        }
    }

    #[test]
    fn no_cell_has_two_messages_for_the_upper_layer() {
        let upper = [Actions::TLU, Actions::TLD, Actions::TLS, Actions::TLF];
        for state in STATES {
            for (name, event) in EVENTS {
                let Some((actions, _)) = step(state, event) else {
                    continue;
                };
                let messages = upper.iter().filter(|one| actions.contains(**one)).count();
                assert!(messages <= 1, "{name} in {state:?}");
            }
        }
    }
}
