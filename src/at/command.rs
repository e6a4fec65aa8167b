//! One command, what of it may be shown, and what must not be shown when the modem repeats it.
//!
//! A modem echoes what it is sent until `ATE0` acts, and some repeat a value in their error. So it is not enough to
//! hide a password where it is sent: every received line goes through a [`Veil`] on its way to the log.

use std::fmt;

use super::lines::show;
use super::plan::{MAX_COMMAND, PlanError, is_printable};
use super::response::{Response, is_echo};
use crate::secret::Secret;

/// What stands where a secret was, as chat's `\q` shows it.
pub(crate) const HIDDEN: &str = "??????";

/// More than a script of many lines has.
const MOST_SECRETS: usize = 256;

/// A command without its line end. `Debug` and `Display` hide its secrets, and it is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    text: Secret,
    shown: String,
    secrets: Vec<Secret>,
}

/// A piece of a command.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// May be shown.
    Plain(&'a str),
    /// Must not be shown.
    Hidden(&'a Secret),
}

impl Command {
    /// A command without secrets.
    pub fn new(text: &str) -> Self {
        Self::of(&[Part::Plain(text)])
    }

    /// A command made of pieces, of which some may not be shown.
    pub fn of(parts: &[Part<'_>]) -> Self {
        let mut text = Vec::with_capacity(MAX_COMMAND);
        let mut shown = String::new();
        let mut secrets = Vec::new();
        for part in parts {
            match part {
                Part::Plain(plain) => {
                    text.extend_from_slice(plain.as_bytes());
                    shown.push_str(plain);
                }
                Part::Hidden(secret) => {
                    text.extend_from_slice(secret.expose());
                    shown.push_str(HIDDEN);
                    secrets.push((*secret).clone());
                }
            }
        }
        Self {
            text: Secret::new(text),
            shown,
            secrets,
        }
    }

    /// The command as it may be shown.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Whether some of it must not be shown.
    pub fn is_secret(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Whether it is one line of printable ASCII that begins with `AT`.
    ///
    /// # Errors
    /// Says what is wrong with it, without a secret's characters.
    pub fn check(&self) -> Result<(), PlanError> {
        let text = self.text.expose();
        let bad = |text: &str| text.chars().find(|&c| !is_printable(c));
        if let Some(bad) = bad(&self.shown) {
            return Err(PlanError::Command(bad));
        }
        if self.secrets.iter().any(|secret| !is_clean(secret)) {
            return Err(PlanError::Hidden);
        }
        if text.len() > MAX_COMMAND {
            return Err(PlanError::TooLong);
        }
        match text {
            [b'A' | b'a', b'T' | b't', ..] => Ok(()),
            _ => Err(PlanError::NotAt),
        }
    }

    /// What goes over the line. Characters that [`check`](Self::check) refuses are left out: they would be further
    /// commands.
    pub(super) fn wire(&self) -> Secret {
        let mut wire = Vec::with_capacity(self.text.expose().len() + 1);
        let printable = |byte: &&u8| is_printable(char::from(**byte));
        wire.extend(self.text.expose().iter().filter(printable));
        wire.push(b'\r');
        Secret::new(wire)
    }

    /// [`wire`](Self::wire), as a log shows it.
    pub(super) fn wire_shown(&self) -> String {
        let printable: String = self.shown.chars().filter(|&c| is_printable(c)).collect();
        printable + "^M"
    }

    /// Whether `line` is the modem's echo of it.
    pub(super) fn is_echoed_by(&self, line: &[u8]) -> bool {
        is_echo(line, self.text.expose())
    }
}

impl From<&str> for Command {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Command {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl PartialEq<&str> for Command {
    fn eq(&self, text: &&str) -> bool {
        self.text.expose() == text.as_bytes()
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.shown)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Secrets that must not be shown, and what is public although a secret is part of it: with the password `sora` the
/// APN `soracom.io` is shown whole, for a hole in it would tell the password.
#[derive(Clone, Debug, Default)]
pub struct Veil {
    secrets: Vec<Secret>,
    public: Vec<Vec<u8>>,
}

impl Veil {
    /// A veil over `secrets`; the words of `public` may be shown.
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = Secret>,
        public: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let secrets: Vec<Secret> = secrets.into_iter().filter(|s| !s.is_empty()).collect();
        let public = public
            .into_iter()
            .flat_map(|text| words(text.as_bytes()).map(<[u8]>::to_vec))
            .filter(|word| secrets.iter().any(|secret| secret.occurs_in(word)))
            .collect();
        Self { secrets, public }
    }

    pub(super) fn of<'a>(commands: impl Iterator<Item = &'a Command> + Clone) -> Self {
        Self::new(
            commands.clone().flat_map(|command| command.secrets.clone()),
            commands.map(Command::shown),
        )
    }

    /// Puts it over `secret` as well, whatever is public.
    pub fn add(&mut self, secret: Secret) {
        if !secret.is_empty()
            && !self.secrets.contains(&secret)
            && self.secrets.len() < MOST_SECRETS
        {
            self.secrets.push(secret);
        }
    }

    /// `line` as the log shows it.
    pub fn show(&self, line: &[u8]) -> String {
        let holes = self.holes(line);
        let mut out = String::new();
        let mut from = 0;
        for (start, end) in holes {
            if let Some(before) = line.get(from..start) {
                out.push_str(&show(before));
            }
            if start >= from {
                out.push_str(HIDDEN);
            }
            from = from.max(end);
        }
        out + &show(line.get(from..).unwrap_or_default())
    }

    /// `line` as the log shows it while the answer to `command` is awaited. Of a secret command only results,
    /// information texts and the whole echo are shown: the echo may come in pieces.
    pub(super) fn show_answer(&self, command: &Command, line: &[u8]) -> String {
        if !command.is_secret() {
            self.show(line)
        } else if command.is_echoed_by(line) {
            command.shown().to_owned()
        } else if Response::parse(line) != Response::Other || is_information(line) {
            self.show(line)
        } else {
            HIDDEN.to_owned()
        }
    }

    /// What of `line` must not be shown, in order.
    fn holes(&self, line: &[u8]) -> Vec<(usize, usize)> {
        let mut holes = Vec::new();
        for secret in self.secrets.iter().filter(|secret| secret.occurs_in(line)) {
            let length = secret.expose().len();
            let digits = secret.expose().iter().all(u8::is_ascii_digit);
            let is_digit = |at: Option<usize>| {
                at.and_then(|at| line.get(at))
                    .is_some_and(u8::is_ascii_digit)
            };
            for (start, part) in line.windows(length).enumerate() {
                let end = start + length;
                // The digits of a PIN that stand somewhere in an IMEI are not the PIN, and a hole there would tell it.
                let inside = digits && (is_digit(start.checked_sub(1)) || is_digit(Some(end)));
                if part == secret.expose() && !inside && !self.is_public(line, start, end) {
                    holes.push((start, end));
                }
            }
        }
        holes.sort_unstable();
        holes
    }

    fn is_public(&self, line: &[u8], start: usize, end: usize) -> bool {
        let in_word = |byte: &u8| is_word(*byte);
        let before = line.get(..start).unwrap_or_default();
        let behind = line.get(end..).unwrap_or_default();
        let first = start - before.iter().rev().take_while(|byte| in_word(byte)).count();
        let last = end + behind.iter().take_while(|byte| in_word(byte)).count();
        let word = line.get(first..last).unwrap_or_default();
        self.public.iter().any(|public| public == word)
    }
}

/// Whether `secret` can stand in a command between quotation marks.
pub(crate) fn is_clean(secret: &Secret) -> bool {
    secret
        .expose()
        .iter()
        .all(|&byte| is_printable(char::from(byte)) && !matches!(byte, b'"' | b'\\'))
}

/// `+CPIN: ..`, `^SYSSTART`: what begins as an information text or an unsolicited result does.
fn is_information(line: &[u8]) -> bool {
    match line {
        [b'+' | b'^', name @ ..] => {
            let end = name.iter().position(|byte| !byte.is_ascii_uppercase());
            name.first().is_some_and(u8::is_ascii_uppercase)
                && end.is_none_or(|end| name.get(end) == Some(&b':'))
        }
        _ => false,
    }
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| !is_word(byte))
        .filter(|word| !word.is_empty())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'@' | b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Command {
        Command::of(&[
            Part::Plain("AT$QCPDPP=1,3,\""),
            Part::Hidden(&Secret::new("geheim")),
            Part::Plain("\",\"user\""),
        ])
    }

    #[test]
    fn sends_a_secret_and_does_not_show_it() {
        let command = account();
        assert_eq!(
            command.wire().expose(),
            b"AT$QCPDPP=1,3,\"geheim\",\"user\"\r"
        );
        assert_eq!(command.wire_shown(), "AT$QCPDPP=1,3,\"??????\",\"user\"^M");
        assert!(!format!("{command:?} {command}").contains("geheim"));
        assert_eq!(command.check(), Ok(()));
    }

    #[test]
    fn refuses_what_breaks_out_and_does_not_say_which_character_of_a_secret() {
        let pin = |pin: &str| {
            let pin = Secret::new(pin);
            Command::of(&[Part::Plain("AT+CPIN="), Part::Hidden(&pin)]).check()
        };
        assert_eq!(pin("1234"), Ok(()));
        assert_eq!(pin("12\r34"), Err(PlanError::Hidden));
        assert_eq!(pin("12\"34"), Err(PlanError::Hidden));
        assert_eq!(Command::new("ATZ\r").check(), Err(PlanError::Command('\r')));
        assert_eq!(Command::new("XYZ").check(), Err(PlanError::NotAt));
    }

    #[test]
    fn what_the_modem_repeats_is_hidden() {
        let command = account();
        let veil = Veil::of([&command].into_iter());
        let cases: [(&[u8], &str); 7] = [
            (
                b"AT$QCPDPP=1,3,\"geheim\",\"user\"",
                "AT$QCPDPP=1,3,\"??????\",\"user\"",
            ),
            // In pieces.
            (b"AT$QCPDPP=1,3,\"geh", HIDDEN),
            (b"eim\",\"user\"", HIDDEN),
            (b"+CME ERROR: bad geheim", "+CME ERROR: bad ??????"),
            (b"+CREG: 1", "+CREG: 1"),
            (b"^SYSSTART", "^SYSSTART"),
            (b"OK", "OK"),
        ];
        for (line, shown) in cases {
            assert_eq!(veil.show_answer(&command, line), shown);
        }
        assert_eq!(veil.show(b"x geheimgeheim y"), "x ???????????? y");
    }

    #[test]
    fn a_hole_does_not_tell_the_secret() {
        let veil = Veil::new([Secret::new("sora"), Secret::new("1234")], ["soracom.io"]);
        for line in [
            "+CGDCONT: 1,\"IP\",\"soracom.io\"",
            "356938123456789",
            "+CCID: 89811234567890123456",
        ] {
            assert_eq!(veil.show(line.as_bytes()), line);
        }
        assert_eq!(veil.show(b"AT+CPIN=\"1234\""), "AT+CPIN=\"??????\"");
        assert_eq!(veil.show(b"soracomXio sora"), "??????comXio ??????");
    }
}
