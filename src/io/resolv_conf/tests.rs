use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Command;

use super::*;
use crate::dns::Place;
use crate::io::testing::{TestDir, in_mount_namespace};

const FORMER: &[u8] = b"# by hand\nnameserver 192.168.1.1\nsearch lan\noptions timeout:1\n";

/// A system of its own: `etc`, `run` and the state folder.
struct System {
    dir: TestDir,
}

impl System {
    fn new() -> Self {
        let dir = TestDir::new();
        for name in ["etc", "run"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        Self { dir }
    }

    /// One whose file has `text`.
    fn with(text: &[u8]) -> Self {
        let system = Self::new();
        fs::write(system.path(), text).unwrap();
        system
    }

    fn path(&self) -> PathBuf {
        self.dir.join("etc/resolv.conf")
    }

    fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    fn set(&self, interface: &str, servers: &[&str]) -> Result<Vec<LogLine>, ResolvConfError> {
        let servers: Vec<IpAddr> = servers.iter().map(|text| text.parse().unwrap()).collect();
        set(&self.path(), &self.state(), interface, &servers)
    }

    fn restore(&self, interface: &str) -> Vec<LogLine> {
        restore(&self.path(), &self.state(), interface).unwrap()
    }

    /// As at a start of `interface`; the others of `alive` exist.
    fn recover(&self, interface: &str, alive: &[&str]) -> Vec<LogLine> {
        recover(&self.path(), &self.state(), interface, |name| {
            alive.contains(&name)
        })
        .unwrap()
    }

    fn text(&self) -> String {
        String::from_utf8(fs::read(self.path()).unwrap()).unwrap()
    }

    /// Nothing is remembered, and nothing lies about.
    fn is_clean(&self) {
        let names = |folder: PathBuf| -> Vec<String> {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let mut names: Vec<String> = entries
                .map(|entry| entry.file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(self.state()), [LOCK]);
        assert!(
            names(self.dir.join("etc"))
                .iter()
                .all(|name| name == "resolv.conf")
        );
    }
}

fn ours(names: &str, servers: &[&str], rest: &str) -> String {
    let servers: Vec<String> = servers
        .iter()
        .map(|server| format!("nameserver {server}\n"))
        .collect();
    format!(
        "# uplinkd: name servers of {names}. The former file comes back when the link ends.\n{}{rest}",
        servers.concat()
    )
}

const REST: &str = "# by hand\nsearch lan\noptions timeout:1\n";

#[test]
fn n3_the_former_file_comes_back_byte_for_byte_with_owner_and_mode() {
    for former in [FORMER, b"", b"\xff\x00 no text\n\n", b"nameserver 1.1.1.1"] {
        let system = System::with(former);
        fs::set_permissions(system.path(), fs::Permissions::from_mode(0o640)).unwrap();
        let root = rustix::process::geteuid().is_root();
        if root {
            chown(system.path(), Some(12), Some(34)).unwrap();
        }
        let before = fs::metadata(system.path()).unwrap();
        assert_eq!(system.set("ppp0", &["192.0.2.53"]).unwrap(), []);
        let during = fs::metadata(system.path()).unwrap();
        assert!(fs::read(system.path()).unwrap().starts_with(b"# uplinkd"));
        system.restore("ppp0");
        let after = fs::metadata(system.path()).unwrap();
        assert_eq!(fs::read(system.path()).unwrap(), former);
        for now in [during, after] {
            assert_eq!(
                (now.mode(), now.uid(), now.gid()),
                (before.mode(), before.uid(), before.gid())
            );
        }
        system.is_clean();
    }
}

#[test]
fn n3_the_links_servers_stand_before_what_else_was_there() {
    let system = System::with(FORMER);
    system
        .set("ppp0", &["192.0.2.53", "198.51.100.53"])
        .unwrap();
    assert_eq!(
        system.text(),
        ours("ppp0", &["192.0.2.53", "198.51.100.53"], REST)
    );
    // A renegotiation brings others.
    system.set("ppp0", &["203.0.113.53"]).unwrap();
    assert_eq!(system.text(), ours("ppp0", &["203.0.113.53"], REST));
    let log = system.restore("ppp0");
    assert_eq!(system.text().as_bytes(), FORMER);
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(system.restore("ppp0"), [], "once more does nothing");
}

#[test]
fn n3_where_there_was_no_file_there_is_none_after() {
    let system = System::new();
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    assert_eq!(system.text(), ours("ppp0", &["192.0.2.53"], ""));
    assert_eq!(fs::metadata(system.path()).unwrap().mode() & 0o777, 0o644);
    system.restore("ppp0");
    assert!(!system.path().exists());
    system.is_clean();
}

#[test]
fn n3_after_sigkill_the_next_start_puts_it_back() {
    let system = System::with(FORMER);
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    // Killed. Nothing but the disk is left.
    let log = system.recover("ppp0", &[]);
    assert_eq!(system.text().as_bytes(), FORMER);
    assert_eq!(log.len(), 1, "{log:?}");
    system.is_clean();
    assert_eq!(system.recover("ppp0", &[]), []);
}

#[test]
fn n3_a_kill_at_any_moment_of_a_set_is_mended() {
    // Between backup and record.
    let system = System::with(FORMER);
    fs::create_dir(system.state()).unwrap();
    fs::write(system.state().join(BACKUP), FORMER).unwrap();
    system.recover("ppp0", &[]);
    assert_eq!(system.text().as_bytes(), FORMER);
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    // Between record and file: the file is still the former one.
    fs::write(system.path(), FORMER).unwrap();
    assert_eq!(system.recover("ppp0", &[]), []);
    assert_eq!(system.text().as_bytes(), FORMER);
    system.is_clean();
    // The same while a second set goes on: the file is still the first one's.
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    let first = fs::read(system.path()).unwrap();
    system.set("ppp0", &["203.0.113.53"]).unwrap();
    fs::write(system.path(), first).unwrap();
    system.recover("ppp0", &[]);
    assert_eq!(system.text().as_bytes(), FORMER);
    // Between the file and the removal of the record, while it is put back.
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    fs::write(system.path(), FORMER).unwrap();
    assert_eq!(system.restore("ppp0"), []);
    assert_eq!(system.text().as_bytes(), FORMER);
    system.is_clean();
}

#[test]
fn n3_what_somebody_else_has_written_since_is_left_and_said() {
    let theirs = "nameserver 192.168.7.1\n";
    let system = System::with(FORMER);
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    fs::write(system.path(), theirs).unwrap();
    let log = system.restore("ppp0");
    assert_eq!(system.text(), theirs);
    assert_eq!((log.len(), log[0].level), (1, Level::Notice), "{log:?}");
    assert!(log[0].text.contains("changed by somebody else"), "{log:?}");
    system.is_clean();
    // The next link takes theirs for what was there before.
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    fs::write(system.path(), "search example.jp\n").unwrap();
    let log = system.set("ppp0", &["192.0.2.53"]).unwrap();
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(
        system.text(),
        ours("ppp0", &["192.0.2.53"], "search example.jp\n")
    );
    system.restore("ppp0");
    assert_eq!(system.text(), "search example.jp\n");
    // Somebody has removed it.
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    fs::remove_file(system.path()).unwrap();
    assert_eq!(system.restore("ppp0").len(), 1);
    assert!(!system.path().exists());
    system.is_clean();
}

#[test]
fn n3_two_links_come_and_go_without_disturbing_each_other() {
    for first_ends_first in [true, false] {
        let system = System::with(FORMER);
        system.set("ppp0", &["192.0.2.53"]).unwrap();
        system.set("ppp1", &["198.51.100.53"]).unwrap();
        assert_eq!(
            system.text(),
            ours("ppp0, ppp1", &["192.0.2.53", "198.51.100.53"], REST)
        );
        let (first, second, left) = if first_ends_first {
            ("ppp0", "ppp1", "198.51.100.53")
        } else {
            ("ppp1", "ppp0", "192.0.2.53")
        };
        system.restore(first);
        assert_eq!(system.text(), ours(second, &[left], REST));
        system.restore(second);
        assert_eq!(system.text().as_bytes(), FORMER);
        system.is_clean();
    }
}

#[test]
fn n3_a_start_takes_out_the_dead_and_leaves_the_living() {
    let system = System::with(FORMER);
    for name in ["ppp0", "ppp1", "ppp2"] {
        system.set(name, &["192.0.2.53"]).unwrap();
    }
    // ppp0 and ppp2 were killed; ppp0 starts again.
    system.recover("ppp0", &["ppp1"]);
    assert_eq!(system.text(), ours("ppp1", &["192.0.2.53"], REST));
    assert_eq!(system.recover("ppp0", &["ppp1"]), []);
    system.restore("ppp1");
    assert_eq!(system.text().as_bytes(), FORMER);
}

#[test]
fn n3_more_servers_than_anybody_asks_are_told() {
    let system = System::with(FORMER);
    system.set("ppp0", &["192.0.2.1", "192.0.2.2"]).unwrap();
    let log = system.set("ppp1", &["192.0.2.3", "192.0.2.4"]).unwrap();
    assert_eq!(log.len(), 1);
    assert!(
        log[0].text.ends_with("programs do not ask 192.0.2.4"),
        "{log:?}"
    );
}

#[test]
fn n3_a_link_to_nobodys_file_is_followed() {
    // A read-only /etc with the file on a file system in memory.
    for relative in [true, false] {
        let system = System::new();
        let real = system.dir.join("run/resolv.conf");
        fs::write(&real, FORMER).unwrap();
        let to = if relative {
            PathBuf::from("../run/resolv.conf")
        } else {
            real.clone()
        };
        symlink(&to, system.path()).unwrap();
        assert_eq!(place_of(&system.path()), Place::Link);
        system.set("ppp0", &["192.0.2.53"]).unwrap();
        assert_eq!(fs::read_link(system.path()).unwrap(), to);
        assert_eq!(system.text(), ours("ppp0", &["192.0.2.53"], REST));
        system.restore("ppp0");
        assert_eq!(fs::read_link(system.path()).unwrap(), to);
        assert_eq!(fs::read(&real).unwrap(), FORMER);
        system.is_clean();
    }
}

#[test]
fn n3_a_link_that_leads_nowhere_yet_is_followed() {
    let system = System::new();
    symlink("../run/resolv.conf", system.path()).unwrap();
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    assert!(system.dir.join("run/resolv.conf").is_file());
    system.restore("ppp0");
    assert!(!system.dir.join("run/resolv.conf").exists());
    assert!(system.path().is_symlink());
    system.is_clean();
}

#[test]
fn n3_a_link_to_a_file_of_another_program_is_replaced_itself() {
    for (to, place) in [
        ("../run/systemd/resolve/stub-resolv.conf", Place::Resolved),
        ("../run/resolvconf/resolv.conf", Place::Resolvconf),
        ("../run/NetworkManager/resolv.conf", Place::NetworkManager),
    ] {
        let system = System::new();
        let real = system.dir.join("etc").join(to);
        fs::create_dir_all(real.parent().unwrap()).unwrap();
        symlink(to, system.path()).unwrap();
        assert_eq!(place_of(&system.path()), place, "it is not there yet");
        fs::write(&real, FORMER).unwrap();
        assert_eq!(place_of(&system.path()), place);
        system.set("ppp0", &["192.0.2.53"]).unwrap();
        assert!(!system.path().is_symlink());
        assert_eq!(system.text(), ours("ppp0", &["192.0.2.53"], REST));
        assert_eq!(fs::read(&real).unwrap(), FORMER);
        system.set("ppp1", &["198.51.100.53"]).unwrap();
        system.restore("ppp0");
        assert_eq!(system.text(), ours("ppp1", &["198.51.100.53"], REST));
        system.restore("ppp1");
        assert_eq!(fs::read_link(system.path()).unwrap(), Path::new(to));
        system.is_clean();
    }
}

#[test]
fn n3_a_link_into_a_folder_of_everybody_is_not_followed() {
    let system = System::new();
    let folder = system.dir.join("tmp");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o1777)).unwrap();
    fs::write(folder.join("theirs"), FORMER).unwrap();
    symlink("../tmp/theirs", system.path()).unwrap();
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    assert_eq!(fs::read(folder.join("theirs")).unwrap(), FORMER);
    assert!(!system.path().is_symlink());
    system.restore("ppp0");
    assert_eq!(
        fs::read_link(system.path()).unwrap(),
        Path::new("../tmp/theirs")
    );
}

