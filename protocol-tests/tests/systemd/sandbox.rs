//! What the daemon can do inside its sandbox, and what it cannot (spec U2).

use std::fs;
use std::os::unix::fs::MetadataExt;

use protocol_tests::machine::{MACHINE, Machine, Setup, config, project};

use super::stop;

/// What the daemon itself does in there.
#[test]
fn u2_the_daemon_works_inside_its_sandbox() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[
        ("DEFAULTROUTE", "1"),
        ("DEMAND", "1"),
        ("IDLE", "600"),
    ]));
    let before = fs::metadata(machine.path("/etc/default/ppp")).unwrap();
    machine.plug_in();
    machine.wait_for("the interface", "ip link show ppp0");
    // Connections that are being opened follow the address.
    machine.wait_for("ip_dynaddr", "grep -q 1 /proc/sys/net/ipv4/ip_dynaddr");
    machine.run("ping -c 1 -W 20 198.51.100.10");
    machine.wait_for("the link", "ip -4 addr show dev ppp0 | grep -q 10.64.64.2");
    // No IPv6 on an interface that has none.
    let ipv6 = machine.succeed("cat /proc/sys/net/ipv6/conf/ppp0/disable_ipv6");
    assert_eq!(ipv6.trim(), "1");
    // CONNECT_OK is written beside the file and renamed: owner and mode stay.
    machine.wait_for("CONNECT_OK", "grep -q '^CONNECT_OK=1$' /etc/default/ppp");
    let after = fs::metadata(machine.path("/etc/default/ppp")).unwrap();
    assert_ne!(before.ino(), after.ino());
    assert_eq!((before.uid(), before.mode()), (after.uid(), after.mode()));
    // Pid file, control socket, lock of the tty.
    let pid = machine.property("ppp.service", "MainPID");
    let told = machine.succeed("cat /run/uplinkd/ppp0.pid");
    assert_eq!(told.trim(), pid);
    assert!(machine.succeed("uplinkd status").contains("ppp0"));
    let lock = machine.succeed("cat /var/lock/LCK..*");
    assert!(
        !lock.is_empty() && lock.split_whitespace().all(|word| word == pid),
        "{lock}"
    );
    // The process has these and no more.
    let status = machine.succeed(&format!(
        "grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/{pid}/status"
    ));
    let words: Vec<&str> = status.split_whitespace().collect();
    // CHOWN (bit 0), NET_ADMIN (12), NET_RAW (13).
    assert_eq!(
        words,
        [
            "CapBnd:",
            "0000000000003001",
            "NoNewPrivs:",
            "1",
            "Seccomp:",
            "2"
        ]
    );
    stop(&machine);
    machine.succeed("! ls /var/lock/LCK..* /run/uplinkd/ppp0.pid /run/uplinkd/ppp0.sock");
}

/// A service with the sandbox of ppp.service that runs a command line instead of the daemon.
fn probe(machine: &Machine, line: &str) -> (bool, String) {
    let unit = fs::read_to_string(project().join("systemd/ppp.service")).unwrap();
    let replaced: Vec<String> = unit
        .lines()
        .filter(|line| {
            let ours = [
                "Exec", "Type=", "Notify", "Watchdog", "Restart", "Wants=", "After=",
            ];
            !ours.iter().any(|word| line.starts_with(word))
        })
        .map(|line| match line {
            "[Service]" => "[Service]\nType=oneshot\nExecStart=/bin/sh /probe".to_owned(),
            line => line.to_owned(),
        })
        .collect();
    machine.write("/etc/systemd/system/probe.service", &replaced.join("\n"));
    machine.write("/probe", line);
    machine.succeed("systemctl daemon-reload");
    let good = machine.run("systemctl start probe.service").0;
    (good, machine.journal("-u probe.service").join("\n"))
}

#[test]
fn u2_the_sandbox_lets_through_what_the_daemon_needs_and_nothing_else() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::with(&Setup::default());
    // A modem's USB device as the kernel shows it, put over a folder of the real one: a container has no USB.
    machine.write("/usb/authorized", "1\n");
    machine.succeed("mount --bind /usb /sys/devices/virtual/mem");
    let needed = "set -e
        echo 0 > /sys/devices/virtual/mem/authorized
        echo 7 > /proc/sys/net/ipv4/ip_dynaddr
        echo 1 > /proc/sys/net/ipv6/conf/lo/disable_ipv6
        echo 1 > /run/ppp0.pid; echo 1 > /run/ppp0.pid.new; mv /run/ppp0.pid.new /run/ppp0.pid
        echo 1 > /var/lock/LCK..ttyUSB0
        echo 1 > /var/lib/uplinkd/probe
        echo 1 > /etc/default/ppp.new; mv /etc/default/ppp.new /etc/default/ppp
        exec 3<> /dev/net/tun";
    let (good, log) = probe(&machine, needed);
    assert!(good, "{log}");
    assert_eq!(machine.succeed("cat /usb/authorized"), "0\n");

    let forbidden = [
        "echo 1 > /etc/resolv.conf",
        "echo 1 > /etc/ppp/ip-up",
        "rm /etc/ppp/resolv.conf",
        "echo 1 > /usr/bin/probe",
        "echo 1 > /run/systemd/probe",
        "echo 1 > /run/uplinkd-scripts/probe",
        "echo 1 > /proc/sys/kernel/sysrq",
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        "ls /root/.",
        "mount -t tmpfs none /mnt",
        "unshare --net true",
        "kill -0 1 && kill -CONT $(pgrep -x dbus-daemon)",
        "mknod /run/null c 1 3",
    ];
    let all: Vec<String> = forbidden
        .iter()
        .map(|line| format!("if ({line}) 2>/dev/null; then echo \"ALLOWED: {line}\"; fi"))
        .collect();
    let (good, log) = probe(&machine, &all.join("\n"));
    assert!(good, "{log}");
    let allowed: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("ALLOWED"))
        .collect();
    assert_eq!(allowed, Vec::<&str>::new());
}
