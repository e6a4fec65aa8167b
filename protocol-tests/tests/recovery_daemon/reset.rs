//! Failures that a reset can mend lead to one, and the ladder climbs until a step works.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use protocol_tests::clock::pause;
use protocol_tests::daemon::{PATIENCE, Simulator, Site, status};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::Mark;
use protocol_tests::require;
use protocol_tests::usb::{FakeUsb, UsbModem};
use rustix::process::{Pid, Signal, kill_process};

use super::{follow, follow_within, never};

#[test]
fn retry_failures_lead_to_a_reset_by_at_and_the_link_comes_up() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let mut simulator = Simulator::start(&site.tty(), &["--fault", "busy=3"]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet"), ("HOLDOFF", "0"), ("RESET_WAIT", "2")]);
    let mut daemon = site.run(&namespace, &[]);
    let mark = follow(
        &daemon,
        Mark::default(),
        &["Attempt 1 failed: ", "Attempt 2 failed: "],
    );
    let (line, mark) = daemon
        .process
        .wait_for_line_after(mark, "Attempt 3 failed: ", PATIENCE);
    assert!(
        line.text
            .ends_with(" The modem is reset: 3 failures in a row."),
        "{line:?}"
    );
    assert_eq!(daemon.process.count("Connect script failed"), 3);
    follow(
        &daemon,
        mark,
        &[
            "Resetting the modem, step 1 of 1: AT+CFUN=1,1",
            "The modem went away ",
            "The modem's tty is there again: ",
            "Reset step 1 (AT+CFUN=1,1) worked: the modem is back",
            "The modem was reset: AT+CFUN=1,1. Next attempt in 2 s.",
            "local  IP address",
        ],
    );
    daemon.wait_for_address(&namespace, PATIENCE);
    let told = status(&site);
    assert_eq!(told["state"], "up", "{told}");
    assert_eq!(told["resets"]["count"], 1, "{told}");
    assert_eq!(daemon.terminate(), 5);
    simulator.process.signal(Signal::TERM);
    simulator.process.wait_exit(PATIENCE);
    simulator.process.wait_for_line(
        "dials 4, overlapping dials 0, calls 1, AT resets 1",
        PATIENCE,
    );
}

/// A modem on a USB that is only files; its power hangs on `authorized`.
struct Bench {
    site: Site,
    usb: FakeUsb,
    modem: UsbModem,
    namespace: Namespace,
    simulator: Simulator,
}

