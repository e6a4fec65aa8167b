//! Tests of finding the modem: a sysfs of their own, and ptys as ttys.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::io::pty::Pty;
use crate::io::sysfs::fake::{FakeDevice, FakeSysfs};
use crate::io::testing::TestDir;

/// A machine with ttys.
pub(in crate::daemon) struct Machine {
    dir: TestDir,
    pub(in crate::daemon) sys: FakeSysfs,
}

impl Machine {
    pub(in crate::daemon) fn new() -> Self {
        let dir = TestDir::new();
        for folder in ["sys", "dev", "lock", "state"] {
            fs::create_dir(dir.join(folder)).unwrap();
        }
        let sys = FakeSysfs::new(&dir.join("sys"));
        Self { dir, sys }
    }

    pub(in crate::daemon) fn roots(&self) -> Roots {
        Roots {
            sys: self.dir.join("sys"),
            dev: self.dir.join("dev"),
        }
    }

    pub(in crate::daemon) fn folder(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(in crate::daemon) fn dev(&self, name: &str) -> PathBuf {
        self.dir.join("dev").join(name)
    }

    fn locator(&self) -> Locator {
        Locator::new(self.roots(), &self.dir.join("lock"), Clock::new())
    }

    /// Adds a tty of `device` at which nothing is that could be opened.
    fn tty(&self, device: &FakeDevice, interface: u8, driver: &str, name: &str) {
        self.sys.tty(device, interface, driver, name);
        fs::write(self.dev(name), "").unwrap();
    }

    /// Adds a tty behind which somebody says `answer` to each line; counts what he is asked.
    pub(in crate::daemon) fn talking_tty(
        &self,
        device: &FakeDevice,
        interface: u8,
        name: &str,
        answer: &'static str,
    ) -> Arc<AtomicUsize> {
        self.sys.tty(device, interface, "option", name);
        self.talker(name, answer)
    }

    /// As [`talking_tty`](Self::talking_tty), without anything in sysfs.
    pub(in crate::daemon) fn talker(&self, name: &str, answer: &'static str) -> Arc<AtomicUsize> {
        let pty = Pty::open().unwrap();
        symlink(pty.path(), self.dev(name)).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = [0; 256];
            while let Ok(n) = pty.read(&mut buffer).await {
                let lines = buffer[..n].iter().filter(|byte| **byte == b'\r').count();
                count.fetch_add(lines, Ordering::SeqCst);
                for _ in 0..lines {
                    pty.write(answer.as_bytes()).await.unwrap();
                }
            }
        });
        asked
    }

    fn lock(&self, name: &str) {
        let lock = self.dir.join("lock").join(format!("LCK..{name}"));
        fs::write(lock, "         1\n").unwrap();
    }

    /// Where the modem is, in short; or the problem.
    async fn locate(&self, locator: &Locator, device: Device) -> String {
        self.locate_with(locator, device, None).await
    }

    async fn locate_with(
        &self,
        locator: &Locator,
        device: Device,
        last: Option<&ModemIdentity>,
    ) -> String {
        let config = Config {
            device,
            ..Config::default()
        };
        let profiles = Profiles::built_in();
        match locator.locate(&config, &profiles, last).await {
            Ok(located) => self.short(&located),
            Err(problem) => problem
                .to_string()
                .replace(&self.dev("").display().to_string(), "/dev/"),
        }
    }

    fn short(&self, located: &Located) -> String {
        let name = |path: &PathBuf| {
            let name = path.strip_prefix(self.dev("")).unwrap_or(path);
            name.display().to_string()
        };
        let mut words = vec![name(&located.dial)];
        words.extend(located.at.iter().map(name));
        words.push(
            located
                .profile
                .as_ref()
                .map_or("-", |p| p.name.as_str())
                .to_owned(),
        );
        words.push(
            located
                .identity
                .as_ref()
                .map_or("-", |i| i.path.as_str())
                .to_owned(),
        );
        words.join(" ")
    }
}

const LISA: FakeDevice = FakeDevice {
    path: "1-1.2",
    vendor: 0x1546,
    product: 0x1102,
    serial: "",
    name: "LISA",
};

const SECOND: FakeDevice = FakeDevice {
    path: "1-1.3",
    ..LISA
};

pub(in crate::daemon) const UNKNOWN: FakeDevice = FakeDevice {
    path: "1-1.4",
    vendor: 0x0482,
    product: 0x1234,
    serial: "",
    name: "Modem",
};

fn identity(device: &FakeDevice, interface: u8) -> ModemIdentity {
    ModemIdentity {
        vendor: device.vendor,
        product: device.product,
        serial: None,
        path: device.path.to_owned(),
        interface,
        port: 0,
    }
}

fn two_lisas() -> Machine {
    let machine = Machine::new();
    for (device, first) in [(&SECOND, 0), (&LISA, 3)] {
        machine.sys.plug(device);
        for n in 0..3_u8 {
            machine.tty(device, 2 * n, "cdc_acm", &format!("ttyACM{}", first + n));
        }
    }
    machine
}

