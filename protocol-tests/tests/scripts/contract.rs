//! What scripts get, and when: spec N4, U3, M3.

use std::collections::BTreeMap;
use std::fs;

use protocol_tests::daemon::{PATIENCE, Simulator, Site};
use protocol_tests::namespace::Namespace;
use protocol_tests::require;

use super::{RECORD, expect_in_order, record, script, take};

fn variables(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    list.iter().map(owned).collect()
}

#[test]
fn n4_scripts_get_pppds_arguments_and_environment_in_pppds_order() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::with_lan("");
    for name in ["ip-pre-up", "ip-up", "ip-down"] {
        script(&site, name, RECORD);
    }
    // No business of ours while there is an ip-up.
    script(&site, "ip-up.d/0trap", "echo trap\n");
    script(&site, "auth-up", "echo trap\n");
    site.configure(&[("APN", "internet"), ("DEFAULTROUTE", "1")]);
    let mut daemon = site.run(&namespace, &[]);
    let tty = site.tty().display().to_string();
    let arguments = ["ppp0", &tty, "460800", "10.64.64.2", "10.64.64.1"];
    let pid = daemon.process.pid().to_string();
    let expected = variables(&[
        ("DEVICE", &tty),
        ("DNS1", "192.0.2.53"),
        ("DNS2", "198.51.100.53"),
        ("IFNAME", "ppp0"),
        ("IPLOCAL", "10.64.64.2"),
        ("IPREMOTE", "10.64.64.1"),
        ("ORIG_UID", "0"),
        ("PPPD_PID", &pid),
        ("SPEED", "460800"),
        ("UNIT", "0"),
        ("USEPEERDNS", "1"),
    ]);

    let mut pre_up = record(&site, "ip-pre-up");
    let name = take(&mut pre_up, "PPPLOGNAME");
    assert!(!name.is_empty());
    assert_eq!(pre_up.arguments, arguments);
    assert_eq!(pre_up.environment, expected);
    assert_eq!(pre_up.link, "", "it is not up yet");
    assert_eq!(pre_up.has, "10.64.64.2 10.64.64.1/32");
    assert_eq!(pre_up.route, "default via 172.31.0.1 dev lan0");

    let mut up = record(&site, "ip-up");
    assert_eq!(take(&mut up, "PPPLOGNAME"), name);
    assert_eq!(up.arguments, arguments);
    assert_eq!(up.environment, expected);
    assert_eq!(up.link, "10.64.64.2 10.64.64.1/32");
    assert_eq!(up.route, "default dev ppp0 scope link");
    daemon.process.wait_for_line("/ip-up finished", PATIENCE);

    assert_eq!(daemon.terminate(), 5, "{}", daemon.process.transcript());
    let mut down = record(&site, "ip-down");
    assert_eq!(take(&mut down, "PPPLOGNAME"), name);
    let seconds: u64 = take(&mut down, "CONNECT_TIME").parse().unwrap();
    assert!(seconds < 30, "{seconds}");
    let sent = take(&mut down, "BYTES_SENT");
    let received = take(&mut down, "BYTES_RCVD");
    let carried = format!("Sent {sent} bytes, received {received} bytes.");
    assert_eq!(daemon.process.count(&carried), 1, "{carried}");
    assert_eq!(down.arguments, arguments);
    assert_eq!(down.environment, expected);
    assert_eq!((down.link.as_str(), down.has.as_str()), ("", ""));
    assert_eq!(down.route, "default via 172.31.0.1 dev lan0");
    assert_eq!(daemon.process.count("trap"), 0);
}

#[test]
fn u3_the_log_has_the_lines_and_the_order_of_the_existing_system() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    script(&site, "ip-up", "echo 'from ip-up'; sleep 0.3\n");
    script(&site, "ip-down", "sleep 0.3\n");
    site.configure(&[("APN", "internet"), ("MONITOR", "no")]);
    let mut daemon = site.run(&namespace, &[]);
    let ppp = site.path("ppp").display().to_string();
    daemon.process.wait_for_line("ip-up finished", PATIENCE);
    expect_in_order(
        &daemon,
        &[
            "pppd[",
            "local  IP address 10.64.64.2",
            "primary   DNS address 192.0.2.53",
            &format!("Script {ppp}/ip-up started (pid "),
            "Execute PPP monitor.",
            &format!("Script {ppp}/ip-up finished (pid "),
        ],
    );
    let said: Vec<String> = daemon.process.lines().into_iter().map(|l| l.text).collect();
    let output = said
        .iter()
        .find(|line| line.contains("from ip-up"))
        .unwrap();
    assert!(output.contains(" ip-up["), "{output}");

    assert_eq!(daemon.terminate(), 5, "{}", daemon.process.transcript());
    let expected = [
        "Connect time ".to_owned(),
        "Sent ".to_owned(),
        format!("Script {ppp}/ip-down started (pid "),
        "sent [LCP TermReq id=0x2 \"User request\"]".to_owned(),
        "Terminating on signal 15".to_owned(),
        "rcvd [LCP TermAck id=0x2]".to_owned(),
        "Connection terminated.".to_owned(),
        "Terminate PPP monitor.".to_owned(),
        format!("Script {ppp}/ip-down finished (pid "),
        "Exit.".to_owned(),
    ];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    expect_in_order(&daemon, &expected);
    let text = daemon.process.text();
    assert_eq!(text.matches(", status = 0x0").count(), 2, "{text}");
    for once in ["Terminating on signal", "Terminate PPP monitor.", "Exit."] {
        assert_eq!(text.matches(once).count(), 1, "{once}: {text}");
    }
}

