//! Scripts by chance, always the same ones.

use crate::rig::Case;

/// xorshift64*: the tests need no better one.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % sides
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.roll(list.len())]
    }

    /// Some of these, put together.
    fn text(&mut self, list: &[&str], most: usize) -> String {
        (0..=self.roll(most)).map(|_| self.pick(list)).collect()
    }
}

const KEYWORDS: &[&str] = &[
    "ABORT",
    "ABORT",
    "ABORT",
    "CLR_ABORT",
    "REPORT",
    "ECHO",
    "SAY",
    "HANGUP",
];
const STRINGS: &[&str] = &[
    "A", "B", "AB", "BA", "ERROR", "O", "\\s", "^M", "A\\sB", "\\101", "BUSY",
];
const EXPECTS: &[&str] = &[
    "OK", "A", "B", "K", "CONNECT", "\\r", "\\n", "O", "^M^J", "x\\sy", "\\102",
];
const SENDS: &[&str] = &[
    "AT", "x", "\\s", "\\r", "\\p", "\\\\", "^A", "\\101", "\\N", "\\q", "\\t", "\\n", "EOT", "$V",
    "\\$", "\\T", "\\K", "\\c", "\\z", "\"", "'", "@", "-",
];
const ANSWERS: &[&str] = &[
    "OK", "\r\n", "A", "B", "ERROR", "CONNECT", " ", "x y", "BUSY", "K", "\n", "\t", "\u{1}", "O",
];

/// `count` of them.
pub(crate) fn cases(seed: u64, count: usize) -> Vec<Case> {
    let mut dice = Dice(seed);
    (0..count)
        .map(|index| {
            let list = script(&mut dice);
            let in_file = dice.roll(3) == 0;
            let mut case = Case {
                name: format!("generated {index}"),
                greeting: dice.text(ANSWERS, 6).into_bytes(),
                answers: (0..4).map(|_| dice.text(ANSWERS, 5).into_bytes()).collect(),
                ..Case::default()
            };
            if in_file {
                case.file = Some(written(&mut dice, &list).into_bytes());
                case.words = vec![b"-E".to_vec()];
            } else {
                case.words = [b"-E".to_vec(), b"--".to_vec()]
                    .into_iter()
                    .chain(list.into_iter().map(String::into_bytes))
                    .collect();
            }
            case
        })
        .collect()
}

/// The words of a script: not many expects, since each may wait a second.
fn script(dice: &mut Dice) -> Vec<String> {
    let mut list = Vec::new();
    for _ in 0..=dice.roll(4) {
        for _ in 0..dice.roll(3) {
            let keyword = dice.pick(KEYWORDS);
            list.push(keyword.to_owned());
            list.push(match keyword {
                "ECHO" => dice.pick(&["ON", "OFF"]).to_owned(),
                "SAY" => dice.text(&["said", "\\n", "\\s", "\\c", "\\d"], 3),
                "HANGUP" => dice.pick(&["ON", "OFF"]).to_owned(),
                _ => dice.pick(STRINGS).to_owned(),
            });
        }
        list.push(match dice.roll(8) {
            0 | 1 => String::new(),
            2 => format!(
                "{}-{}-{}",
                dice.pick(EXPECTS),
                dice.text(SENDS, 2),
                dice.pick(EXPECTS)
            ),
            3 => format!("{}-{}", dice.pick(EXPECTS), dice.pick(&["", "x", "y\\c"])),
            _ => dice.text(EXPECTS, 1),
        });
        list.push(dice.text(SENDS, 4));
    }
    list
}

/// As a file has them.
fn written(dice: &mut Dice, list: &[String]) -> String {
    let mut text = String::from("# by chance\n");
    for word in list {
        match dice.roll(3) {
            _ if word.is_empty() => text.push_str("''"),
            0 if !word.contains('\'') => text.push_str(&format!("'{word}'")),
            1 if !word.contains('"') => text.push_str(&format!("\"{word}\"")),
            _ => text.push_str(word),
        }
        text.push_str(dice.pick(&[" ", "\t", "\n", " \n  "]));
    }
    text
}