/// Quicker than any real modem.
const PROFILE: &str = "\
name = \"QUICK\"
about = \"a modem for tests\"
[recognise]
usb = [\"1209:0001\"]
[ports]
dial = 0
[reset]
wait = 1
gone_within = 2
back_within = 20
steps = [{ at = \"AT+CFUN=1,1\" }, { usb = \"authorized\" }]
";

impl Bench {
    fn new(faults: &[&str]) -> Self {
        let site = Site::new();
        let pty = site.path("pty");
        let arguments: Vec<&str> = faults.iter().flat_map(|fault| ["--fault", fault]).collect();
        let simulator = Simulator::start(&pty, &arguments);
        let usb = FakeUsb::new(&site);
        let modem = UsbModem {
            path: "1-1.2".to_owned(),
            vendor: 0x1209,
            product: 1,
            serial: String::new(),
            name: "Quick".to_owned(),
            driver: "option".to_owned(),
            ports: vec![(0, pty)],
        };
        fs::create_dir(site.path("profiles")).unwrap();
        site.write("profiles/quick.toml", PROFILE);
        site.write(
            "config.toml",
            &format!(
                "[modem]\ndevice = \"AUTO\"\nprofile_dir = {:?}\napn = \"internet\"\ncommand_timeout = 2\n\
                 [ppp.echo]\ninterval = 0.5\nfailure = 2\n[supervision]\nholdoff = 0\nretry = 2\n[supervision.reset]\nwait = 1\n",
                site.path("profiles")
            ),
        );
        Self {
            site,
            usb,
            modem,
            namespace: Namespace::new(),
            simulator,
        }
    }

    /// Switches the simulator's power when 0 is written to `authorized`.
    fn power(&self) -> Power {
        let file = self.usb.authorized(&self.modem);
        let pid = i32::try_from(self.simulator.process.pid()).unwrap();
        Power::new(file, Pid::from_raw(pid).unwrap())
    }
}

struct Power {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Power {
    fn new(file: PathBuf, simulator: Pid) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut on = true;
            while !told.load(Ordering::Relaxed) {
                pause(Duration::from_millis(10));
                match fs::read_to_string(&file).as_deref().map(str::trim) {
                    Ok("0") if on => {
                        on = false;
                        let _ = kill_process(simulator, Signal::USR1);
                    }
                    Ok("1") => on = true,
                    Ok(_) | Err(_) => {}
                }
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Power {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn a_step_that_does_nothing_is_followed_by_the_next() {
    protocol_tests::require!(require::DAEMON);
    let bench = Bench::new(&["busy=2", "reset-ignored"]);
    let _attached = bench.usb.attach(bench.modem.clone(), 0);
    let _power = bench.power();
    let mut daemon = bench.site.run(&bench.namespace, &bench.usb.arguments());
    follow(
        &daemon,
        Mark::default(),
        &[
            "The modem is QUICK (1209:0001) at USB 1-1.2, the only one",
            "Attempt 2 failed: ",
            "Resetting the modem, step 1 of 4: AT+CFUN=1,1",
            "Reset step 1 (AT+CFUN=1,1) did nothing: the tty did not go within 2 s.",
            "Resetting the modem, step 2 of 4: USB device off and on (authorized)",
            "The modem went away ",
            "The modem's tty is there again: ",
            "Reset step 2 (USB device off and on (authorized)) worked: the modem is back",
            "The modem was reset: USB device off and on (authorized). Next attempt in 1 s.",
            "local  IP address",
        ],
    );
    daemon.wait_for_address(&bench.namespace, PATIENCE);
    assert_eq!(status(&bench.site)["modem"]["tty"], tty(&bench, 1));
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn a_modem_that_hangs_is_recovered_by_its_power() {
    protocol_tests::require!(require::DAEMON);
    let bench = Bench::new(&["crash@6s"]);
    let _attached = bench.usb.attach(bench.modem.clone(), 0);
    let _power = bench.power();
    let mut daemon = bench.site.run(&bench.namespace, &bench.usb.arguments());
    daemon.wait_for_address(&bench.namespace, PATIENCE);
    follow_within(
        &daemon,
        Mark::default(),
        &[
            "local  IP address",
            "No response to 2 echo-requests",
            "does not answer AT commands; check",
            "Reset step 1 (AT+CFUN=1,1) did nothing: the tty did not go within 2 s.",
            "Reset step 2 (USB device off and on (authorized)) worked: the modem is back",
            "local  IP address",
        ],
        Duration::from_secs(60),
    );
    daemon.wait_for_address(&bench.namespace, PATIENCE);
    assert_eq!(daemon.terminate(), 5);
    never(&daemon, "panicked");
}

fn tty(bench: &Bench, number: u32) -> String {
    let path = bench.usb.tty(&format!("ttyUSB{number}"));
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_modem_that_a_reset_has_killed_is_recovered_by_its_power() {
    protocol_tests::require!(require::DAEMON);
    let bench = Bench::new(&["busy=2", "reset-dead"]);
    let _attached = bench.usb.attach(bench.modem.clone(), 0);
    let _power = bench.power();
    let mut daemon = bench.site.run(&bench.namespace, &bench.usb.arguments());
    follow_within(
        &daemon,
        Mark::default(),
        &[
            "Reset step 1 (AT+CFUN=1,1) worked: the modem is back",
            "does not answer AT commands; check",
            "does not answer AT commands. The modem is reset: 2 failures in a row.",
            // What has not helped is not tried first again.
            "Resetting the modem, step 1 of 4: USB device off and on (authorized)",
            "Reset step 1 (USB device off and on (authorized)) worked: the modem is back",
            "local  IP address",
        ],
        Duration::from_secs(90),
    );
    daemon.wait_for_address(&bench.namespace, PATIENCE);
    assert_eq!(status(&bench.site)["resets"]["count"], 2);
    assert_eq!(daemon.terminate(), 5);
}
