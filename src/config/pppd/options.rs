//! Reads options files into a list of settings, as `pppd call NAME` run by root does: `options`, `options.TTY`, and the
//! peers file, with what `call` and `file` name in its place (pppd 2.4.9, options.c).
//!
//! Not here: `.ppprc`, which belongs to a person. All problems are reported, where pppd stops at the first.

use std::path::{Path, PathBuf};

use super::source::Source;
use super::table::{self, Act, Argument, Row};
use super::words::Word;
use super::{Reading, numbers};
use crate::config::diagnostic::Severity;
use crate::config::files::{FileKind, FileProblem, FileText};
use crate::config::report::{Report, nearest};

/// pppd has no limit, and crashes.
const MAX_DEPTH: usize = 16;
/// Files that call two others, which call two others: no more than this altogether.
const MAX_FILES: usize = 64;

/// One option with its argument, where it stands.
pub(super) struct Setting {
    pub(super) row: &'static Row,
    /// The word that is the option.
    pub(super) word: Word,
    /// The word behind it, or the same one again where its shape says what it is.
    pub(super) argument: Word,
    /// Which of [`Options::sources`] it stands in.
    pub(super) source: usize,
}

/// All settings in the order in which they count: a later one wins.
pub(super) struct Options {
    pub(super) settings: Vec<Setting>,
    pub(super) sources: Vec<Source>,
    /// The last file that was called (CALL_FILE).
    pub(super) call_file: String,
}

/// Reads all files. `name`: that of the peers file, which must be there.
pub(super) fn read(
    name: &str,
    reading: &Reading<'_>,
    report: &mut Report,
) -> Result<Options, FileProblem> {
    let path = peers_file(reading.ppp_dir, name);
    let peers = reading.files.read(&path)?;
    let mut reader = Reader {
        reading,
        report,
        sources: Vec::new(),
        settings: Vec::new(),
        chain: Vec::new(),
        call_file: name.to_owned(),
        read: 0,
    };
    reader.optional(reading.ppp_dir.join("options"));
    let of_system = std::mem::take(&mut reader.settings);
    reader.file(&path, &peers);
    let of_peer = std::mem::take(&mut reader.settings);
    let is_device = |setting: &&Setting| setting.row.act == Act::Device;
    let device = of_system.iter().chain(&of_peer).rfind(is_device);
    if let Some(file) = device.and_then(|setting| options_of_tty(&setting.argument)) {
        reader.optional(reading.ppp_dir.join(file));
    }
    let of_tty = std::mem::take(&mut reader.settings);
    for setting in of_tty.iter().filter(is_device) {
        if let Some(source) = reader.sources.get(setting.source) {
            source.add(
                reader.report,
                Severity::Error,
                &setting.word,
                "the tty cannot be changed by the file with the tty's own options".to_owned(),
                Some("expected it in the peers file".to_owned()),
            );
        }
    }
    let settings = of_system.into_iter().chain(of_tty).chain(of_peer).collect();
    Ok(Options {
        settings,
        sources: reader.sources,
        call_file: reader.call_file,
    })
}

/// Where the file of that name stands.
pub(in crate::config) fn peers_file(ppp_dir: &Path, name: &str) -> PathBuf {
    ppp_dir.join("peers").join(name)
}

/// Whether `call` takes the name: no way out of the folder.
pub(in crate::config) fn is_peer_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('/')
        && !name.contains(char::is_control)
        && name.split('/').all(|part| part != "..")
}

struct Reader<'a, 'r> {
    reading: &'a Reading<'a>,
    report: &'r mut Report,
    sources: Vec<Source>,
    settings: Vec<Setting>,
    /// The files that are being read, the outermost first.
    chain: Vec<PathBuf>,
    call_file: String,
    read: usize,
}