#[test]
fn n3_links_in_a_circle_are_replaced_and_come_back() {
    let system = System::new();
    symlink("resolv.conf", system.path()).unwrap();
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    assert_eq!(system.text(), ours("ppp0", &["192.0.2.53"], ""));
    system.restore("ppp0");
    assert_eq!(
        fs::read_link(system.path()).unwrap(),
        Path::new("resolv.conf")
    );
}

#[test]
fn n3_what_is_no_file_or_too_large_is_not_touched() {
    let system = System::new();
    fs::create_dir(system.path()).unwrap();
    assert!(system.set("ppp0", &["192.0.2.53"]).is_err());
    fs::remove_dir(system.path()).unwrap();
    let large = vec![b'#'; 70_000];
    fs::write(system.path(), &large).unwrap();
    let error = system.set("ppp0", &["192.0.2.53"]).unwrap_err().to_string();
    assert!(error.ends_with("is larger than 65536 bytes"), "{error}");
    assert_eq!(fs::read(system.path()).unwrap(), large);
    system.is_clean();
}

#[test]
fn n3_where_nothing_can_be_remembered_nothing_is_replaced() {
    let system = System::with(FORMER);
    fs::write(system.state(), "no folder").unwrap();
    let error = system.set("ppp0", &["192.0.2.53"]).unwrap_err();
    assert!(matches!(error, ResolvConfError::NoState { .. }), "{error}");
    assert_eq!(system.text().as_bytes(), FORMER);
}

