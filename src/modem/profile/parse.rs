//! A profile's file to a [`Profile`], or what is wrong with it: line, column, what was expected, the nearest right
//! word.
//!
//! Taken apart by hand and not by serde: a person who writes such a file from a manual wants all mistakes at once,
//! each at its place.

mod check;
mod reader;

use std::fmt;

use toml::de::DeTable;

use super::{NetMode, Profile, Profiles, ResetStep};
use check::{check_command, check_name, check_template, check_usb};
use reader::{Reader, Table};

/// Largest file that is read, in bytes.
const FILE_LIMIT: usize = 64 * 1024;
/// Longest time that a profile can name.
const LONGEST: f64 = 86_400.0;

/// A problem in a profile's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileDiagnostic {
    /// The file, as the caller named it.
    pub file: String,
    /// Line, from 1; 0 for a problem of the file as a whole.
    pub line: usize,
    /// Column in characters, from 1; 0 where the line is 0.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What was expected.
    pub expected: Option<String>,
    /// The right word that is nearest to a wrong one.
    pub nearest: Option<String>,
}

impl ProfileDiagnostic {
    pub(super) fn of_file(message: String) -> Self {
        Self {
            file: String::new(),
            line: 0,
            column: 0,
            message,
            expected: None,
            nearest: None,
        }
    }
}

/// `FILE:LINE:COLUMN: what is wrong; expected this; did you mean that?`
impl fmt::Display for ProfileDiagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printable = |text: &str| text.replace(char::is_control, "\u{fffd}");
        f.write_str(&printable(&self.file))?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", printable(&self.message))?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {}", printable(expected))?;
        }
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean {}?", printable(nearest))?;
        }
        Ok(())
    }
}

/// Reads a file, which can extend the profiles that are `known`.
pub(super) fn parse(
    file: &str,
    text: &str,
    known: &Profiles,
) -> Result<Profile, Vec<ProfileDiagnostic>> {
    let mut reader = Reader::new(file, text);
    if text.len() > FILE_LIMIT {
        reader.file_error(format!("the file is larger than {FILE_LIMIT} bytes"));
        return Err(reader.finish());
    }
    let (table, errors) = DeTable::parse_recoverable(reader.text());
    for error in &errors {
        reader.syntax_error(error.message(), error.span());
    }
    if !errors.is_empty() {
        return Err(reader.finish());
    }
    let profile = read(&mut reader, table.get_ref(), known);
    let problems = reader.finish();
    if problems.is_empty() {
        Ok(profile)
    } else {
        Err(problems)
    }
}

fn read(reader: &mut Reader<'_>, table: &DeTable<'_>, known: &Profiles) -> Profile {
    let root = Table::new("", table);
    reader.keys(
        &root,
        &[
            "name",
            "extends",
            "about",
            "aliases",
            "flash_wear",
            "guesses",
            "recognise",
            "ports",
            "dial",
            "netmode",
            "carrier",
            "sim",
            "reset",
        ],
    );
    let mut profile = base(reader, &root, known);
    if let Some((name, span)) = reader.string(&root, "name") {
        match check_name(&name) {
            Ok(()) => {
                if !name.eq_ignore_ascii_case(&profile.name) {
                    // An alias names one profile.
                    profile.aliases.clear();
                }
                profile.name = name;
            }
            Err(expected) => reader.value_error(span, "name", &name, expected),
        }
    } else if root.get("extends").is_none() {
        reader.file_error("the profile has no name".to_owned());
    }
    if let Some((about, _)) = reader.string(&root, "about") {
        profile.about = about.chars().take(200).collect();
    }
    reader.set_checked(&root, "aliases", &mut profile.aliases, check_name);
    reader.set_boolean(&root, "flash_wear", &mut profile.flash_wear);
    if let Some(table) = reader.table(&root, "recognise") {
        recognise(reader, &table, &mut profile);
    }
    if let Some(table) = reader.table(&root, "ports") {
        ports(reader, &table, &mut profile);
    }
    if let Some(table) = reader.table(&root, "dial") {
        dial(reader, &table, &mut profile);
    }
    if let Some(table) = reader.table(&root, "netmode") {
        netmode(reader, &table, &mut profile);
    }
    if let Some(table) = reader.table(&root, "carrier") {
        carrier(reader, &table, &mut profile);
    }
    if let Some(table) = reader.table(&root, "sim") {
        sim(reader, &table, &mut profile);
    }
    if let Some(table) = reader.table(&root, "reset") {
        reset(reader, &table, &mut profile);
    }
    // What the file says itself is no longer the guess of the profile that it extends.
    profile.guesses.retain(|guess| !reader.has_read(guess));
    if let Some(guesses) = reader.strings(&root, "guesses") {
        profile.guesses.clear();
        for (guess, span) in guesses {
            if reader.is_key(&guess) {
                profile.guesses.push(guess);
            } else {
                let nearest = reader.nearest_key(&guess);
                let what = format!("guesses: {guess:?} is no key of a profile");
                reader.error(span, what, Some("e.g. dial.dial".to_owned()), nearest);
            }
        }
    }
    profile
}

/// What the file starts from: the profile that it extends, else the generic one.
fn base(reader: &mut Reader<'_>, root: &Table<'_>, known: &Profiles) -> Profile {
    let Some((name, span)) = reader.string(root, "extends") else {
        return Profile::default();
    };
    match known.get(&name) {
        Some(profile) => (*profile).clone(),
        None => {
            let nearest = reader::nearest(&name, known.names());
            reader.error(
                span,
                format!("extends: there is no profile {name:?}"),
                Some("the name of a profile".to_owned()),
                nearest,
            );
            Profile::default()
        }
    }
}

