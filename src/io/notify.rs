//! What systemd is told of the daemon (sd_notify(3)): that it is ready, what it does, that it still lives.
//!
//! Datagrams to the socket that `NOTIFY_SOCKET` names. Without one (started by hand, by Upstart, in a test) nothing is
//! sent and nothing wakes up. A message that cannot be sent is lost: none of them is worth a link.
//!
//! The watchdog is fed by whoever calls [`Notifier::beat`], so it must be called from the loop that does the work.

use std::env;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::process::getpid;
use rustix::time::{ClockId, clock_gettime};

use crate::time::Instant;

/// No longer line is sent; systemd shows one.
const MAX_STATUS: usize = 400;

/// Tells systemd; silent without one.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<UnixDatagram>,
    /// A sign of life is due every so often: half of what the unit allows.
    interval: Option<Duration>,
    next: Option<Instant>,
    told: Option<String>,
}

impl Notifier {
    /// As the environment says that systemd has set for this process.
    pub fn from_environment() -> Self {
        let microseconds = env::var("WATCHDOG_USEC").ok();
        let meant_for = env::var("WATCHDOG_PID").ok();
        let own = getpid().as_raw_nonzero().to_string();
        let watchdog = microseconds.filter(|_| meant_for.is_none_or(|pid| pid == own));
        Self::new(env::var_os("NOTIFY_SOCKET").as_deref(), watchdog.as_deref())
    }

    /// With the values of `NOTIFY_SOCKET` and `WATCHDOG_USEC`.
    fn new(address: Option<&OsStr>, watchdog: Option<&str>) -> Self {
        let Some(socket) = address.and_then(connect) else {
            return Self::default();
        };
        let interval = watchdog
            .and_then(|text| text.parse().ok())
            .filter(|microseconds| *microseconds > 0)
            .map(|microseconds| Duration::from_micros(microseconds) / 2);
        Self {
            socket: Some(socket),
            interval,
            ..Self::default()
        }
    }

    /// The start is over.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// The configuration is being read again; [`Notifier::ready`] says when that is over.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let seconds = i128::from(now.tv_sec);
        let microseconds = seconds * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
    }

    /// What the daemon does, in a line (`systemctl status` shows it). The same line is not sent twice, and none is made
    /// if nobody listens.
    pub fn status(&mut self, line: impl FnOnce() -> String) {
        if self.socket.is_none() {
            return;
        }
        let line = one_line(&line());
        if self.told.as_ref() != Some(&line) {
            self.send(&format!("STATUS={line}"));
            self.told = Some(line);
        }
    }

    /// A sign of life, if one is due.
    pub fn beat(&mut self, now: Instant) {
        let Some(interval) = self.interval else {
            return;
        };
        if self.next.is_none_or(|next| next <= now) {
            self.send("WATCHDOG=1");
            self.next = Some(now + interval);
        }
    }

    /// When [`Notifier::beat`] has to be called next; never without a watchdog.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    fn send(&self, message: &str) {
        if let Some(socket) = &self.socket {
            let _ = socket.send(message.as_bytes());
        }
    }
}

/// A socket that sends to `address`: a path, or `@` and an abstract name.
fn connect(address: &OsStr) -> Option<UnixDatagram> {
    let bytes = address.as_bytes();
    let address = match bytes.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name).ok()?,
        None if bytes.starts_with(b"/") => SocketAddr::from_pathname(address).ok()?,
        None => return None,
    };
    let socket = UnixDatagram::unbound().ok()?;
    socket.set_nonblocking(true).ok()?;
    socket.connect_addr(&address).ok()?;
    Some(socket)
}

/// A text that cannot end the line, which would begin another assignment.
fn one_line(text: &str) -> String {
    text.chars()
        .take(MAX_STATUS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// systemd's end, under an abstract name of this test's own.
    struct Systemd {
        socket: UnixDatagram,
        name: String,
    }

    impl Systemd {
        fn new(name: &str) -> Self {
            let name = format!("uplinkd-notify-{name}-{}", std::process::id());
            let address = SocketAddr::from_abstract_name(&name).unwrap();
            let socket = UnixDatagram::bind_addr(&address).unwrap();
            socket.set_nonblocking(true).unwrap();
            Self { socket, name }
        }

        fn notifier(&self, watchdog: Option<&str>) -> Notifier {
            Notifier::new(Some(OsStr::new(&format!("@{}", self.name))), watchdog)
        }

        fn received(&self) -> Vec<String> {
            let mut buffer = [0; 1000];
            std::iter::from_fn(|| {
                let size = self.socket.recv(&mut buffer).ok()?;
                Some(String::from_utf8(buffer[..size].to_vec()).unwrap())
            })
            .collect()
        }
    }

    #[test]
    fn each_change_is_told_once() {
        let systemd = Systemd::new("status");
        let mut notifier = systemd.notifier(None);
        notifier.ready();
        notifier.status(|| "dialing".to_owned());
        notifier.status(|| "dialing".to_owned());
        notifier.status(|| "the modem says\nREADY=0".to_owned());
        notifier.stopping();
        assert_eq!(
            systemd.received(),
            [
                "READY=1",
                "STATUS=dialing",
                "STATUS=the modem says READY=0",
                "STOPPING=1"
            ]
        );
    }

    #[test]
    fn a_reload_has_its_time() {
        let systemd = Systemd::new("reload");
        systemd.notifier(None).reloading();
        let received = systemd.received();
        let (first, second) = received[0].split_once('\n').unwrap();
        assert_eq!(first, "RELOADING=1");
        let time: u64 = second
            .strip_prefix("MONOTONIC_USEC=")
            .unwrap()
            .parse()
            .unwrap();
        assert!(time > 0);
    }

    #[test]
    fn lives_at_half_of_the_watchdogs_time() {
        let systemd = Systemd::new("watchdog");
        let mut notifier = systemd.notifier(Some("20000000"));
        let start = Instant::ZERO;
        assert_eq!(notifier.poll_timeout(), None);
        notifier.beat(start);
        assert_eq!(
            notifier.poll_timeout(),
            Some(start + Duration::from_secs(10))
        );
        notifier.beat(start + Duration::from_millis(9_999));
        assert_eq!(systemd.received(), ["WATCHDOG=1"]);
        notifier.beat(start + Duration::from_secs(10));
        assert_eq!(systemd.received(), ["WATCHDOG=1"]);
    }

    #[test]
    fn without_a_watchdog_nothing_wakes_up() {
        let systemd = Systemd::new("none");
        for value in [None, Some("0"), Some("soon")] {
            let mut notifier = systemd.notifier(value);
            notifier.beat(Instant::ZERO);
            assert_eq!(notifier.poll_timeout(), None, "{value:?}");
        }
        assert_eq!(systemd.received(), Vec::<String>::new());
    }

    #[test]
    fn without_systemd_nothing_happens() {
        for address in [None, Some("relative"), Some("/nowhere/notify"), Some("")] {
            let mut notifier = Notifier::new(address.map(OsStr::new), Some("1000000"));
            notifier.ready();
            notifier.status(|| "up".to_owned());
            notifier.beat(Instant::ZERO);
            assert_eq!(notifier.poll_timeout(), None, "{address:?}");
        }
    }
}