impl Reader<'_, '_> {
    /// A file that need not be there.
    fn optional(&mut self, path: PathBuf) {
        match self.reading.files.read(&path) {
            Ok(text) => self.file(&path, &text),
            Err(FileProblem::Absent) => {}
            Err(problem) => {
                let source = Source::secrets(&path);
                source.add_whole(
                    self.report,
                    Severity::Error,
                    format!("the file cannot be read: {problem}"),
                    Some("expected a file of pppd's options, or none".to_owned()),
                );
            }
        }
    }

    fn file(&mut self, path: &Path, text: &FileText) {
        self.read += 1;
        let (source, words) = Source::options(path, text);
        source.complain_of_writers(self.report, text);
        source.complain_of_link(self.report, text);
        let index = self.sources.len();
        let is_foreign = [&b"\xff\xfe"[..], b"\xfe\xff"]
            .iter()
            .any(|mark| text.bytes.starts_with(mark));
        if is_foreign {
            source.add_whole(
                self.report,
                Severity::Error,
                "the file is UTF-16".to_owned(),
                Some("save it as UTF-8 or ASCII".to_owned()),
            );
            self.sources.push(source);
            return;
        }
        self.sources.push(source);
        self.chain.push(path.to_owned());
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            if self.report.is_full() {
                break;
            }
            if !self.check(index, &word) {
                // What stands on the same line belongs to a word that is not known.
                while words.next_if(|next| !next.begins_line).is_some() {}
                continue;
            }
            let Some(row) = self.recognise(&word) else {
                self.unknown(index, &word);
                while words.next_if(|next| !next.begins_line).is_some() {}
                continue;
            };
            let argument = match row.argument {
                Argument::None => word.clone(),
                Argument::Number
                | Argument::Hex
                | Argument::Text
                | Argument::Path
                | Argument::Command
                | Argument::Secret => match words.next() {
                    Some(argument) => argument,
                    None => {
                        let help = format!("expected {}", expected(row));
                        let message = format!("{} needs something behind it", row.name);
                        self.error(index, &word, message, help);
                        break;
                    }
                },
            };
            if !self.check(index, &argument) {
                continue;
            }
            let setting = Setting {
                row,
                word,
                argument,
                source: index,
            };
            match row.act {
                Act::Call => self.call(index, &setting.argument),
                Act::File => self.named(index, &setting.argument),
                _ => self.settings.push(setting),
            }
        }
        self.chain.pop();
    }

    fn check(&mut self, index: usize, word: &Word) -> bool {
        match self.sources.get(index) {
            Some(source) => source.check(self.report, word),
            None => false,
        }
    }

    fn error(&mut self, index: usize, word: &Word, message: String, help: String) {
        if let Some(source) = self.sources.get(index) {
            source.add(self.report, Severity::Error, word, message, Some(help));
        }
    }

    /// In pppd's order: a name, a tty, a speed, addresses.
    fn recognise(&self, word: &Word) -> Option<&'static Row> {
        if let Some(row) = table::find(&word.bytes) {
            return Some(row);
        }
        let text = std::str::from_utf8(&word.bytes).ok()?;
        if self.is_device(text) {
            table::shape(Act::Device)
        } else if speed(text).is_some() {
            table::shape(Act::Speed)
        } else if text.contains(':') {
            table::shape(Act::Addresses)
        } else {
            None
        }
    }

    /// pppd wants the device to be there. A modem that is not plugged in yet is no error here, so a name that begins as those
    /// of ttys do will do as well.
    fn is_device(&self, text: &str) -> bool {
        if text.starts_with('/') {
            return true;
        }
        let is_name = !text.is_empty() && !text.contains(char::is_control);
        is_name
            && (self.reading.files.kind(&Path::new("/dev").join(text)) == FileKind::Device
                || text.strip_prefix("tty").is_some_and(|rest| {
                    !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric())
                }))
    }

    fn unknown(&mut self, index: usize, word: &Word) {
        let Some(source) = self.sources.get(index) else {
            return;
        };
        let message = format!("{} is no option of pppd's", source.told(word));
        let names = table::rows().filter(|row| !row.is_shape());
        let known = source
            .text(word)
            .and_then(|text| nearest(text, names.map(|row| row.name)));
        let help = known.map_or_else(
            || "expected an option, a tty, a speed or LOCAL:REMOTE".to_owned(),
            |known| format!("did you mean {known}?"),
        );
        self.error(index, word, message, help);
    }

    fn told(&self, index: usize, word: &Word) -> String {
        let source = self.sources.get(index);
        source.map_or_else(|| "this".to_owned(), |source| source.told(word))
    }

    /// `call NAME`.
    fn call(&mut self, index: usize, word: &Word) {
        let name = String::from_utf8_lossy(&word.bytes).into_owned();
        if !is_peer_name(&name) {
            let message = format!(
                "call: {} leads out of the folder of peers",
                self.told(index, word)
            );
            let help =
                "expected the name of a file in it, without .. and without / at its beginning";
            self.error(index, word, message, help.to_owned());
            return;
        }
        let path = peers_file(self.reading.ppp_dir, &name);
        self.call_file = name;
        self.deeper(index, word, &path);
    }

    /// `file PATH`.
    fn named(&mut self, index: usize, word: &Word) {
        let text = String::from_utf8_lossy(&word.bytes).into_owned();
        if !text.starts_with('/') {
            let message = format!("file: {} is not a full path", self.told(index, word));
            let help = "expected one that begins with /: the service runs in no folder of its own";
            self.error(index, word, message, help.to_owned());
            return;
        }
        self.deeper(index, word, Path::new(&text));
    }

    fn deeper(&mut self, index: usize, word: &Word, path: &Path) {
        let chain = self.chain.iter().map(PathBuf::as_path).chain([path]);
        let mut chain: Vec<String> = chain.map(|path| path.display().to_string()).collect();
        let named = self.sources.get(index).and_then(|source| source.text(word));
        if named.is_none() {
            chain.pop();
        }
        let shown = chain.last().filter(|_| named.is_some()).cloned();
        let shown = shown.unwrap_or_else(|| "the file".to_owned());
        let chain = chain.join(" -> ");
        let help = "expected a file that is not being read already";
        if self.chain.iter().any(|known| known == path) {
            let message = format!("the files name each other in a circle: {chain}");
            self.error(index, word, message, help.to_owned());
            return;
        }
        if self.chain.len() >= MAX_DEPTH || self.read >= MAX_FILES {
            let message =
                format!("more than {MAX_DEPTH} files within each other, or {MAX_FILES} altogether");
            self.error(index, word, message, format!("the last ones are {chain}"));
            return;
        }
        match self.reading.files.read(path) {
            Ok(text) => self.file(path, &text),
            Err(problem) => {
                let message = format!("{shown} cannot be read: {problem}");
                let help = if self.chain.len() > 1 {
                    format!("expected a file of pppd's options; it is named by {chain}")
                } else {
                    "expected a file of pppd's options".to_owned()
                };
                self.error(index, word, message, help);
            }
        }
    }
}

/// A speed: a number and nothing else, not zero.
pub(super) fn speed(text: &str) -> Option<u32> {
    numbers::unsigned(text, None)
        .filter(|(speed, used)| *speed != 0 && *used == text.len())
        .map(|(speed, _)| speed)
}

/// What an option wants behind it.
pub(super) fn expected(row: &Row) -> &'static str {
    match row.argument {
        Argument::None => "nothing",
        Argument::Number => "a whole number",
        Argument::Hex => "a hexadecimal number",
        Argument::Text => "a word",
        Argument::Path => "a file",
        Argument::Command => "a command, in quotes",
        Argument::Secret => "a password",
    }
}

/// The name of the file with the options of a tty: `options.ttyUSB0`, slashes as dots.
fn options_of_tty(device: &Word) -> Option<String> {
    let path = std::str::from_utf8(&device.bytes).ok()?;
    let name = path.split_once("/dev/").map_or(path, |(_, name)| name);
    (!name.is_empty() && name != "tty").then(|| format!("options.{}", name.replace('/', ".")))
}