fn recognise(reader: &mut Reader<'_>, table: &Table<'_>, profile: &mut Profile) {
    reader.keys(table, &["usb", "models", "manufacturers"]);
    if let Some(list) = reader.strings(table, "usb") {
        profile.recognise.usb.clear();
        for (text, span) in list {
            match check_usb(&text) {
                Some(id) => profile.recognise.usb.push(id),
                None => reader.value_error(
                    span,
                    "recognise.usb",
                    &text,
                    "vendor and product in hexadecimal, e.g. 1546:1102, or the vendor alone",
                ),
            }
        }
    }
    reader.set_strings(table, "models", &mut profile.recognise.models);
    reader.set_strings(table, "manufacturers", &mut profile.recognise.manufacturers);
}

fn ports(reader: &mut Reader<'_>, table: &Table<'_>, profile: &mut Profile) {
    reader.keys(table, &["dial", "at", "ignore"]);
    if let Some(port) = reader.byte(table, "dial") {
        profile.ports.dial = Some(port);
    }
    reader.set_bytes(table, "at", &mut profile.ports.at);
    reader.set_bytes(table, "ignore", &mut profile.ports.ignore);
}

fn dial(reader: &mut Reader<'_>, table: &Table<'_>, profile: &mut Profile) {
    reader.keys(
        table,
        &[
            "setup",
            "context",
            "apn_prefix",
            "account",
            "before_dial",
            "dial",
            "dial_timeout",
            "registration_timeout",
        ],
    );
    let dial = &mut profile.dial;
    reader.set_commands(table, "setup", &mut dial.setup);
    if let Some((text, span)) = reader.string(table, "context") {
        match check_template(&text, &["apn", "type"]) {
            Ok(()) => dial.context = text,
            Err(problem) => reader.template_error(span, "dial.context", &text, problem),
        }
    }
    reader.set_boolean(table, "apn_prefix", &mut dial.apn_prefix);
    if let Some(list) = reader.strings(table, "account") {
        dial.account.clear();
        for (text, span) in list {
            match check_template(&text, &["apn", "type", "account", "password", "auth"]) {
                Ok(()) => dial.account.push(text),
                Err(problem) => reader.template_error(span, "dial.account", &text, problem),
            }
        }
    }
    reader.set_commands(table, "before_dial", &mut dial.before_dial);
    if let Some((text, span)) = reader.string(table, "dial") {
        if check_command(&text).is_ok() && text.to_ascii_uppercase().starts_with("ATD") {
            dial.dial = text;
        } else {
            reader.value_error(
                span,
                "dial.dial",
                &text,
                "an AT command that dials, e.g. ATDT*99***1#",
            );
        }
    }
    reader.set_seconds(table, "dial_timeout", 1.0, &mut dial.dial_timeout);
    reader.set_seconds(
        table,
        "registration_timeout",
        0.0,
        &mut dial.registration_timeout,
    );
}

fn netmode(reader: &mut Reader<'_>, table: &Table<'_>, profile: &mut Profile) {
    let [auto, wcdma, lte] = NetMode::ALL.map(NetMode::as_str);
    reader.keys(table, &[auto, wcdma, lte, "read"]);
    if let Some((text, span)) = reader.string(table, "read") {
        match check_command(&text) {
            Ok(()) => profile.netmode_read = Some(text),
            Err(expected) => reader.value_error(span, "netmode.read", &text, expected),
        }
    }
    for mode in NetMode::ALL {
        if let Some(commands) = reader.commands(table, mode.as_str()) {
            profile.netmode.insert(mode, commands);
        }
    }
}

fn carrier(reader: &mut Reader<'_>, table: &Table<'_>, profile: &mut Profile) {
    // 4 and a network's number are common to all modems.
    let names = ["1", "2", "3", "5"];
    reader.keys(table, &names);
    for name in names {
        if let Some(commands) = reader.commands(table, name)
            && let Ok(number) = name.parse()
        {
            profile.carrier.insert(number, commands);
        }
    }
}

fn sim(reader: &mut Reader<'_>, table: &Table<'_>, profile: &mut Profile) {
    reader.keys(table, &["tries", "iccid"]);
    if let Some((text, span)) = reader.string(table, "tries") {
        match check_command(&text) {
            Ok(()) => profile.sim.tries = Some(text),
            Err(expected) => reader.value_error(span, "sim.tries", &text, expected),
        }
    }
    reader.set_commands(table, "iccid", &mut profile.sim.iccid);
}

fn reset(reader: &mut Reader<'_>, table: &Table<'_>, profile: &mut Profile) {
    reader.keys(
        table,
        &["steps", "gone_within", "back_within", "vanishes", "wait"],
    );
    let reset = &mut profile.reset;
    reader.set_seconds(table, "gone_within", 1.0, &mut reset.gone_within);
    reader.set_seconds(table, "back_within", 1.0, &mut reset.back_within);
    reader.set_seconds(table, "wait", 0.0, &mut reset.wait);
    reader.set_boolean(table, "vanishes", &mut reset.vanishes);
    if let Some(steps) = reader.steps(table, "steps") {
        reset.steps = steps;
    }
}

#[cfg(test)]
mod tests;