#[test]
fn n3_a_record_that_is_broken_is_said_and_given_up() {
    let system = System::with(FORMER);
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    for broken in [&b"{"[..], b"", &[b' '; 70_000]] {
        fs::write(system.state().join(RECORD), broken).unwrap();
        let log = system.recover("ppp0", &[]);
        assert_eq!((log.len(), log[0].level), (1, Level::Warning), "{log:?}");
    }
    // The link comes up all the same, without piling up lines.
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    assert_eq!(system.text(), ours("ppp0", &["192.0.2.53"], REST));
}

#[test]
fn n3_another_file_is_begun_anew_only_without_other_links() {
    let system = System::with(FORMER);
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    let other = system.dir.join("etc/other");
    let server = ["192.0.2.53".parse().unwrap()];
    let error = set(&other, &system.state(), "ppp1", &server).unwrap_err();
    assert!(matches!(error, ResolvConfError::TwoFiles { .. }), "{error}");
    // Whatever the path is now called, what was replaced comes back.
    restore(&other, &system.state(), "ppp0").unwrap();
    assert_eq!(system.text().as_bytes(), FORMER);
}

#[test]
fn n3_a_lock_that_another_link_keeps_is_waited_for() {
    let system = System::with(FORMER);
    fs::create_dir(system.state()).unwrap();
    let lock = File::create(system.state().join(LOCK)).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    let holder = thread::spawn(move || {
        pause(Duration::from_millis(200));
        drop(lock);
    });
    system.set("ppp0", &["192.0.2.53"]).unwrap();
    holder.join().unwrap();
    system.restore("ppp0");
    assert_eq!(system.text().as_bytes(), FORMER);
}