#[tokio::test]
async fn a_known_modem_is_found_without_a_word_to_it() {
    let machine = Machine::new();
    machine.sys.plug(&LISA);
    // Nothing here could even be opened.
    for n in 0..3_u8 {
        machine.tty(&LISA, 2 * n, "cdc_acm", &format!("ttyACM{n}"));
    }
    let locator = machine.locator();
    let found = "ttyACM0 ttyACM1 ttyACM2 LISA-U200 1-1.2";
    assert_eq!(machine.locate(&locator, Device::Auto).await, found);
    let model = Device::Model("LISA-U200".to_owned());
    assert_eq!(machine.locate(&locator, model).await, found);
    let other = Device::Model("LN940A".to_owned());
    assert_eq!(
        machine.locate(&locator, other).await,
        "a modem LN940A is not there"
    );
}

#[tokio::test]
async fn of_two_equal_modems_the_one_used_before_counts_then_the_free_one() {
    let machine = two_lisas();
    let locator = machine.locator();
    let (first, second) = (
        "ttyACM3 ttyACM4 ttyACM5 LISA-U200 1-1.2",
        "ttyACM0 ttyACM1 ttyACM2 LISA-U200 1-1.3",
    );
    assert_eq!(machine.locate(&locator, Device::Auto).await, first);
    machine.lock("ttyACM3");
    assert_eq!(machine.locate(&locator, Device::Auto).await, second);
    let last = identity(&LISA, 0);
    assert_eq!(
        machine
            .locate_with(&locator, Device::Auto, Some(&last))
            .await,
        first,
        "held for a while by somebody, but ours"
    );
    machine.lock("ttyACM0");
    assert_eq!(machine.locate(&locator, Device::Auto).await, first);
}

/// Two instances, two equal modems: while its own was away, the first took the modem of the second, whose tty had just
/// vanished too. The second then waited for it for ever, beside a modem that nobody used.
#[tokio::test]
async fn a_modem_that_another_instance_has_taken_is_not_waited_for() {
    let machine = two_lisas();
    let locator = machine.locator();
    // A process of our name.
    let name = fs::read_to_string("/proc/self/comm").unwrap();
    let program = machine.folder("state").join(name.trim_end());
    fs::copy("/bin/sleep", &program).unwrap();
    let mut other = std::process::Command::new(&program)
        .arg("60")
        .spawn()
        .unwrap();
    let lock = machine.folder("lock").join("LCK..ttyACM3");
    fs::write(lock, format!("{:10}\n", other.id())).unwrap();
    let last = identity(&LISA, 0);
    let located = machine
        .locate_with(&locator, Device::Auto, Some(&last))
        .await;
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(located, "ttyACM0 ttyACM1 ttyACM2 LISA-U200 1-1.3");
}

#[tokio::test]
async fn an_unknown_modem_is_asked_and_remembered() {
    let machine = Machine::new();
    machine.sys.plug(&UNKNOWN);
    let silent = machine.talking_tty(&UNKNOWN, 0, "ttyUSB0", "");
    let first = machine.talking_tty(&UNKNOWN, 1, "ttyUSB1", "\r\nOK\r\n");
    machine.talking_tty(&UNKNOWN, 2, "ttyUSB2", "\r\nERROR\r\n");
    machine.talking_tty(&UNKNOWN, 3, "ttyUSB3", "$GPGGA,,\r\n");
    let locator = machine.locator();
    let found = "ttyUSB1 ttyUSB2 - 1-1.4";
    let start = tokio::time::Instant::now();
    assert_eq!(machine.locate(&locator, Device::Auto).await, found);
    assert!(
        start.elapsed() < Duration::from_secs(8),
        "all ports at the same time"
    );
    assert_eq!(silent.load(Ordering::SeqCst), 3);
    assert_eq!(first.load(Ordering::SeqCst), 1);
    assert_eq!(machine.locate(&locator, Device::Auto).await, found);
    assert_eq!(first.load(Ordering::SeqCst), 1, "not asked again");
}

#[tokio::test]
async fn a_modem_that_answers_nothing_is_tried_and_another_thing_is_not() {
    let machine = Machine::new();
    machine.sys.plug(&UNKNOWN);
    machine.talking_tty(&UNKNOWN, 0, "ttyUSB0", "");
    let locator = machine.locator();
    assert_eq!(
        machine.locate(&locator, Device::Auto).await,
        "ttyUSB0 - 1-1.4",
        "its driver says that it is a modem"
    );
    let machine = Machine::new();
    machine.sys.plug(&UNKNOWN);
    machine.sys.tty(&UNKNOWN, 0, "cdc_acm", "ttyACM0");
    machine.talker("ttyACM0", "login: ");
    let locator = machine.locator();
    assert_eq!(
        machine.locate(&locator, Device::Auto).await,
        "a modem is not there, only Modem (0482:1234) at USB 1-1.4, which does not answer AT"
    );
}

