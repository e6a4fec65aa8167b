//! The link comes up as the files say.

use std::collections::BTreeMap;
use std::fs;

use protocol_tests::clock::wait_until;
use protocol_tests::daemon::{PATIENCE, Site, status, wait_for_state};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::Mark;
use protocol_tests::require;

use super::{
    CHAP, DIALOG, OPTIONS, document, file, peers, pppconfig, pppconfig_peers, script, secrets,
    simulator,
};
use crate::WEB;

/// C2, F2: and our own dialog says nothing.
#[test]
fn c2_a_provider_of_pppconfigs_comes_up_with_chap_and_pap() {
    protocol_tests::require!(require::DAEMON);
    for auth in ["chap", "pap"] {
        let site = Site::new();
        pppconfig(&site, "");
        let arguments = ["--auth", auth, "--user", "sora", "--password", "geheim"];
        let _simulator = simulator(&site, &arguments, &["slow-registration=0s"]);
        let namespace = Namespace::new();
        let mut daemon = site.run(&namespace, &[]);
        assert_eq!(daemon.wait_for_address(&namespace, PATIENCE), "10.64.64.2");
        namespace.wait_for_default_route("ppp0");
        namespace.run(&format!("ping -q -c 1 -W 5 {WEB}"));
        let told = status(&site);
        assert_eq!(told["state"], "up", "{told}");
        assert_eq!(told["modem"]["tty"], site.tty().to_str().unwrap());
        assert_eq!(daemon.terminate(), 5, "{}", daemon.process.transcript());
        let mut mark = Mark::default();
        for line in [
            "send (ATZ^M)",
            "send (ATDT*99***1#^M)",
            "expect (CONNECT)",
            "send (\\d)",
            "Serial connection established.",
            "Using interface ppp0",
            "authentication succeeded",
            "local  IP address 10.64.64.2",
            "primary   DNS address 192.0.2.53",
            "Connection terminated.",
            "Exit.",
        ] {
            mark = daemon.process.wait_for_line_after(mark, line, PATIENCE).1;
        }
        let log = daemon.process.text();
        assert!(!log.contains("geheim"), "{log}");
        for own in ["AT+CPIN", "AT+CGDCONT", "AT+CREG", "AT+GMM", "ATE0"] {
            assert!(!log.contains(own), "{own}: {log}");
        }
    }
}

/// F1: the peers file has `demand`, `idle 60` and `nopersist`; a packet dials.
#[test]
fn c2_the_documents_generated_files_dial_when_a_packet_wants_out() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    document(&site);
    site.write("config", "PROVIDER=ppp0\n");
    let arguments = [
        "--auth",
        "chap",
        "--user",
        "user@dream.jp",
        "--password",
        "dti",
        "--apn",
        "dream.jp",
    ];
    let simulator = simulator(&site, &arguments, &["slow-registration=0s"]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    wait_for_state(&site, "waiting-for-traffic");
    assert_eq!(simulator.process.count("ATDT"), 0);
    namespace.run(&format!("ping -q -c 3 -W 10 {WEB}"));
    let told = wait_for_state(&site, "up");
    assert_eq!(told["link"]["interface"], "ppp0", "{told}");
    daemon
        .process
        .wait_for_line("send (AT+CGDCONT=1,\"IP\",\"CHAP:dream.jp\"^M)", PATIENCE);
    daemon
        .process
        .wait_for_line("CHAP authentication succeeded", PATIENCE);
    assert_eq!(daemon.terminate(), 5, "{}", daemon.process.transcript());
}

/// N4: `ipparam`, `linkname`, `set` and the provider's name reach the scripts.
#[test]
fn n4_what_the_peers_file_has_for_scripts_reaches_them() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    pppconfig(
        &site,
        "linkname dream\nset ROLE=main\nset GONE=1\nunset GONE\n",
    );
    script(
        &site,
        "ip-up",
        "dir=$(dirname \"$0\")\n{ echo \"ARGUMENTS=$*\"; env; } > $dir/said.new\nmv $dir/said.new $dir/said\n",
    );
    let _simulator = simulator(&site, &CHAP, &["slow-registration=0s"]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    let said = wait_until("ip-up", PATIENCE, || {
        fs::read_to_string(site.path("ppp/said")).ok()
    });
    let said: BTreeMap<&str, &str> = said
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let tty = site.tty().display().to_string();
    let arguments = format!("ppp0 {tty} 115200 10.64.64.2 10.64.64.1 DTI");
    for (name, value) in [
        ("ARGUMENTS", Some(arguments.as_str())),
        ("LINKNAME", Some("dream")),
        ("ROLE", Some("main")),
        ("GONE", None),
        ("CALL_FILE", Some("DTI")),
        ("PEERNAME", None),
        ("SPEED", Some("115200")),
        ("DNS1", Some("192.0.2.53")),
        ("USEPEERDNS", Some("1")),
    ] {
        assert_eq!(said.get(name).copied(), value, "{name}: {said:?}");
    }
    let pid_file = fs::read_to_string(site.path("pid/ppp-dream.pid")).unwrap();
    assert_eq!(pid_file, format!("{}\nppp0\n", daemon.process.pid()));
    assert_eq!(daemon.terminate(), 5);
}

