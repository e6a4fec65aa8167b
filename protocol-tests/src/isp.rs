//! The ISP of the tests: a real pppd on a kernel of its own that answers each call of a [`Modem`](crate::modem::Modem)
//! on a fresh line.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::modem::Peer;
use crate::uml::Uml;

/// The ISP's own address.
pub const ISP_ADDRESS: &str = "10.64.64.1";
/// The address that a client gets.
pub const CLIENT_ADDRESS: &str = "10.64.64.2";
/// The account that it knows.
pub const USER: &str = "joe@isp.example";
/// Its password.
pub const PASSWORD: &str = "s3cr3t-Pa55";

/// The ISP.
#[derive(Debug)]
pub struct Isp {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    uml: Uml,
    options: Mutex<Vec<String>>,
    line: AtomicUsize,
}

impl Isp {
    /// An ISP for at most `calls` calls, whose pppd runs with `options` besides
    /// [`PPPD_BASE`](crate::uml::PPPD_BASE) and the two addresses.
    pub fn start(calls: usize, options: &[&str]) -> Self {
        let uml = Uml::start(calls);
        uml.account(USER, PASSWORD);
        let shared = Shared {
            uml,
            options: Mutex::default(),
            line: AtomicUsize::new(0),
        };
        let this = Self {
            shared: Arc::new(shared),
        };
        this.set_options(options);
        this
    }

    /// Other options from the next call on.
    pub fn set_options(&self, options: &[&str]) {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        *self.shared.options.lock().expect("no holder panics") = options;
    }

    /// For [`Modem::start`](crate::modem::Modem::start).
    pub fn peer(&self) -> Peer {
        let shared = Arc::clone(&self.shared);
        Box::new(move || {
            let line = shared.uml.line();
            let options = shared.options.lock().expect("no holder panics").clone();
            let addresses = format!("{ISP_ADDRESS}:{CLIENT_ADDRESS}");
            let mut options: Vec<&str> = options.iter().map(String::as_str).collect();
            options.push(&addresses);
            shared.uml.pppd(line.number, &options);
            // An ISP that does not listen yet does not answer the call: what is sent before that is lost.
            shared
                .uml
                .wait_for_pppd_log(line.number, "Connect: ", Duration::from_secs(30));
            shared.line.store(line.number, Ordering::SeqCst);
            Ok(line.stream)
        })
    }

    /// The guest.
    pub fn uml(&self) -> &Uml {
        &self.shared.uml
    }

    /// The line of the last call.
    pub fn line(&self) -> usize {
        self.shared.line.load(Ordering::SeqCst)
    }

    /// What the pppd of the last call has logged.
    pub fn log(&self) -> String {
        self.uml().pppd_log(self.line())
    }

    /// Sends a signal to the pppd of the last call.
    pub fn kill(&self, signal: &str) {
        self.uml().kill(self.line(), signal);
    }
}
