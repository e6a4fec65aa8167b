//! Scripts run in a unit of their own, outside of the daemon's sandbox (spec U2, N4).

use std::io::{BufRead, BufReader, IoSlice, Read, pipe};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use protocol_tests::machine::{MACHINE, Machine, config};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use serde_json::{Value, json};

use super::stop;

/// Asks the script host as the daemon does; gives its answers and what the script said.
fn ask(machine: &Machine, program: &str) -> (Vec<Value>, String) {
    let socket = machine.path("/run/uplinkd-scripts/ppp");
    let stream = UnixStream::connect(socket).expect("connect to the script host");
    let (mut reader, writer) = pipe().unwrap();
    let mut line = json!({
        "program": program,
        "arguments": ["ppp0", "/dev/ttyUSB0", "460800", "10.64.64.2", "10.64.64.1", ""],
        "environment": [["PATH", "/usr/sbin:/usr/bin:/sbin:/bin"], ["DNS1", "192.0.2.53"]],
    })
    .to_string();
    line.push('\n');
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [writer.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
    let slices = [IoSlice::new(line.as_bytes())];
    sendmsg(&stream, &slices, &mut control, SendFlags::empty()).unwrap();
    drop(writer);
    let mut answers = Vec::new();
    for line in BufReader::new(&stream).lines() {
        let answer: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let last = answer.get("started").is_none();
        answers.push(answer);
        if last {
            break;
        }
    }
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    (answers, text)
}

#[test]
fn u2_scripts_run_outside_of_the_sandbox_and_end_with_the_service() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[]));
    machine.plug_in();
    machine.wait_for_link();
    machine.wait_for(
        "the end of Debian's ip-up",
        "journalctl -t pppd | grep -q 'Script /etc/ppp/ip-up finished'",
    );
    machine.write_script(
        "/etc/ppp/ip-up",
        "#!/bin/sh\necho \"$1 $4 $DNS1\"; echo nameserver $DNS1 > /etc/resolv.conf.new\n\
         mv /etc/resolv.conf.new /etc/resolv.conf; umask; sleep 1000 >/dev/null 2>&1 & exit 3\n",
    );
    let (answers, text) = ask(&machine, "/etc/ppp/ip-up");
    assert!(answers[0]["started"].as_i64().unwrap() > 1, "{answers:?}");
    assert_eq!(answers[1], json!({"ended": 3 << 8}));
    assert_eq!(text, "ppp0 10.64.64.2 192.0.2.53\n0077\n");
    assert_eq!(
        machine.succeed("cat /etc/resolv.conf").trim(),
        "nameserver 192.0.2.53"
    );

    // What it has left behind lives in that unit, and the end of the link's service is its end.
    let group = "cat /sys/fs/cgroup/systemd/system.slice/*scripts.slice/uplinkd-scripts@ppp.service/cgroup.procs \
                 /sys/fs/cgroup/system.slice/*scripts.slice/uplinkd-scripts@ppp.service/cgroup.procs 2>/dev/null; true";
    assert!(machine.succeed("pgrep -x sleep").lines().count() >= 1);
    assert_eq!(machine.state("uplinkd-scripts@ppp.service"), "active");
    assert!(machine.succeed(group).lines().count() >= 2);
    stop(&machine);
    machine.wait_for("the end of what the script has left", "! pgrep -x sleep");
    assert_eq!(machine.state("uplinkd-scripts@ppp.service"), "inactive");
    assert_eq!(machine.state("uplinkd-scripts@ppp.socket"), "inactive");
}

#[test]
fn u2_the_script_host_runs_nothing_else() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[]));
    machine.succeed("systemctl start uplinkd-scripts@ppp.socket");
    machine.write_script("/tmp/script", "#!/bin/sh\necho bad\n");
    for program in [
        "/bin/sh",
        "/tmp/script",
        "/etc/ppp/../../bin/sh",
        "/usr/local/bin/uplinkd",
    ] {
        let (answers, text) = ask(&machine, program);
        assert!(
            answers[0].get("refused").is_some(),
            "{program}: {answers:?}"
        );
        assert_eq!(text, "");
    }
    machine.write_script("/etc/ppp/ip-down", "#!/bin/sh\necho bad\n");
    machine.succeed("chmod 777 /etc/ppp/ip-down");
    let (answers, _) = ask(&machine, "/etc/ppp/ip-down");
    let why = answers[0]["refused"].as_str().unwrap();
    assert!(why.contains("mode 777"), "{why}");
    // Not root: no connection.
    let mode = machine.succeed("stat -c '%a %U' /run/uplinkd-scripts/ppp");
    assert_eq!(mode.trim(), "600 root");
}

