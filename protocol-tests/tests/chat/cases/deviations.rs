//! Where ours is meant to differ from chat(8), and why.

use super::case;
use crate::rig::Case;

/// An intended difference: its reason, and what Debian's and ours end with.
pub(crate) struct Deviation {
    pub(crate) case: Case,
    pub(crate) why: &'static str,
    pub(crate) theirs: &'static str,
    pub(crate) ours: &'static str,
}

pub(crate) fn deviations() -> Vec<Deviation> {
    let long = "a".repeat(50);
    let fifty_one = [["ABORT", "Q"].repeat(51).as_slice(), &["A", "x\\c"]].concat();
    let reports = [["REPORT", "Q"].repeat(51).as_slice(), &["A", "x\\c"]].concat();
    let typed = "x".repeat(150);
    let deviation = |case, why, theirs, ours| Deviation {
        case,
        why,
        theirs,
        ours,
    };
    vec![
        deviation(
            case(
                "ABORT string of 50 characters",
                &["ABORT", &long, "C"],
                &long,
                &[],
            ),
            "the limit of 49 characters is the size of a buffer of chat's",
            "exit 1",
            "exit 4",
        ),
        deviation(
            case("51 ABORT strings", &fifty_one, "A", &[]),
            "the limit of 50 strings is the size of a table of chat's",
            "exit 2",
            "exit 0",
        ),
        deviation(
            case("51 REPORT strings", &reports, "A", &[]),
            "likewise",
            "exit 2",
            "exit 0",
        ),
        deviation(
            case(
                "ABORT string that a variable makes longer",
                &["-E", "ABORT", "$LONG", "A", "x\\c"],
                "A",
                &[],
            ),
            "chat takes a word that grows for one that is too long",
            "exit 1",
            "exit 0",
        ),
        deviation(
            case(
                "CLR_REPORT behind one that has come",
                &["REPORT", "A", "B", "x\\c", "CLR_REPORT", "A"],
                "A1\rB",
                &[],
            ),
            "chat reads through a null pointer",
            "signal 11",
            "exit 0",
        ),
        deviation(
            case("150 characters in a second", &["", &typed], "", &[]),
            "chat pauses 10 ms before each character: --char-delay 10 does that",
            "exit 1",
            "exit 0",
        ),
        deviation(
            case(
                "a pause beyond the timeout",
                &["", "\\d\\d\\c", "A-", "x\\c"],
                "",
                &[],
            ),
            "chat leaves the line non-blocking behind it, and the next expect fails without waiting; ours waits. Both \
             fail here, ours a second later",
            "exit 3",
            "exit 3",
        ),
    ]
}
