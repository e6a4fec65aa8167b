//! Tests of resetting a modem: a thread plays the kernel.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use super::super::locate::tests::{Machine, UNKNOWN};
use super::*;

fn context(machine: &Machine) -> ResetContext {
    ResetContext {
        roots: machine.roots(),
        lock_dir: machine.folder("lock"),
        state_dir: machine.folder("state"),
        interface: "ppp0".to_owned(),
        port: PortSettings {
            speed: 115_200,
            rtscts: false,
            modem_lines: true,
        },
        clock: Clock::new(),
        reboot: Reboot::Forbidden,
    }
}

fn located(machine: &Machine) -> Located {
    Located {
        dial: machine.dev("ttyUSB0"),
        at: Vec::new(),
        profile: None,
        identity: Some(ModemIdentity {
            vendor: UNKNOWN.vendor,
            product: UNKNOWN.product,
            serial: None,
            path: UNKNOWN.path.to_owned(),
            interface: 0,
            port: 0,
        }),
    }
}

fn times(gone_ms: u64, back_ms: u64) -> ResetSettings {
    ResetSettings {
        gone_within: Duration::from_millis(gone_ms),
        back_within: Duration::from_millis(back_ms),
        ..ResetSettings::default()
    }
}

fn missing_led() -> ResetStep {
    ResetStep::Led {
        name: "Mobile_RESETN".to_owned(),
        on: None,
    }
}

/// How often it looks.
const TICK: Duration = Duration::from_millis(5);

