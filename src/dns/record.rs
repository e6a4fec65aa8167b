//! What was there before us: the record in the state folder, and what it says of the file that is there now.
//!
//! The record is written before the file is touched, and taken away after it has been put back. Between the two it names
//! the file's path, what it was, the hash of what we have written, and the links whose servers are in it. So whatever
//! happens, and whoever comes next (another link, the next start after SIGKILL or a power cut), one look at the file tells
//! whether it is still ours.

use std::fmt::Write as _;
use std::net::IpAddr;

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

/// The record's own version: another one is not read.
const VERSION: u32 = 1;

/// More links than this are not believed.
const MOST_LINKS: usize = 64;

/// More servers of a link than this are not believed.
const MOST_SERVERS: usize = 16;

/// What is remembered while links have their servers in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// As it was asked for: `/etc/resolv.conf`.
    pub path: String,
    /// The file that is replaced: the same, or where a link leads to.
    pub real: String,
    /// What was there.
    pub former: Former,
    /// Hashes of what we have written or were about to write, the last one last.
    written: Vec<String>,
    /// The links, in the order in which they have come up.
    pub links: Vec<LinkServers>,
}

/// The servers of one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkServers {
    /// Its interface.
    pub interface: String,
    /// In order.
    pub servers: Vec<IpAddr>,
}

/// What was there before us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Former {
    /// Nothing.
    Absent,
    /// A file; its bytes are in the backup. Its owner and mode are still those of the file that is there.
    File,
    /// A symbolic link, which was replaced itself.
    Link {
        /// What it said.
        to: String,
    },
}

/// What is there now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Nothing.
    Absent,
    /// A file with these bytes.
    File(&'a [u8]),
    /// A symbolic link that says this.
    Link(&'a str),
    /// A folder, a device, a file that is too large or cannot be read.
    Other,
}

/// What the record says of what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// We have written it.
    Ours,
    /// It is what was there before us: we were ended before we wrote, or somebody has put it back.
    Former,
    /// Somebody else has written it since.
    Foreign,
}

impl Record {
    /// For the file `real`, which was `former`, without a link yet.
    #[must_use]
    pub fn new(path: &str, real: &str, former: Former) -> Self {
        Self {
            version: VERSION,
            path: path.to_owned(),
            real: real.to_owned(),
            former,
            written: Vec::new(),
            links: Vec::new(),
        }
    }

    /// Reads a record; `None` if it is none of ours.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        let sane = record.version == VERSION
            && record.links.len() <= MOST_LINKS
            && record
                .links
                .iter()
                .all(|link| link.servers.len() <= MOST_SERVERS);
        sane.then_some(record)
    }

    /// As it is stored.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // It cannot fail: there is no map with keys that are not text. An empty record would be read as none.
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// The link `interface` has `servers`, in its place or behind all others.
    pub fn put(&mut self, interface: &str, servers: &[IpAddr]) {
        let servers: Vec<IpAddr> = servers.iter().copied().take(MOST_SERVERS).collect();
        match self
            .links
            .iter_mut()
            .find(|link| link.interface == interface)
        {
            Some(link) => link.servers = servers,
            None => {
                // Interfaces that are gone are taken out at each start; so many are never there.
                if self.links.len() >= MOST_LINKS {
                    self.links.remove(0);
                }
                self.links.push(LinkServers {
                    interface: interface.to_owned(),
                    servers,
                });
            }
        }
    }

    /// The link `interface` is gone; whether it was there.
    pub fn take(&mut self, interface: &str) -> bool {
        let before = self.links.len();
        self.links.retain(|link| link.interface != interface);
        self.links.len() != before
    }

    /// `text` is about to be written: from now on it is ours, as well as what was written last.
    pub fn note_writing(&mut self, text: &[u8]) {
        let hash = hash(text);
        self.written.retain(|known| *known != hash);
        if self.written.len() > 1 {
            self.written.remove(0);
        }
        self.written.push(hash);
    }

    /// Whose `found` is; `backup` are the bytes of the former file.
    #[must_use]
    pub fn judge(&self, found: Found<'_>, backup: Option<&[u8]>) -> Verdict {
        match found {
            Found::File(bytes) if self.written.contains(&hash(bytes)) => return Verdict::Ours,
            Found::File(_) | Found::Absent | Found::Link(_) | Found::Other => {}
        }
        let former = match (&self.former, found) {
            (Former::Absent, Found::Absent) => true,
            (Former::File, Found::File(bytes)) => backup == Some(bytes),
            (Former::Link { to }, Found::Link(now)) => to == now,
            (Former::Absent | Former::File | Former::Link { .. }, _) => false,
        };
        if former {
            Verdict::Former
        } else {
            Verdict::Foreign
        }
    }
}

