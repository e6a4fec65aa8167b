//! A network namespace of a test's own: interfaces, addresses and routes of the host stay as they are.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::clock::wait_until;
use crate::process::{run, succeed};

/// A network namespace that lasts as long as this value. Needs root.
#[derive(Debug)]
pub struct Namespace {
    /// Lives in the namespace and ends when its standard input is closed: even when the test is killed.
    holder: Child,
}

impl Namespace {
    /// Makes one with nothing but a loopback interface that is up.
    ///
    /// # Panics
    /// If that is not allowed.
    pub fn new() -> Self {
        let mut holder = Command::new("unshare")
            .args([
                "--net",
                "sh",
                "-c",
                "ip link set lo up && echo ready && exec cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start unshare (package util-linux)");
        let mut answer = String::new();
        let stdout = holder.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut answer)
            .expect("read from a pipe");
        assert_eq!(
            answer, "ready\n",
            "unshare --net did not work: is this root?"
        );
        Self { holder }
    }

    /// One with another network, `lan0`, and a default route through it, which has `options` such as `metric 100`.
    ///
    /// # Panics
    /// As [`Namespace::new`].
    pub fn with_lan(options: &str) -> Self {
        let this = Self::new();
        this.run("ip tuntap add dev lan0 mode tap");
        this.run("ip addr add 172.31.0.2/24 dev lan0");
        this.run("ip link set lan0 up");
        this.run(&format!(
            "ip route add default via 172.31.0.1 dev lan0 {options}"
        ));
        this
    }

    /// A command that runs `program` in the namespace. The process is `program` itself, not a wrapper.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.holder.id()))
            .arg("--")
            .arg(program);
        command
    }

    /// Runs a command line (split at white space) that has to succeed, and gives its output.
    ///
    /// # Panics
    /// If it fails or takes longer than 30 s.
    pub fn run(&self, line: &str) -> String {
        succeed(line, self.split(line), Duration::from_secs(30))
    }

    /// Runs a command line; whether it succeeded, and its output.
    ///
    /// # Panics
    /// If it takes longer than `limit`.
    pub fn try_run(&self, line: &str, limit: Duration) -> (bool, String) {
        let (status, text) = run(line, self.split(line), limit);
        (status.success(), text)
    }

    /// `ip -4 route`, one route a line.
    pub fn routes(&self) -> Vec<String> {
        let text = self.run("ip -4 route");
        text.lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    /// Waits for a default route through `interface`.
    ///
    /// # Panics
    /// If none comes within 30 s.
    pub fn wait_for_default_route(&self, interface: &str) {
        let through = format!("dev {interface}");
        wait_until("a default route", Duration::from_secs(30), || {
            let defaults = self.run("ip -4 route show default");
            defaults.contains(&through).then_some(())
        });
    }

    /// Whether there is an interface of that name.
    pub fn has_interface(&self, name: &str) -> bool {
        self.try_run(&format!("ip link show {name}"), Duration::from_secs(10))
            .0
    }

    /// Runs `action` on a thread that is in the namespace: sockets that it opens are, too.
    ///
    /// # Panics
    /// If `action` does, or the namespace cannot be entered.
    pub fn enter<T: Send>(&self, action: impl FnOnce() -> T + Send) -> T {
        let file =
            File::open(format!("/proc/{}/ns/net", self.holder.id())).expect("open a namespace");
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("enter a namespace");
                action()
            });
            match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn split(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let mut command = self.command(words.next().expect("a command line is not empty"));
        command.args(words);
        command
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Both can only fail when it has ended already.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