/// `usepeerdns` of the KEY=VALUE format is always on; these are the simulator's servers.
const SERVERS: &str = "grep -q 192.0.2.53 /etc/resolv.conf";

/// The address of a server of before.
const BEFORE: &str = "nameserver 203.0.113.1\n";

#[test]
fn n4_debians_own_scripts_run_as_ever_from_inside_the_sandbox() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[]));
    machine.write("/etc/resolv.conf", BEFORE);
    for (folder, name) in [("ip-up.d", "up"), ("ip-down.d", "down")] {
        machine.write_script(
            &format!("/etc/ppp/{folder}/zz-site"),
            &format!("#!/bin/sh\necho \"{name} $PPP_IFACE $PPP_LOCAL\"\necho $PPP_LOCAL > /etc/site-{name}\n"),
        );
    }
    machine.plug_in();
    machine.wait_for("ip-up", "grep -q 10.64.64.2 /etc/site-up");
    machine.wait_for("the link's name servers", SERVERS);
    machine.wait_for(
        "the end of ip-up",
        "journalctl -t pppd | grep -q 'Script /etc/ppp/ip-up finished (pid [0-9]*), status = 0x0'",
    );
    assert_eq!(machine.count("-u ppp -t ip-up", "up ppp0 10.64.64.2"), 1);
    // As poff and scripts read it (spec N6).
    let pid = machine.property("ppp.service", "MainPID");
    assert_eq!(machine.succeed("cat /run/ppp0.pid").trim(), pid);

    stop(&machine);
    assert_eq!(machine.succeed("cat /etc/site-down").trim(), "10.64.64.2");
    assert_eq!(machine.succeed("cat /etc/resolv.conf"), BEFORE);
    assert_eq!(
        machine.count("-t pppd", "Script /etc/ppp/ip-down finished"),
        1
    );
    machine.succeed("! test -e /run/ppp0.pid");
}

#[test]
fn n3_resolv_conf_is_replaced_and_put_back_from_inside_the_sandbox() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[]));
    machine.write("/etc/resolv.conf", BEFORE);
    machine.succeed("rm -f /etc/ppp/ip-up.d/0000usepeerdns /etc/ppp/ip-down.d/0000usepeerdns");
    machine.plug_in();
    machine.wait_for("the link's name servers", SERVERS);
    stop(&machine);
    assert_eq!(machine.succeed("cat /etc/resolv.conf"), BEFORE);

    // Killed: the next start puts it back before it has a link.
    machine.succeed("systemctl start ppp.path");
    machine.wait_for("the link's name servers", SERVERS);
    let killed = machine.property("ppp.service", "MainPID");
    machine.succeed(&format!(
        "systemctl stop modem.service; kill -KILL {killed}"
    ));
    machine.wait_for(
        "the name servers of before",
        "grep -q 203.0.113.1 /etc/resolv.conf && ! grep -q 192.0.2.53 /etc/resolv.conf",
    );
    machine.wait_for(
        "the restart",
        "test $(systemctl is-active ppp.service) = active",
    );
    stop(&machine);
    assert_eq!(machine.succeed("cat /etc/resolv.conf"), BEFORE);
}

/// resolvconf and openresolv write where the daemon may not: they are run outside of its sandbox, too.
#[test]
fn n3_resolvconf_runs_outside_of_the_sandbox() {
    protocol_tests::require!(MACHINE);
    let machine = Machine::boot(&config(&[]));
    machine.write_script(
        "/usr/sbin/resolvconf",
        "#!/bin/sh\nset -e\ncase $1 in\n-a) cat > \"/etc/resolvconf.$2\" ;;\n-d) rm -f \"/etc/resolvconf.$2\" ;;\nesac\n",
    );
    machine.plug_in();
    machine.wait_for_link();
    let record = "/etc/resolvconf.ppp0.uplinkd";
    machine.wait_for("the servers", &format!("test -s {record}"));
    assert_eq!(
        machine.succeed(&format!("cat {record}")),
        "nameserver 192.0.2.53\nnameserver 198.51.100.53\n"
    );
    // Killed, it has its servers taken back by the next start, which has no modem.
    let killed = machine.property("ppp.service", "MainPID");
    machine.succeed(&format!(
        "systemctl stop modem.service; kill -KILL {killed}"
    ));
    machine.wait_for("the recovery", &format!("test ! -e {record}"));
    machine.wait_for(
        "the restart",
        "systemctl show -P StatusText ppp | grep -q 'waiting for the modem'",
    );
    machine.plug_in();
    machine.wait_for("the servers again", &format!("test -s {record}"));
    stop(&machine);
    machine.succeed(&format!("test ! -e {record}"));
}
