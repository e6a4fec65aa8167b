//! Every fault of the simulator against the daemon's binary: what it does about it, in its own words and statuses.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]
#![allow(clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeSet;
use std::time::Duration;

use protocol_tests::clock::wait_until;
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
}
use Outcome::{Ends, Recovers, Up};

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

faults! {
    no_carrier: "no-carrier@1s", NOTHING => Recovers("Modem hangup");
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
    _simulator: Simulator,
    namespace: Namespace,
    _site: Site,
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
    let arguments = [&["--fault", fault], more].concat();
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
        _simulator: simulator,
        namespace,
        _site: site,
    };
    match outcome {
        Up(then) => {
            run.wait_up(Mark::default());
            then(&run);
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
