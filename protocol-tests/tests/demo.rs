//! `uplinkd demo`: the README's first command (spec I2). It makes its own network namespace.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]

use std::process::{Command, Stdio};
use std::time::Duration;

use protocol_tests::clock::now;
use protocol_tests::daemon::{PATIENCE, binary};
use protocol_tests::process::Process;
use protocol_tests::require;

/// Runs the demo to its end: its exit status, and everything it printed.
fn demo(arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(binary());
    command.arg("demo").args(arguments).stdin(Stdio::null());
    let (status, output) = protocol_tests::process::run("uplinkd demo", command, PATIENCE);
    (status.code(), output)
}

#[test]
fn shows_a_link_that_comes_up_breaks_and_comes_back() {
    protocol_tests::require!(require::DAEMON);
    let (status, output) = demo(&[]);
    assert_eq!(status, Some(0), "{output}");
    for shown in [
        "chat: send (ATDT*99***1#^M)",
        "pppd: sent [LCP ConfReq id=0x1 ",
        "pppd: local  IP address 10.64.64.2",
        "> ping 192.0.2.1",
        "> http://www.example.jp/bytes/100000: 100123 bytes over TCP",
        "pppd: Modem hangup",
        "used       3 of 3 pings answered",
        "back  ",
        "pppd: Exit.",
        "result     everything worked",
    ] {
        assert!(output.contains(shown), "{shown}: {output}");
    }
    assert_eq!(
        output
            .matches("pppd: Serial connection established.")
            .count(),
        2,
        "{output}"
    );
}

#[test]
fn shows_one_fault_and_what_is_done_about_it() {
    protocol_tests::require!(require::DAEMON);
    let (status, output) = demo(&["--fault", "auth-reject"]);
    assert_eq!(status, Some(0), "{output}");
    assert!(
        output.contains("the peer refused our CHAP credentials"),
        "{output}"
    );
    assert!(
        output.contains("check ACCOUNT, PASSWORD and AUTH"),
        "{output}"
    );
    // It is a fault: nothing of it may be called a success.
    assert!(!output.contains("everything worked"), "{output}");
}

#[test]
fn shows_a_reset_of_the_modem() {
    protocol_tests::require!(require::DAEMON);
    let began = now();
    let (status, output) = demo(&["--fault", "busy=2"]);
    let took = now() - began;
    assert_eq!(status, Some(0), "{output}");
    let mut rest = output.as_str();
    for shown in [
        "> attempt 2",
        "uplinkd: Resetting the modem, step 1 of 1: AT+CFUN=1,1",
        "uplinkd: The modem went away ",
        "uplinkd: The modem's tty is there again: ",
        "uplinkd: Reset step 1 (AT+CFUN=1,1) worked: the modem is back",
        "uplinkd: The modem was reset: AT+CFUN=1,1. Next attempt in 1 s.",
        "> the modem is back; what helped: AT+CFUN=1,1",
        "> attempt 3",
        "> ping 192.0.2.1",
        "\nSummary\n",
        " s  2 failures in a row: the modem is reset\n",
        " s  the modem is back; what helped: AT+CFUN=1,1\n",
        " s  up; 3 of 3 pings answered, 100123 bytes over TCP\n",
        "the fault was shown; the link was up when the demo stopped",
    ] {
        let Some((_, after)) = rest.split_once(shown) else {
            panic!("{shown} is not behind what comes before it: {output}");
        };
        rest = after;
    }
    assert!(took < Duration::from_secs(15), "{took:?}: {output}");
}

#[test]
fn an_unknown_fault_names_the_one_that_was_meant() {
    let (status, output) = demo(&["--fault", "no-carier"]);
    assert_eq!(status, Some(2), "{output}");
    assert!(output.contains("no-carrier"), "{output}");
}

/// A reader that goes away, as `| head` does, is no reason to break down.
#[test]
fn a_reader_that_goes_away_does_not_break_it() {
    protocol_tests::require!(require::DAEMON);
    let mut command = Command::new("sh");
    command
        .args(["-c", "\"$0\" demo 2>&1 | head -n 1"])
        .arg(binary())
        .stdin(Stdio::null());
    let mut shell = Process::start("demo | head", command);
    assert!(
        shell.wait_exit(PATIENCE).success(),
        "{}",
        shell.transcript()
    );
    assert!(!shell.text().contains("panicked"), "{}", shell.transcript());
}