#[test]
fn m3_a_quick_ip_down_ends_behind_the_monitors_last_line() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "latency=400ms"]);
    let namespace = Namespace::new();
    script(&site, "ip-down", "exit 7\n");
    site.configure(&[("APN", "internet"), ("MONITOR", "no")]);
    let mut daemon = site.run(&namespace, &[]);
    // Without an ip-up the monitor begins at once.
    daemon
        .process
        .wait_for_line("Execute PPP monitor.", PATIENCE);
    assert_eq!(daemon.terminate(), 5, "{}", daemon.process.transcript());
    expect_in_order(
        &daemon,
        &[
            "ip-down started",
            "Terminate PPP monitor.",
            ", status = 0x7",
            "Exit.",
        ],
    );
}

#[test]
fn n4_without_ip_up_the_folder_is_run_as_debians_would() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    let show = "echo \"$(basename $0) $# <$6> $PPP_IFACE $PPP_TTYNAME $PPP_SPEED $PPP_LOCAL $PPP_REMOTE <$PPP_IPPARAM>\"\n";
    for name in ["10second", "1first", "no.pe", "zlast"] {
        script(&site, &format!("ip-up.d/{name}"), show);
    }
    script(&site, "ip-up.d/5fails", "exit 3\n");
    script(&site, "ip-down.d/bye", show);
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &[]);
    let tail = "6 <> ppp0 tty0 460800 10.64.64.2 10.64.64.1 <>";
    daemon
        .process
        .wait_for_line(&format!("zlast {tail}"), PATIENCE);
    let (ten, one) = (format!("10second {tail}"), format!("1first {tail}"));
    expect_in_order(&daemon, &[&ten, &one, "status = 0x3", "zlast"]);
    assert_eq!(daemon.terminate(), 5);
    daemon
        .process
        .wait_for_line(&format!("bye {tail}"), PATIENCE);
    assert_eq!(daemon.process.count("no.pe"), 0);
}

#[test]
fn n4_what_others_can_write_to_is_not_run_as_root() {
    use std::os::unix::fs::PermissionsExt;
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    let path = script(&site, "ip-up", "echo trap\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let path = script(&site, "ip-down", "echo trap\n");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    site.configure(&[("APN", "internet")]);
    let mut daemon = site.run(&namespace, &[]);
    daemon.process.wait_for_line(
        "ip-up: it can be written by others than root (mode 0777, group 0)",
        PATIENCE,
    );
    // The link is as good without it.
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(daemon.terminate(), 5);
    daemon
        .process
        .wait_for_line("ip-down: it is not executable (mode 0644)", PATIENCE);
    assert_eq!(daemon.process.count("trap"), 0);
}

#[test]
fn n5_an_interface_that_stays_has_scripts_told_of_old_addresses() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "new-address"]);
    let namespace = Namespace::new();
    for name in ["ip-pre-up", "ip-up", "ip-down"] {
        script(&site, name, RECORD);
    }
    site.write(
        "config.toml",
        &format!(
            "[modem]\ndevice = {:?}\n[network]\nhold = true\n[supervision]\nholdoff = 0\n",
            site.tty()
        ),
    );
    let mut daemon = site.run(&namespace, &[]);
    record(&site, "ip-pre-up");
    let first = record(&site, "ip-up");
    assert_eq!(first.arguments[3], "10.64.64.2");
    assert!(!first.environment.contains_key("OLDIPLOCAL"), "{first:?}");
    daemon.process.signal(rustix::process::Signal::USR1);
    let down = record(&site, "ip-down");
    assert_eq!(down.arguments[3], "10.64.64.2");
    assert_eq!(down.link, "10.64.64.2 10.64.64.1/32", "it has stayed");
    let second = record(&site, "ip-up");
    assert_eq!(second.arguments[3], "10.64.64.3");
    assert_eq!(second.environment["OLDIPLOCAL"], "10.64.64.2");
    assert!(
        !second.environment.contains_key("OLDIPREMOTE"),
        "{second:?}"
    );
    assert!(
        !second.environment.contains_key("CONNECT_TIME"),
        "{second:?}"
    );
    assert_eq!(daemon.terminate(), 5);
    // As with pppd's demand, ip-pre-up is for an interface that goes up.
    assert!(!site.path("record.ip-pre-up").exists());
}

#[test]
fn s6_before_the_first_link_of_demand_ip_pre_up_runs_without_addresses() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    script(&site, "ip-pre-up", RECORD);
    site.configure(&[("APN", "internet"), ("DEMAND", "1")]);
    let mut daemon = site.run(&namespace, &[]);
    let pre_up = record(&site, "ip-pre-up");
    let tty = site.tty().display().to_string();
    assert_eq!(
        pre_up.arguments,
        ["ppp0", &tty, "460800", "0.0.0.0", "0.0.0.0"]
    );
    assert_eq!(pre_up.link, "");
    assert_eq!(pre_up.has, "10.64.64.64 10.112.112.112/32");
    assert_eq!(daemon.wait_for_address(&namespace, PATIENCE), "10.64.64.64");
    assert_eq!(daemon.terminate(), 5);
}