/// Does as the kernel with `authorized`, until dropped: the tty comes back under another number.
struct Kernel {
    /// Dropped: the thread ends.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Kernel {
    fn start(machine: Machine) -> (Self, Arc<Machine>) {
        let machine = Arc::new(machine);
        let (stop, stopped) = mpsc::channel::<()>();
        let kernel = Arc::clone(&machine);
        let thread = thread::spawn(move || {
            let file = kernel.sys.device(&UNKNOWN).join("authorized");
            let mut authorized = true;
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let text = fs::read_to_string(&file).unwrap_or_default();
                match text.lines().next() {
                    Some("0") if authorized => {
                        authorized = false;
                        kernel.sys.drop_interfaces(&UNKNOWN);
                        fs::remove_file(kernel.dev("ttyUSB0")).unwrap();
                    }
                    Some("1") if !authorized => {
                        authorized = true;
                        kernel.sys.tty(&UNKNOWN, 0, "option", "ttyUSB3");
                        fs::write(kernel.dev("ttyUSB3"), "").unwrap();
                    }
                    Some(_) | None => {}
                }
            }
        });
        let kernel = Self {
            stop: Some(stop),
            thread: Some(thread),
        };
        (kernel, machine)
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

#[tokio::test]
async fn a_step_that_cannot_work_leads_to_the_next_and_the_tty_may_come_back_under_another_number()
{
    let machine = Machine::new();
    machine.sys.plug(&UNKNOWN);
    machine.talking_tty(&UNKNOWN, 0, "ttyUSB0", "\r\nERROR\r\n");
    let (_kernel, machine) = Kernel::start(machine);
    let outcome = run(
        &context(&machine),
        &located(&machine),
        &times(2_000, 10_000),
        vec![missing_led(), ResetStep::UsbAuthorized],
        std::future::pending(),
    )
    .await;
    assert_eq!(
        outcome,
        ResetOutcome::Done {
            step: "USB device off and on (authorized)".to_owned()
        }
    );
    assert!(machine.dev("ttyUSB3").exists());
    assert!(!machine.folder("state").join("ppp0.reset-undo").exists());
}

#[tokio::test]
async fn a_modem_that_takes_the_command_and_stays_is_not_reset() {
    let machine = Machine::new();
    machine.sys.plug(&UNKNOWN);
    let asked = machine.talking_tty(&UNKNOWN, 0, "ttyUSB0", "\r\nOK\r\n");
    let outcome = run(
        &context(&machine),
        &located(&machine),
        &times(500, 10_000),
        vec![ResetStep::At("AT+CFUN=16".to_owned())],
        std::future::pending(),
    )
    .await;
    assert_eq!(
        outcome,
        ResetOutcome::Failed {
            why: "none of 1 step made the modem restart".to_owned()
        }
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_stop_puts_everything_back_at_once() {
    let machine = Machine::new();
    machine.sys.plug(&UNKNOWN);
    machine.talking_tty(&UNKNOWN, 0, "ttyUSB0", "");
    let (_kernel, machine) = Kernel::start(machine);
    let start = tokio::time::Instant::now();
    let outcome = run(
        &context(&machine),
        &located(&machine),
        &times(2_000, 10_000),
        vec![ResetStep::UsbAuthorized],
        tokio::time::sleep(Duration::from_millis(500)),
    )
    .await;
    assert_eq!(
        outcome,
        ResetOutcome::Failed {
            why: "it was interrupted".to_owned()
        }
    );
    assert!(start.elapsed() < Duration::from_secs(2));
    let file = machine.sys.device(&UNKNOWN).join("authorized");
    assert!(fs::read_to_string(file).unwrap().starts_with('1'));
}

#[tokio::test]
async fn a_modem_on_a_uart_is_reset_when_it_answers() {
    let machine = Machine::new();
    machine.talker("ttyS1", "\r\nOK\r\n");
    let file = machine.folder("reset-line");
    fs::write(&file, "").unwrap();
    let located = Located {
        dial: machine.dev("ttyS1"),
        identity: None,
        ..located(&machine)
    };
    let step = ResetStep::Write {
        path: file.display().to_string(),
        value: "0".to_owned(),
        then: Some((Duration::from_millis(100), "1".to_owned())),
    };
    let reset = ResetSettings {
        vanishes: false,
        ..times(500, 10_000)
    };
    let outcome = run(
        &context(&machine),
        &located,
        &reset,
        vec![step],
        std::future::pending(),
    )
    .await;
    assert!(matches!(outcome, ResetOutcome::Done { .. }), "{outcome:?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "1");
}

#[tokio::test]
async fn steps_that_need_the_usb_say_so_and_the_host_is_not_restarted() {
    let machine = Machine::new();
    machine.talker("ttyS1", "\r\nERROR\r\n");
    let context = context(&machine);
    let located = Located {
        dial: machine.dev("ttyS1"),
        identity: None,
        ..located(&machine)
    };
    let target = Target {
        context: &context,
        located: &located,
    };
    let usb = "it is not known at which USB port the modem is";
    for (step, why) in [
        (ResetStep::UsbAuthorized, usb),
        (ResetStep::UsbRebind, usb),
        (ResetStep::UsbPortPower { off: LOOK }, usb),
        (
            ResetStep::At("AT+CFUN=16".to_owned()),
            "the modem answers ERROR",
        ),
        (ResetStep::Reboot, "restarting this host is not allowed"),
    ] {
        assert_eq!(target.perform(step).await, Err(why.to_owned()));
    }
    let show = [
        "/bin/sh",
        "-c",
        "test -n \"$UPLINKD_TTY\" && test -z \"$UPLINKD_USB_PATH\"",
    ];
    let command = ResetStep::Command(show.map(str::to_owned).to_vec());
    assert_eq!(target.perform(command).await, Ok(()));
}

#[test]
fn the_steps_come_from_configuration_and_profile() {
    let machine = Machine::new();
    let at = ResetStep::At("AT+CFUN=16".to_owned());
    let reset = ResetSettings {
        steps: vec![at.clone()],
        ..ResetSettings::default()
    };
    let config = Config {
        reset_command: Some(vec!["/bin/reset".to_owned()]),
        ..Config::default()
    };
    let steps = steps_of(&config, &reset, &located(&machine));
    assert_eq!(steps.first(), Some(&at));
    assert_eq!(
        steps.last(),
        Some(&ResetStep::Command(vec!["/bin/reset".to_owned()]))
    );
    assert_eq!(steps.len(), 5);
}
