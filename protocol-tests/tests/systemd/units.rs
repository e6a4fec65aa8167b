//! The units as they stand in the folder (spec U2).

use std::fs;
use std::process::Command;
use std::time::Duration;

use protocol_tests::machine::{MACHINE, Machine, Setup, project};
use protocol_tests::process::run;
use protocol_tests::require::Need;
use protocol_tests::temp::TempDir;

const ANALYZE: &[Need] = &[Need::Program("systemd-analyze", "systemd")];

fn unit(name: &str) -> String {
    fs::read_to_string(project().join("systemd").join(name)).unwrap()
}

/// Its settings, without comments.
fn settings(name: &str) -> Vec<String> {
    unit(name)
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn u2_the_exposure_is_below_2_5() {
    protocol_tests::require!(ANALYZE);
    for name in ["ppp.service", "ppp@.service"] {
        let mut command = Command::new("systemd-analyze");
        command
            .args(["security", "--offline=yes", "--threshold=25", "--no-pager"])
            .arg(project().join("systemd").join(name));
        let (status, text) = run("systemd-analyze", command, Duration::from_secs(30));
        // It fails when the exposure is above the threshold.
        assert!(status.success(), "{name}\n{text}");
        let line = text
            .lines()
            .find(|line| line.contains("Overall exposure"))
            .unwrap();
        let level = line
            .split_whitespace()
            .find_map(|word| word.parse::<f32>().ok());
        assert!(level.unwrap() < 2.5, "{line}");
    }
}

/// One modem or several: the same sandbox and the same rules.
#[test]
fn u2_the_template_differs_where_it_has_to() {
    let differs = [
        "Description=",
        "ExecStart=",
        "ExecStopPost=",
        "ReadWritePaths=-/etc/",
    ];
    let kept = |name| -> Vec<String> {
        settings(name)
            .into_iter()
            .filter(|line| !differs.iter().any(|word| line.starts_with(word)))
            .collect()
    };
    assert_eq!(kept("ppp.service"), kept("ppp@.service"));
    assert!(kept("ppp.service").len() > 40);
}

#[test]
fn u1_the_names_and_the_statuses() {
    let service = settings("ppp.service");
    for line in [
        "Description=PPP wrapper",
        "Type=notify",
        "NotifyAccess=main",
        "SuccessExitStatus=5 12 13",
        "Restart=on-abnormal",
    ] {
        assert!(service.iter().any(|known| known == line), "{line}");
    }
    assert!(service.iter().any(|line| line.starts_with("WatchdogSec=")));
}

/// systemd itself finds nothing to complain of.
#[test]
fn u1_systemd_reads_every_unit_without_a_complaint() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::with(&Setup::default());
    let (good, text) = machine.run(
        "systemd-analyze verify --man=no ppp.path ppp.service ppp@lte.service \
         uplinkd-scripts@ppp.socket uplinkd-scripts@ppp@lte.service 2>&1",
    );
    let ours: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("ppp") || line.contains("uplinkd"))
        .collect();
    assert!(good && ours.is_empty(), "{text}");
    assert!(
        machine
            .succeed("getent group uplinkd")
            .starts_with("uplinkd:")
    );
}

/// Two modems side by side: each has its own unit, status and scripts, and stops alone.
#[test]
fn u2_several_modems() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::with(&Setup::default());
    for (name, interface, tty) in [("lte", "ppp1", "ttyUSB1"), ("spare", "ppp2", "ttyUSB2")] {
        machine.write(
            &format!("/etc/uplinkd/{name}.toml"),
            &format!("[modem]\ndevice = \"/dev/{tty}\"\n[network]\ninterface = \"{interface}\"\n"),
        );
    }
    machine.succeed("systemctl start ppp@lte ppp@spare");
    for (name, interface) in [("lte", "ppp1"), ("spare", "ppp2")] {
        let unit = format!("ppp@{name}.service");
        let text = machine.property(&unit, "StatusText");
        assert!(text.starts_with(&format!("{interface}: ")), "{text}");
        let socket = format!("uplinkd-scripts@ppp@{name}.socket");
        assert_eq!(machine.state(&socket), "active");
    }
    machine.succeed("systemctl stop ppp@lte");
    assert_eq!(machine.state("uplinkd-scripts@ppp@lte.socket"), "inactive");
    assert_eq!(machine.state("ppp@spare.service"), "active");
    assert!(machine.succeed("uplinkd status").starts_with("ppp2"));
}

/// `systemd/ended` with a `systemctl` that only notes what it was asked for.
fn ended(result: &str, status: &str, arguments: &[&str]) -> Vec<String> {
    let dir = TempDir::new("ended");
    let systemctl = dir.write("systemctl", "#!/bin/sh\necho \"$@\"\n");
    let mut command = Command::new("sh");
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    command
        .arg(project().join("systemd/ended"))
        .args(arguments)
        .env("PATH", path)
        .env("SERVICE_RESULT", result)
        .env("EXIT_STATUS", status);
    let chmod = Command::new("chmod").arg("755").arg(systemctl).status();
    assert!(chmod.unwrap().success());
    let (status, text) = run("ended", command, Duration::from_secs(30));
    assert!(status.success(), "{text}");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn u1_an_end_in_order_stops_the_path_unit_and_a_crash_does_not() {
    let scripts = "--no-block stop uplinkd-scripts@ppp.socket uplinkd-scripts@ppp.service";
    let stops = [scripts, "stop ppp.path"];
    let leaves = [scripts];
    let told = |result, status| ended(result, status, &["ppp", "ppp.path"]);
    assert_eq!(told("success", "0"), stops);
    assert_eq!(told("success", "12"), stops);
    assert_eq!(told("exit-code", "2"), stops);
    assert_eq!(told("exit-code", "203"), stops);
    assert_eq!(told("success", "5"), leaves);
    assert_eq!(told("signal", "KILL"), leaves);
    assert_eq!(told("watchdog", "ABRT"), leaves);
    assert_eq!(told("core-dump", "ABRT"), leaves);
    assert_eq!(told("protocol", "0"), leaves);
    assert_eq!(told("", ""), [scripts, "--no-block stop ppp.path"]);
    let template = "--no-block stop uplinkd-scripts@ppp@lte.socket uplinkd-scripts@ppp@lte.service";
    assert_eq!(ended("success", "0", &["ppp@lte"]), [template]);
}
