//! The answer to a Configure-Request, built option by option into fresh buffers.

use crate::ppp::wire::{Options, RawOption, code};

/// The options of a list, each kind once: what comes again is passed over. (Duplicates have
/// confused negotiators into answers that they did not mean.)
#[derive(Clone, Debug)]
pub(crate) struct Distinct<'a> {
    options: Options<'a>,
    seen: Kinds,
}

/// A set of option types.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kinds([u64; 4]);

impl Kinds {
    /// Adds `kind`. False if it was there already.
    pub(crate) fn insert(&mut self, kind: u8) -> bool {
        let bit = 1_u64 << (kind % 64);
        let word = self.0.get_mut(usize::from(kind / 64));
        word.is_some_and(|word| {
            let before = *word;
            *word |= bit;
            before & bit == 0
        })
    }
}

impl<'a> Distinct<'a> {
    pub(crate) fn new(options: Options<'a>) -> Self {
        Self::except(options, Kinds::default())
    }

    /// Passes over `kinds` from the start.
    pub(crate) fn except(options: Options<'a>, kinds: Kinds) -> Self {
        Self {
            options,
            seen: kinds,
        }
    }
}

impl<'a> Iterator for Distinct<'a> {
    type Item = RawOption<'a>;

    fn next(&mut self) -> Option<RawOption<'a>> {
        let Self { options, seen } = self;
        options.find(|option| seen.insert(option.kind))
    }
}

/// What we think of a Configure-Request: an Ack as long as nothing else is said.
///
/// Rejects win over Naks (RFC 1661 section 5.4: the Reject goes out first, and holds nothing else).
/// What does not fit into the peer's MRU is left out, and comes up again with its next request.
#[derive(Debug)]
pub(crate) struct Answer {
    naks: Vec<u8>,
    rejects: Vec<u8>,
    room: usize,
    last_word: bool,
}

impl Answer {
    /// `room`: octets of options that the peer takes. With `last_word`, Max-Failure Naks have been
    /// sent: what would be one more becomes a Reject (RFC 1661 section 4.6).
    pub(crate) fn new(room: usize, last_word: bool) -> Self {
        Self {
            naks: Vec::new(),
            rejects: Vec::new(),
            room,
            last_word,
        }
    }

    /// The peer must not use the option.
    pub(crate) fn reject(&mut self, option: RawOption<'_>) {
        Self::append(&mut self.rejects, self.room, option);
    }

    /// The peer should use the option with `data` instead. Returns whether that became a Reject.
    pub(crate) fn nak(&mut self, option: RawOption<'_>, data: &[u8]) -> bool {
        if self.last_word {
            self.reject(option);
        } else {
            self.insist(RawOption {
                kind: option.kind,
                data,
            });
        }
        self.last_word
    }

    /// As [`nak`](Self::nak), but never a Reject.
    pub(crate) fn insist(&mut self, wanted: RawOption<'_>) {
        Self::append(&mut self.naks, self.room, wanted);
    }

    /// The peer should add an option to its request. Returns whether the answer says so.
    pub(crate) fn suggest(&mut self, wanted: RawOption<'_>) -> bool {
        let says = !self.last_word && self.rejects.is_empty();
        if says {
            self.insist(wanted);
        }
        says
    }

    /// The code and data of the Nak or Reject; `None` for an Ack.
    pub(crate) fn finish(self) -> Option<(u8, Vec<u8>)> {
        if !self.rejects.is_empty() {
            Some((code::CONFIGURE_REJECT, self.rejects))
        } else if !self.naks.is_empty() {
            Some((code::CONFIGURE_NAK, self.naks))
        } else {
            None
        }
    }

    fn append(list: &mut Vec<u8>, room: usize, option: RawOption<'_>) {
        if list.len() + 2 + option.data.len() <= room {
            option.write(list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MRU: RawOption<'_> = RawOption {
        kind: 1,
        data: &[5, 0xdc],
    };
    const PFC: RawOption<'_> = RawOption { kind: 7, data: &[] };

    #[test]
    fn each_kind_of_option_is_seen_once() {
        let list = [7, 2, 1, 4, 5, 0xdc, 7, 2, 1, 4, 1, 0, 255, 2, 255, 3, 9];
        let kinds: Vec<_> = Distinct::new(Options::parse(&list).unwrap()).collect();
        assert_eq!(
            kinds,
            [
                PFC,
                MRU,
                RawOption {
                    kind: 255,
                    data: &[]
                }
            ]
        );
    }

    #[test]
    fn rejects_win_over_naks() {
        let mut answer = Answer::new(1496, false);
        assert!(!answer.nak(MRU, &[0, 128]));
        answer.reject(PFC);
        assert!(!answer.suggest(MRU));
        assert_eq!(answer.finish(), Some((code::CONFIGURE_REJECT, vec![7, 2])));
    }

    #[test]
    fn nothing_said_is_an_ack() {
        assert_eq!(Answer::new(1496, false).finish(), None);
    }

    #[test]
    fn the_last_word_is_a_reject() {
        let mut answer = Answer::new(1496, true);
        assert!(answer.nak(MRU, &[0, 128]));
        assert!(!answer.suggest(PFC));
        assert_eq!(
            answer.finish(),
            Some((code::CONFIGURE_REJECT, vec![1, 4, 5, 0xdc]))
        );
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut answer = Answer::new(5, false);
        answer.reject(MRU);
        answer.reject(PFC);
        assert_eq!(
            answer.finish(),
            Some((code::CONFIGURE_REJECT, vec![1, 4, 5, 0xdc]))
        );
    }
}
