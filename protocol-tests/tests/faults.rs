//! Every fault of the simulator against the daemon's binary: what it does about it, in its own words and statuses.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use protocol_tests::clock::{pause, wait_until};
use protocol_tests::daemon::{Daemon, PATIENCE, Simulator, Site};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::Mark;
use protocol_tests::require;
use uplinkd::sim::Fault;

/// Shortened waits: the real ones make a test of every fault take an hour.
const TIMERS: &str = "\
[ppp.lcp]
restart = 0.5
max_configure = 4
[ppp.ipcp]
restart = 0.5
max_configure = 4
pending_interval = 0.2
max_pending = 10
[ppp.pap]
restart = 0.5
max_requests = 4
[ppp.chap]
timeout = 5
[ppp.echo]
interval = 0.5
failure = 2
[supervision]
holdoff = 0.2
";

/// What has to happen.
enum Outcome {
    /// The link comes up in the first call, and stays up.
    Up(fn(&Run)),
    /// The link, or the attempt, ends with a line that contains this, and the next one is up.
    Recovers(&'static str),
    /// With `--once` the program ends with this status, having logged this.
    Ends(i32, &'static str),
    /// The link comes up; then this happens, and at the end of it the link is up.
    Then(fn(&mut Run)),
}
use Outcome::{Ends, Recovers, Then, Up};

macro_rules! faults {
    ($($test:ident: $fault:literal, $more:expr => $outcome:expr;)*) => {
        $(
            #[test]
            fn $test() {
                protocol_tests::require!(require::DAEMON);
                check($fault, $more, $outcome);
            }
        )*
        /// Each as given to `--fault`.
        const TESTED: &[&str] = &[$($fault),*];
    };
}

const CHAP: &[&str] = &[
    "--auth",
    "chap",
    "--user",
    "joe",
    "--password",
    "s3cr3t-Pa55",
];
const PAP: &[&str] = &[
    "--auth",
    "pap",
    "--user",
    "joe",
    "--password",
    "s3cr3t-Pa55",
];
const NOTHING: &[&str] = &[];
/// The modem's second port, in the site's folder.
const AT_PORT: &str = "tty1";

faults! {
    no_carrier: "no-carrier@1s", NOTHING => Recovers("Modem hangup");
    no_carrier_until_it_is_lifted: "no-carrier=always@1s", NOTHING => Then(|run| {
        let mark = run.waits_for(Mark::default(), "Modem hangup");
        run.simulator.process.signal(rustix::process::Signal::HUP);
        run.wait_up(mark);
        let links = run.addresses().len();
        pause(Duration::from_secs(3));
        assert_eq!(run.addresses().len(), links, "the call is not cut any more");
    });
    hangup: "hangup@1s", NOTHING => Recovers("No response to 2 echo-requests");
    term_req: "term-req@1s", NOTHING => Recovers("LCP terminated by peer");
    unplug: "unplug=1@1s", NOTHING => Recovers("Waiting for the tty");
    lcp_silent: "lcp-silent=1", NOTHING => Recovers("LCP: timeout sending Config-Requests");
    ipcp_silent: "ipcp-silent=1", NOTHING => Recovers("IPCP: timeout sending Config-Requests");
    echo_silent: "echo-silent=1", NOTHING => Recovers("No response to 2 echo-requests");
    peer_silent: "peer-silent=1@1s", NOTHING => Recovers("No response to 2 echo-requests");
    no_term_ack: "no-term-ack", NOTHING => Up(|_| {});
    auth_reject_chap: "auth-reject", CHAP => Ends(19, "CHAP authentication failed");
    auth_reject_pap: "auth-reject", PAP => Ends(19, "PAP authentication failed");
    auth_reject_once_in_a_while: "auth-reject=1", CHAP => Recovers("CHAP authentication failed");
    pap_only: "pap-only", PAP => Up(|run| run.has_line("PAP authentication succeeded"));
    rechallenge: "rechallenge=3", CHAP => Up(|run| {
        run.has_line("CHAP authentication succeeded");
        assert!(run.daemon.process.count("rcvd [CHAP Challenge") >= 3);
    });
    no_dns: "no-dns", NOTHING => Up(|run| {
        assert_eq!(run.daemon.process.count("DNS address"), 0);
    });
    dummy_dns: "dummy-dns=3", NOTHING => Up(|run| {
        run.has_line("<ms-dns1 10.11.12.13>");
        run.has_line("primary   DNS address");
        assert_eq!(run.daemon.process.count("DNS address 10.11.12."), 0);
    });
    empty_naks_for_a_while: "empty-naks=3", NOTHING => Up(|run| {
        assert!(run.daemon.process.count("rcvd [IPCP ConfNak") >= 3);
    });
    empty_naks: "empty-naks", NOTHING => Ends(10, "stalled");
    nak_storm: "nak-storm", NOTHING => Ends(10, "IPCP");
    reject_all: "reject-all", NOTHING => Up(Run::pings);
    empty_confreq: "empty-confreq", NOTHING => Up(Run::pings);
    asyncmap: "asyncmap=ffffffff", NOTHING => Up(Run::pings);
    mru: "mru=576", NOTHING => Up(|run| {
        let shown = run.namespace.run("ip -o link show ppp0");
        assert!(shown.contains(" mtu 576 "), "{shown}");
        run.pings();
    });
    stale_confreq: "stale-confreq", NOTHING => Up(Run::pings);
    stray: "stray", NOTHING => Up(Run::pings);
    garbage: "garbage=0.5", NOTHING => Up(Run::pings);
    loopback: "loopback", NOTHING => Ends(17, "Serial line is looped back.");
    bitflip: "bitflip=1e-4", NOTHING => Up(Run::pings_at_last);
    drop: "drop=1e-4", NOTHING => Up(Run::pings_at_last);
    net_silent: "net-silent", NOTHING => Up(|run| assert!(!run.try_ping(1), "a ping was answered"));
    no_ping: "no-ping", NOTHING => Up(|run| assert!(!run.try_ping(1), "a ping was answered"));
    dns_silent: "dns-silent", NOTHING => Up(Run::pings);
    new_address: "new-address", &["--fault", "no-carrier@1s"] => Recovers("Modem hangup");
    busy: "busy=1", NOTHING => Recovers("BUSY");
    busy_for_ever: "busy=always", NOTHING => Ends(8, "BUSY");
    no_dialtone: "no-dialtone=1", NOTHING => Recovers("NO DIALTONE");
    no_answer: "no-answer=1", NOTHING => Recovers("NO ANSWER");
    cme_error: "cme-error=30", NOTHING => Ends(35, "no network service");
    cme_error_of_the_sim: "cme-error=10", NOTHING => Ends(34, "SIM not inserted");
    late_connect: "late-connect=2", NOTHING => Up(Run::pings);
    at_silent: "at-silent", NOTHING => Ends(8, "does not answer");
    data_mode: "data-mode", NOTHING => Up(Run::pings);
    stuck_data_mode: "stuck-data-mode", NOTHING => Ends(8, "data mode");
    urc: "urc", NOTHING => Up(Run::pings);
    chunk: "chunk=1", NOTHING => Up(Run::pings);
    slow: "slow=5000", NOTHING => Up(Run::pings);
    latency: "latency=300", NOTHING => Up(Run::pings);
    slow_registration: "slow-registration=2", NOTHING => Up(Run::pings);
    registration_lost: "registration-lost=2@5s", NOTHING => Recovers("Modem hangup");
    coverage_lost: "coverage-lost=4@5s", NOTHING => Recovers("No response to 2 echo-requests");
    registration_denied: "registration-denied", NOTHING => Ends(35, "the network refuses the registration of this SIM");
    roaming: "roaming", NOTHING => Up(Run::pings);
    sim_absent: "sim-absent", NOTHING => Ends(34, "there is no SIM in the modem");
    sim_busy: "sim-busy=3", NOTHING => Up(Run::pings);
    sim_failure: "sim-failure", NOTHING => Ends(34, "the SIM cannot be used");
    pin: "pin", NOTHING => Ends(34, "the SIM asks for a PIN and none is configured");
    puk: "puk", NOTHING => Ends(34, "the SIM is locked and asks for its PUK");
    wrong_apn: "wrong-apn", NOTHING => Ends(8, "NO CARRIER");
    wrong_apn_in_words: "wrong-apn=cme", NOTHING => Ends(8, "requested service option not subscribed");
    wrong_apn_with_dummy_dns: "wrong-apn=dummy", NOTHING => Ends(16, "Modem hangup");
    crash: "crash@5s", NOTHING => Then(|run| {
        let mark = run.waits_for(Mark::default(), "No response to 2 echo-requests");
        let mark = run.waits_for(mark, "does not answer");
        run.switches_power();
        run.wait_up(mark);
    });
    reset_ignored: "reset-ignored", NOTHING => Then(|run| {
        run.restarts_by_command();
        run.simulator.process.wait_for_line("modem: does not restart", PATIENCE);
        assert_eq!(run.addresses().len(), 1, "the link has stayed");
    });
    reset_dead: "reset-dead", NOTHING => Then(|run| {
        run.restarts_by_command();
        let mark = run.waits_for(Mark::default(), "Waiting for the tty");
        let mark = run.waits_for(mark, "does not answer");
        run.switches_power();
        run.wait_up(mark);
    });
    reset_slow: "reset-slow=6", NOTHING => Then(|run| {
        run.restarts_by_command();
        let mark = run.waits_for(Mark::default(), "Waiting for the tty");
        pause(Duration::from_secs(4));
        assert_eq!(run.addresses().len(), 1, "the modem is still away");
        run.wait_up(mark);
    });
    power_ignored: "power-ignored", NOTHING => Then(|run| {
        run.switches_power();
        run.simulator.process.wait_for_line("modem: its power was not switched", PATIENCE);
        run.pings();
        let mark = run.daemon.process.mark();
        run.switches_power();
        let mark = run.waits_for(mark, "Waiting for the tty");
        run.wait_up(mark);
    });
    new_name: "new-name", &["--fault", "unplug=1@1s"] => Then(|run| {
        let mark = run.waits_for(Mark::default(), "Waiting for the tty");
        let renamed = run.site.path("tty0.1");
        wait_until("the tty under its new name", PATIENCE, || fs::metadata(&renamed).is_ok().then_some(()));
        assert!(fs::metadata(run.site.tty()).is_err());
        // As udev's rule for the modem would do.
        symlink(&renamed, run.site.tty()).unwrap();
        run.wait_up(mark);
    });
}

#[test]
fn the_simulator_says_at_its_end_what_it_has_counted() {
    let site = Site::new();
    let arguments = ["--personality", "AMP520", "--pin", "4711"];
    let mut simulator = Simulator::start(&site.tty(), &arguments);
    for (command, answer) in [
        ("ATE0", "OK"),
        ("AT+CPIN=0000", "ERROR"),
        ("AT+CPIN=4711", "OK"),
        ("AT+CGDCONT=1,\"IP\",\"internet\"", "OK"),
        ("AT$QCPDPP=1,3,\"s3cr3t-Pa55\",\"joe\"", "OK"),
        ("ATD*99#", "NO CARRIER"),
    ] {
        say(&site.tty(), command, answer);
    }
    simulator.process.signal(rustix::process::Signal::TERM);
    assert_eq!(simulator.process.wait_exit(PATIENCE).code(), Some(5));
    let counted = "counted: dials 1, overlapping dials 0, calls 0, AT resets 0, power resets 0, PIN tries 2, wrong PINs 1, \
                   provisioning writes 2, flash writes 2";
    simulator.process.wait_for_line(counted, PATIENCE);
    let text = simulator.process.text();
    assert!(
        !text.contains("4711") && !text.contains("s3cr3t-Pa55"),
        "{text}"
    );
}

/// Says a command on a tty, and waits for the answer.
fn say(tty: &Path, command: &str, answer: &str) {
    let mut port = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(tty)
        .unwrap();
    port.write_all(format!("{command}\r").as_bytes()).unwrap();
    let mut said = Vec::new();
    while !said.ends_with(format!("{answer}\r\n").as_bytes()) {
        let mut buffer = [0; 100];
        let n = port.read(&mut buffer).unwrap();
        said.extend_from_slice(&buffer[..n]);
    }
}

#[test]
fn every_fault_is_tested() {
    let name = |text: &'static str| text.split(['=', '@']).next().unwrap_or_default();
    let tested: BTreeSet<&str> = TESTED.iter().map(|text| name(text)).collect();
    let known: BTreeSet<&str> = Fault::all().iter().map(|info| info.name).collect();
    assert_eq!(tested, known);
}

struct Run {
    daemon: Daemon,
    simulator: Simulator,
    namespace: Namespace,
    site: Site,
}

fn check(fault: &str, more: &[&str], outcome: Outcome) {
    let site = Site::new();
    let auth = more
        .iter()
        .skip_while(|word| **word != "--auth")
        .nth(1)
        .copied();
    let auth = auth.map_or(String::new(), |method| {
        let method = method.to_uppercase();
        format!("auth = \"{method}\"\naccount = \"joe\"\npassword = \"s3cr3t-Pa55\"\n")
    });
    site.write(
        "config.toml",
        &format!(
            "[modem]\ndevice = {:?}\napn = \"internet\"\ncommand_timeout = 2\ndial_timeout = 10\n\
             [ppp]\n{auth}\n{TIMERS}[network]\ndefault_route = true\n",
            site.tty()
        ),
    );
    let at_port = site.path(AT_PORT);
    let at_port = at_port.to_str().unwrap();
    let arguments = [&["--at-link", at_port, "--fault", fault], more].concat();
    let simulator = Simulator::start(&site.tty(), &arguments);
    let namespace = Namespace::new();
    let once: &[&str] = if matches!(outcome, Ends(..)) {
        &["--once"]
    } else {
        &[]
    };
    let daemon = site.run(&namespace, once);
    let mut run = Run {
        daemon,
        simulator,
        namespace,
        site,
    };
    match outcome {
        Up(then) => {
            run.wait_up(Mark::default());
            then(&run);
            run.ends_on_sigterm();
        }
        Then(what) => {
            run.wait_up(Mark::default());
            what(&mut run);
            run.pings();
            run.ends_on_sigterm();
        }
        Recovers(line) => {
            let (_, mark) = run
                .daemon
                .process
                .wait_for_line_after(Mark::default(), line, PATIENCE);
            let before = run.addresses();
            run.wait_up(mark);
            run.pings();
            if fault == "new-address" {
                let addresses = run.addresses();
                assert!(!before.is_empty(), "{addresses:?}");
                assert_ne!(before.last(), addresses.last(), "{addresses:?}");
            }
            run.ends_on_sigterm();
        }
        Ends(status, line) => {
            let ended = run.daemon.wait_exit(Duration::from_secs(60));
            assert_eq!(ended, status, "{}", run.daemon.process.transcript());
            run.daemon.process.wait_for_line(line, PATIENCE);
            assert!(!run.namespace.has_interface("ppp0"));
        }
    }
    assert!(
        !run.daemon.process.text().contains("s3cr3t-Pa55"),
        "{}",
        run.daemon.process.text()
    );
}

impl Run {
    fn wait_up(&mut self, mark: Mark) {
        self.daemon
            .process
            .wait_for_line_after(mark, "local  IP address", PATIENCE);
        self.daemon.wait_for_address(&self.namespace, PATIENCE);
    }

    fn ends_on_sigterm(&mut self) {
        assert_eq!(
            self.daemon.terminate(),
            5,
            "{}",
            self.daemon.process.transcript()
        );
        assert!(!self.namespace.has_interface("ppp0"));
    }

    fn waits_for(&self, mark: Mark, line: &str) -> Mark {
        let found = self
            .daemon
            .process
            .wait_for_line_after(mark, line, PATIENCE);
        found.1
    }

    fn switches_power(&self) {
        self.simulator.process.signal(rustix::process::Signal::USR1);
    }

    /// Tells the modem to restart, at its second port.
    fn restarts_by_command(&self) {
        say(&self.site.path(AT_PORT), "ATE0+CFUN=1,1", "OK");
    }

    fn has_line(&self, pattern: &str) {
        self.daemon.process.wait_for_line(pattern, PATIENCE);
    }

    /// The addresses of the links so far.
    fn addresses(&self) -> Vec<String> {
        let lines = self
            .daemon
            .process
            .lines()
            .into_iter()
            .map(|line| line.text);
        lines
            .filter_map(|text| Some(text.split_once("local  IP address ")?.1.to_owned()))
            .collect()
    }

    fn try_ping(&self, seconds: u32) -> bool {
        let line = format!("ping -q -c 1 -W {seconds} 192.0.2.1");
        self.namespace.try_run(&line, PATIENCE).0
    }

    fn pings(&self) {
        assert!(
            self.try_ping(10),
            "no answer to a ping\n{}",
            self.daemon.process.transcript()
        );
    }

    /// On a line that loses frames, one ping or another is answered.
    fn pings_at_last(&self) {
        wait_until("an answer to a ping", Duration::from_secs(60), || {
            self.try_ping(1).then_some(())
        });
    }
}