#[tokio::test]
async fn ports_that_are_held_are_waited_for() {
    let machine = Machine::new();
    machine.sys.plug(&UNKNOWN);
    machine.talking_tty(&UNKNOWN, 0, "ttyUSB0", "\r\nOK\r\n");
    let real = machine.dev("ttyUSB0").canonicalize().unwrap();
    let name = real.strip_prefix("/dev").unwrap().display().to_string();
    machine.lock(&name.replace('/', "_"));
    let locator = machine.locator();
    let problem = machine.locate(&locator, Device::Auto).await;
    assert!(
        problem.starts_with("/dev/ttyUSB0 is locked by pid 1 ("),
        "{problem}"
    );
}

#[tokio::test]
async fn a_port_that_comes_a_little_later_is_waited_for() {
    let machine = Machine::new();
    machine.sys.plug(&LISA);
    machine.tty(&LISA, 2, "cdc_acm", "ttyACM1");
    let locator = machine.locator();
    let late = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        machine.tty(&LISA, 0, "cdc_acm", "ttyACM0");
    };
    let (found, ()) = tokio::join!(machine.locate(&locator, Device::Auto), late);
    assert_eq!(found, "ttyACM0 ttyACM1 LISA-U200 1-1.2");
    fs::remove_file(machine.roots().sys.join("class/tty/ttyACM0")).unwrap();
    assert_eq!(
        machine.locate(&locator, Device::Auto).await,
        "a modem is not there, only LISA-U200 (1546:1102) at USB 1-1.2, without its port 0"
    );
}

#[tokio::test]
async fn a_named_tty_is_followed_and_a_link_is_taken_at_its_word() {
    let machine = two_lisas();
    let locator = machine.locator();
    let named = |name: &str| Device::Tty(machine.dev(name));
    assert_eq!(
        machine.locate(&locator, named("ttyACM3")).await,
        "ttyACM3 ttyACM4 ttyACM5 LISA-U200 1-1.2"
    );
    let last = identity(&LISA, 0);
    assert_eq!(
        machine
            .locate_with(&locator, named("ttyACM0"), Some(&last))
            .await,
        "ttyACM3 ttyACM4 ttyACM5 LISA-U200 1-1.2",
        "it was at 1-1.2 before"
    );
    let serial = machine.dev("modem");
    symlink("ttyACM0", &serial).unwrap();
    assert_eq!(
        machine
            .locate_with(&locator, Device::Tty(serial), Some(&last))
            .await,
        "modem ttyACM1 ttyACM2 LISA-U200 1-1.3"
    );
    for absent in ["ttyUSB7", "ttyS3", "serial/by-id/x"] {
        assert_eq!(
            machine.locate(&locator, named(absent)).await,
            format!("{absent} - -")
        );
    }
}

#[tokio::test]
async fn a_link_of_udevs_stands_for_the_model_where_it_is_missing() {
    let machine = two_lisas();
    let locator = machine.locator();
    let link = machine.dev("ttyLISA0");
    let ways = [
        Device::Tty(link.clone()),
        Device::Model("ttyLISA0".to_owned()),
    ];
    for device in ways.clone() {
        assert_eq!(
            machine.locate(&locator, device).await,
            "ttyACM3 ttyACM4 ttyACM5 LISA-U200 1-1.2"
        );
    }
    symlink("ttyACM0", &link).unwrap();
    for device in ways {
        assert_eq!(
            machine.locate(&locator, device).await,
            "ttyLISA0 ttyACM1 ttyACM2 LISA-U200 1-1.3"
        );
    }
}

#[tokio::test]
async fn a_configured_profile_overrules_what_was_found() {
    let machine = two_lisas();
    let config = Config {
        profile: Some("LN940A".to_owned()),
        ..Config::default()
    };
    let profiles = Profiles::built_in();
    let located = machine.locator().locate(&config, &profiles, None).await;
    assert_eq!(
        machine.short(&located.unwrap()),
        "ttyACM3 ttyACM4 ttyACM5 LN940A 1-1.2"
    );
}

#[tokio::test]
async fn the_watch_wakes_when_the_modem_comes() {
    let machine = Machine::new();
    let locator = machine.locator();
    for device in [
        Device::Auto,
        Device::Model("LISA-U200".to_owned()),
        Device::Tty(machine.dev("ttyACM0")),
        Device::Tty(machine.dev("ttyLISA0")),
    ] {
        let config = Config {
            device,
            ..Config::default()
        };
        let mut watch = locator.watch(&config);
        fs::write(machine.dev("ttyACM5"), "").unwrap();
        let soon = tokio::time::timeout(Duration::from_secs(2), watch.changed()).await;
        assert!(soon.is_ok(), "{:?}", config.device);
        fs::remove_file(machine.dev("ttyACM5")).unwrap();
    }
}
