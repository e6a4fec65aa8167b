//! The SIM in the modem: its number, its PIN, and how often that may still be tried (3GPP TS 31.101,
//! ETSI TS 102 221 section 11.1.9).
//!
//! What is lost with the power of the modem is only that the PIN has been entered.

use crate::secret::Secret;

/// Tries of a PIN and of a PUK.
const PIN_TRIES: u8 = 3;
const PUK_TRIES: u8 = 10;
/// Its PUK.
const PUK: &str = "12345678";

/// `+CME ERROR` (3GPP TS 27.007 section 9.2).
const NOT_INSERTED: u16 = 10;
const PIN_REQUIRED: u16 = 11;
const PUK_REQUIRED: u16 = 12;
const FAILURE: u16 = 13;
const BUSY: u16 = 14;
const INCORRECT: u16 = 16;
const NOT_ALLOWED: u16 = 3;

/// What is wrong with the SIM from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum CardFault {
    #[default]
    None,
    Absent,
    Busy,
    Failure,
}

/// A SIM.
#[derive(Debug)]
pub(super) struct Card {
    iccid: String,
    /// What it wants at the start of the modem, if anything.
    pin: Option<Secret>,
    verified: bool,
    pin_left: u8,
    puk_left: u8,
    pub(super) fault: CardFault,
    /// PINs that were tried, and how many of them were refused.
    pub(super) tries: u32,
    pub(super) refused: u32,
}

impl Card {
    pub(super) fn new(iccid: String, pin: Option<Secret>) -> Self {
        Self {
            iccid,
            pin,
            verified: false,
            pin_left: PIN_TRIES,
            puk_left: PUK_TRIES,
            fault: CardFault::None,
            tries: 0,
            refused: 0,
        }
    }

    /// The modem has started.
    pub(super) fn power_on(&mut self) {
        self.verified = false;
    }

    /// From now on it wants this PIN.
    pub(super) fn lock(&mut self, pin: &str) {
        self.pin = Some(Secret::new(pin));
        self.verified = false;
    }

    /// Whether three wrong PINs have been tried.
    pub(super) fn is_blocked(&self) -> bool {
        self.pin_left == 0
    }

    /// Three wrong PINs have been tried before.
    pub(super) fn block(&mut self) {
        self.pin_left = 0;
    }

    /// Why it cannot be used, as a number of `+CME ERROR`.
    pub(super) fn ready(&self) -> Result<(), u16> {
        match self.fault {
            CardFault::Absent => Err(NOT_INSERTED),
            CardFault::Busy => Err(BUSY),
            CardFault::Failure => Err(FAILURE),
            CardFault::None if self.pin_left == 0 => Err(PUK_REQUIRED),
            CardFault::None if self.pin.is_some() && !self.verified => Err(PIN_REQUIRED),
            CardFault::None => Ok(()),
        }
    }