/// F1: `call` takes in another file where it stands, and what comes later wins.
#[test]
fn f1_a_called_file_is_a_part_of_the_provider() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let dialog = file(&site, "common.chat", DIALOG, 0o640);
    let common = pppconfig_peers(&dialog, &site.tty(), "ipparam common\nunit 3\n");
    peers(&site, "common", &common);
    peers(&site, "branch", "call common\nipparam branch\n");
    file(&site, "ppp/options", OPTIONS, 0o640);
    secrets(&site, "* * geheim\n");
    script(
        &site,
        "ip-up",
        "echo \"$1 $6 $CALL_FILE\" > $(dirname \"$0\")/said\n",
    );
    site.write("config", "PROVIDER=branch\n");
    let _simulator = simulator(&site, &CHAP, &["slow-registration=0s"]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    let said = wait_until("ip-up", PATIENCE, || {
        let said = fs::read_to_string(site.path("ppp/said")).ok()?;
        said.ends_with('\n').then_some(said)
    });
    // The file that was called last names itself, as in pppd.
    assert_eq!(said, "ppp3 branch common\n");
    assert!(namespace.has_interface("ppp3"));
    assert_eq!(daemon.terminate(), 5);
}

/// N2: plain `defaultroute` leaves another default route alone, and pppd's sentence says so.
#[test]
fn n2_without_replacedefaultroute_another_default_route_stays() {
    protocol_tests::require!(require::DAEMON);
    for (more, taken) in [("", false), ("replacedefaultroute\n", true)] {
        let site = Site::new();
        pppconfig(&site, more);
        let _simulator = simulator(&site, &CHAP, &["slow-registration=0s"]);
        let namespace = Namespace::with_lan("");
        let before = namespace.routes();
        let mut daemon = site.run(&namespace, &[]);
        daemon.wait_for_address(&namespace, PATIENCE);
        wait_for_state(&site, "up");
        let sentence = "not replacing default route to lan0 [172.31.0.1]";
        if taken {
            namespace.wait_for_default_route("ppp0");
        } else {
            daemon.process.wait_for_line(sentence, PATIENCE);
            let routes = namespace.run("ip -4 route show default");
            assert!(
                routes.starts_with("default via 172.31.0.1 dev lan0")
                    && routes.lines().count() == 1,
                "{routes}"
            );
        }
        assert_eq!(daemon.terminate(), 5);
        assert_eq!(daemon.process.count(sentence), usize::from(!taken));
        assert_eq!(namespace.routes(), before);
    }
}

/// N3: without `usepeerdns` no server is asked for, and nothing is told of one.
#[test]
fn n3_without_usepeerdns_no_dns_server_is_asked_for() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    pppconfig(&site, "");
    let text = fs::read_to_string(site.path("ppp/peers/DTI")).unwrap();
    peers(&site, "DTI", &text.replace("usepeerdns\n", ""));
    script(&site, "ip-up", "env > $(dirname \"$0\")/said\n");
    let before = "nameserver 172.31.0.53\n";
    site.write("resolv.conf", before);
    let _simulator = simulator(&site, &CHAP, &["slow-registration=0s"]);
    let namespace = Namespace::new();
    let mut daemon = site.run(&namespace, &[]);
    daemon.process.wait_for_line("/ip-up finished", PATIENCE);
    let said = fs::read_to_string(site.path("ppp/said")).unwrap();
    assert!(!said.contains("DNS"), "{said}");
    assert_eq!(
        fs::read_to_string(site.path("resolv.conf")).unwrap(),
        before
    );
    assert!(!site.path("ppp/resolv.conf").exists());
    assert_eq!(daemon.terminate(), 5);
    let log = daemon.process.text();
    assert!(log.contains("sent [IPCP ConfReq"), "{log}");
    assert!(
        !log.contains("ms-dns") && !log.contains("DNS address"),
        "{log}"
    );
}