#[test]
fn n3_a_read_only_etc_is_said_and_nothing_is_remembered() {
    in_mount_namespace(|mounts| {
        let system = System::new();
        let etc = system.dir.join("etc");
        mounts.tmpfs(&etc, "size=64k");
        fs::write(system.path(), FORMER).unwrap();
        mounts.make_read_only(&etc);
        let error = system.set("ppp0", &["192.0.2.53"]).unwrap_err();
        assert!(matches!(error, ResolvConfError::ReadOnly { .. }), "{error}");
        assert!(error.to_string().contains("read-only"), "{error}");
        assert_eq!(system.text().as_bytes(), FORMER);
        system.is_clean();
        assert_eq!(system.restore("ppp0"), []);
    });
}

#[test]
fn n3_a_file_that_is_a_mount_point_gets_another_text() {
    in_mount_namespace(|_| {
        let system = System::with(FORMER);
        let outside = system.dir.join("outside");
        fs::write(&outside, FORMER).unwrap();
        let mounted = Command::new("mount")
            .arg("--bind")
            .arg(&outside)
            .arg(system.path())
            .status()
            .unwrap();
        assert!(mounted.success());
        system.set("ppp0", &["192.0.2.53"]).unwrap();
        assert_eq!(
            fs::read(&outside).unwrap(),
            ours("ppp0", &["192.0.2.53"], REST).as_bytes()
        );
        system.restore("ppp0");
        assert_eq!(fs::read(&outside).unwrap(), FORMER);
        system.is_clean();
    });
}

#[test]
fn n3_a_full_disk_leaves_the_file_as_it_was() {
    in_mount_namespace(|mounts| {
        let system = System::new();
        let etc = system.dir.join("etc");
        mounts.tmpfs(&etc, "size=8k");
        fs::write(system.path(), FORMER).unwrap();
        let _ = fs::write(etc.join("filler"), vec![0; 100_000]);
        let error = system.set("ppp0", &["192.0.2.53"]).unwrap_err();
        assert!(error.to_string().contains("cannot be written"), "{error}");
        assert_eq!(system.text().as_bytes(), FORMER);
        assert!(!system.state().join(RECORD).exists());
    });
}