    /// `+CPIN?`
    pub(super) fn status(&self) -> Result<&'static str, u16> {
        match self.ready() {
            Ok(()) => Ok("READY"),
            Err(PIN_REQUIRED) => Ok("SIM PIN"),
            Err(PUK_REQUIRED) => Ok("SIM PUK"),
            Err(code) => Err(code),
        }
    }

    /// `+CPIN=PIN`, or the PUK and a new PIN.
    pub(super) fn enter(&mut self, code: &str, new: Option<&str>) -> Result<(), u16> {
        match (self.ready(), new) {
            (Ok(()), _) => Err(NOT_ALLOWED),
            (Err(PIN_REQUIRED), None) => self.try_pin(code),
            (Err(PUK_REQUIRED), Some(new)) => self.try_puk(code, new),
            (Err(reason), _) => Err(reason),
        }
    }

    fn try_pin(&mut self, code: &str) -> Result<(), u16> {
        self.tries += 1;
        if self
            .pin
            .as_ref()
            .is_some_and(|pin| pin.expose() == code.as_bytes())
        {
            self.verified = true;
            self.pin_left = PIN_TRIES;
            return Ok(());
        }
        self.refused += 1;
        self.pin_left = self.pin_left.saturating_sub(1);
        Err(if self.pin_left == 0 {
            PUK_REQUIRED
        } else {
            INCORRECT
        })
    }

    fn try_puk(&mut self, code: &str, new: &str) -> Result<(), u16> {
        if self.puk_left == 0 {
            return Err(FAILURE);
        }
        if code != PUK {
            self.puk_left -= 1;
            return Err(INCORRECT);
        }
        self.puk_left = PUK_TRIES;
        self.pin_left = PIN_TRIES;
        self.pin = Some(Secret::new(new));
        self.verified = true;
        Ok(())
    }

    /// Its number, if it can be read: that needs no PIN.
    pub(super) fn iccid(&self) -> Result<&str, u16> {
        match self.fault {
            CardFault::Absent => Err(NOT_INSERTED),
            CardFault::Busy => Err(BUSY),
            CardFault::Failure => Err(FAILURE),
            CardFault::None => Ok(&self.iccid),
        }
    }

    /// Tries of the PIN and of the PUK that are left, if the card answers.
    pub(super) fn left(&self) -> Result<(u8, u8), u16> {
        self.iccid().map(|_| (self.pin_left, self.puk_left))
    }

    /// Whether it wants a PIN at the start of the modem.
    pub(super) fn wants_pin(&self) -> bool {
        self.pin.is_some()
    }

    /// The answer to an empty VERIFY of PIN 1: its status word.
    pub(super) fn empty_verify(&self) -> Result<String, u16> {
        let (left, _) = self.left()?;
        Ok(match left {
            0 => "6983".to_owned(),
            _ if self.pin.is_some() && self.verified => "9000".to_owned(),
            left => format!("63C{left:X}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked() -> Card {
        Card::new("8981100".to_owned(), Some(Secret::new("1234")))
    }

    #[test]
    fn wants_its_pin_at_each_start_of_the_modem() {
        let mut card = locked();
        for _ in 0..2 {
            assert_eq!(card.status(), Ok("SIM PIN"));
            assert_eq!(card.empty_verify().as_deref(), Ok("63C3"));
            assert_eq!(card.enter("1234", None), Ok(()));
            assert_eq!(card.status(), Ok("READY"));
            assert_eq!(card.empty_verify().as_deref(), Ok("9000"));
            assert_eq!(card.enter("1234", None), Err(3));
            card.power_on();
        }
        assert_eq!((card.tries, card.refused), (2, 0));
    }

    #[test]
    fn three_wrong_pins_lock_it_for_good_and_a_right_one_in_between_does_not() {
        let mut card = locked();
        assert_eq!(card.enter("0000", None), Err(16));
        assert_eq!(card.enter("0001", None), Err(16));
        assert_eq!(card.left(), Ok((1, 10)));
        assert_eq!(card.enter("1234", None), Ok(()));
        assert_eq!(card.left(), Ok((3, 10)));
        card.power_on();
        for (pin, error) in [("1", 16), ("2", 16), ("3", 12), ("1234", 12)] {
            assert_eq!(card.enter(pin, None), Err(error), "{pin}");
            card.power_on();
        }
        assert_eq!(card.status(), Ok("SIM PUK"));
        assert_eq!(card.empty_verify().as_deref(), Ok("6983"));
        assert_eq!((card.tries, card.refused), (6, 5));
    }

    #[test]
    fn its_puk_sets_a_new_pin() {
        let mut card = locked();
        card.block();
        assert_eq!(card.enter("87654321", Some("4321")), Err(16));
        assert_eq!(card.left(), Ok((0, 9)));
        assert_eq!(card.enter("12345678", Some("4321")), Ok(()));
        card.power_on();
        assert_eq!(card.enter("4321", None), Ok(()));
    }

    #[test]
    fn a_card_that_is_not_there_or_does_not_work_says_so() {
        for (fault, code) in [
            (CardFault::Absent, 10),
            (CardFault::Failure, 13),
            (CardFault::Busy, 14),
        ] {
            let mut card = locked();
            card.fault = fault;
            assert_eq!(card.status(), Err(code));
            assert_eq!(card.enter("1234", None), Err(code));
            assert_eq!(card.iccid(), Err(code));
            assert_eq!(card.left(), Err(code));
            assert_eq!(card.tries, 0);
        }
    }
}