/// Tells texts apart; nobody gains by making two that are alike.
fn hash(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Md5::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(former: Former) -> Record {
        Record::new("/etc/resolv.conf", "/etc/resolv.conf", former)
    }

    fn servers(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn n3_what_we_have_written_last_or_before_is_ours() {
        let mut record = record(Former::File);
        record.note_writing(b"one");
        record.note_writing(b"two");
        // Killed between the record and the file: the one before is there still.
        for text in ["one", "two"] {
            assert_eq!(
                record.judge(Found::File(text.as_bytes()), Some(b"former")),
                Verdict::Ours
            );
        }
        record.note_writing(b"three");
        assert_eq!(
            record.judge(Found::File(b"one"), Some(b"former")),
            Verdict::Foreign
        );
        assert_eq!(
            record.judge(Found::File(b"two"), Some(b"former")),
            Verdict::Ours
        );
    }

    #[test]
    fn n3_what_was_there_before_is_known_again() {
        let link = Former::Link {
            to: "/run/x".to_owned(),
        };
        for (former, found, verdict) in [
            (Former::Absent, Found::Absent, Verdict::Former),
            (Former::Absent, Found::File(b"former"), Verdict::Foreign),
            (Former::File, Found::File(b"former"), Verdict::Former),
            (Former::File, Found::File(b"former "), Verdict::Foreign),
            (Former::File, Found::Absent, Verdict::Foreign),
            (Former::File, Found::Link("/run/x"), Verdict::Foreign),
            (Former::File, Found::Other, Verdict::Foreign),
            (link.clone(), Found::Link("/run/x"), Verdict::Former),
            (link.clone(), Found::Link("/run/y"), Verdict::Foreign),
            (link, Found::File(b"former"), Verdict::Foreign),
        ] {
            let record = record(former);
            assert_eq!(
                record.judge(found, Some(b"former")),
                verdict,
                "{record:?}, {found:?}"
            );
        }
        // The backup is lost.
        assert_eq!(
            record(Former::File).judge(Found::File(b""), None),
            Verdict::Foreign
        );
    }

    #[test]
    fn n3_links_come_and_go_without_disturbing_each_other() {
        let mut record = record(Former::File);
        record.put("ppp0", &servers(&["192.0.2.53"]));
        record.put("ppp1", &servers(&["198.51.100.53"]));
        record.put("ppp0", &servers(&["192.0.2.54"]));
        let names: Vec<&str> = record
            .links
            .iter()
            .map(|link| link.interface.as_str())
            .collect();
        assert_eq!(names, ["ppp0", "ppp1"]);
        assert!(record.take("ppp0"));
        assert!(!record.take("ppp0"));
        assert_eq!(record.links.len(), 1);
        for number in 0..200 {
            record.put(&format!("x{number}"), &servers(&["192.0.2.53"; 40]));
        }
        assert_eq!(record.links.len(), MOST_LINKS);
        assert_eq!(Record::parse(&record.to_bytes()), Some(record));
    }

    #[test]
    fn n3_a_record_of_another_kind_is_none() {
        let good = record(Former::File).to_bytes();
        let text = String::from_utf8(good).unwrap();
        assert!(Record::parse(text.as_bytes()).is_some());
        for bad in [
            String::new(),
            "{}".to_owned(),
            text.replace("\"version\": 1", "\"version\": 2"),
            text.replace("file", "fifo"),
            text.chars().take(40).collect(),
        ] {
            assert_eq!(Record::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn n3_any_bytes_are_read_as_a_record_or_none(bytes: Vec<u8>) {
            prop_assert_eq!(Record::parse(&bytes), None);
        }

        #[test]
        fn n3_a_record_comes_back_as_it_was(
            path in "[^\u{0}]{0,20}", to in ".{0,20}", text: Vec<u8>, servers in proptest::collection::vec(any::<u32>(), 0..4)
        ) {
            let servers: Vec<IpAddr> = servers.into_iter().map(|bits| IpAddr::V4(bits.into())).collect();
            let mut record = Record::new(&path, &path, Former::Link { to });
            record.put("ppp0", &servers);
            record.note_writing(&text);
            let back = Record::parse(&record.to_bytes());
            prop_assert_eq!(back.as_ref(), Some(&record));
            prop_assert_eq!(record.judge(Found::File(&text), None), Verdict::Ours);
        }
    }
}
