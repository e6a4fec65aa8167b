//! DEVICE=AUTO and models on a USB that is only files.

use protocol_tests::daemon::{Daemon, PATIENCE, Simulator, Site, status};
use protocol_tests::namespace::Namespace;
use protocol_tests::process::Mark;
use protocol_tests::require;
use protocol_tests::usb::{FakeUsb, UsbModem};
use rustix::process::Signal;
use uplinkd::sim::Personality;

use super::follow;

fn lisa(site: &Site, name: &str, path: &str) -> (Simulator, UsbModem) {
    let (dial, at) = (site.path(name), site.path(&format!("{name}-at")));
    let arguments = [
        "--personality",
        "LISA-U200",
        "--at-link",
        at.to_str().unwrap(),
    ];
    let simulator = Simulator::start(&dial, &arguments);
    let modem = UsbModem::new(Personality::LisaU200, path, &dial, Some(&at));
    (simulator, modem)
}

fn tty_of(site: &Site) -> String {
    let told = status(site);
    let path = told["modem"]["tty"].as_str().unwrap().to_owned();
    path.rsplit('/').next().unwrap().to_owned()
}

fn run(site: &Site, namespace: &Namespace, usb: &FakeUsb) -> Daemon {
    site.run(namespace, &usb.arguments())
}

#[test]
fn auto_and_a_model_find_the_modem_and_follow_it_to_another_number() {
    protocol_tests::require!(require::DAEMON);
    for device in ["AUTO", "LISA-U200"] {
        let site = Site::new();
        let (simulator, modem) = lisa(&site, "pty", "1-1.2");
        let usb = FakeUsb::new(&site);
        let _attached = usb.attach(modem, 3);
        let namespace = Namespace::new();
        site.configure(&[("DEVICE", device), ("APN", "internet"), ("HOLDOFF", "1")]);
        let mut daemon = run(&site, &namespace, &usb);
        daemon.wait_for_address(&namespace, PATIENCE);
        assert_eq!(tty_of(&site), "ttyUSB3", "{device}");
        let told = status(&site);
        assert_eq!(told["modem"]["model"], "LISA-U200", "{told}");
        let found = daemon.process.wait_for_line("The modem is ", PATIENCE);
        assert!(found.text.contains("1-1.2"), "{found:?}");
        let mark = daemon.process.mark();
        // It restarts: its ttys go, and come back with the next numbers.
        simulator.process.signal(Signal::USR1);
        follow(&daemon, mark, &["Waiting for the tty", "local  IP address"]);
        daemon.wait_for_address(&namespace, PATIENCE);
        assert_eq!(tty_of(&site), "ttyUSB5", "{device}");
        assert_eq!(daemon.terminate(), 5);
    }
}

#[test]
fn a_tty_by_its_kernel_name_is_followed_too() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let (simulator, modem) = lisa(&site, "pty", "1-1.2");
    let usb = FakeUsb::new(&site);
    let _attached = usb.attach(modem, 0);
    let namespace = Namespace::new();
    let tty = usb.tty("ttyUSB0");
    site.configure(&[
        ("DEVICE", tty.to_str().unwrap()),
        ("APN", "internet"),
        ("HOLDOFF", "1"),
    ]);
    let mut daemon = run(&site, &namespace, &usb);
    daemon.wait_for_address(&namespace, PATIENCE);
    let mark = daemon.process.mark();
    simulator.process.signal(Signal::USR1);
    follow(&daemon, mark, &["the same modem", "local  IP address"]);
    daemon.wait_for_address(&namespace, PATIENCE);
    assert_eq!(tty_of(&site), "ttyUSB2");
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn two_equal_modems_serve_two_daemons() {
    protocol_tests::require!(require::DAEMON);
    // One USB for both: the sites share the first one's folders.
    let (site, other) = (Site::new(), Site::new());
    let (_first, one) = lisa(&site, "pty-a", "1-1.2");
    let (second, two) = lisa(&site, "pty-b", "1-1.3");
    let usb = FakeUsb::new(&site);
    let _one = usb.attach(one, 0);
    let _two = usb.attach(two, 10);
    let (near, far) = (Namespace::new(), Namespace::new());
    let keys = [("DEVICE", "AUTO"), ("APN", "internet"), ("HOLDOFF", "1")];
    site.configure(&keys);
    other.configure(&keys);
    // The locks of a system are one folder.
    let locks = other.path("lock");
    std::fs::remove_dir(&locks).unwrap();
    std::os::unix::fs::symlink(site.path("lock"), &locks).unwrap();
    let mut a = run(&site, &near, &usb);
    a.wait_for_address(&near, PATIENCE);
    let mut b = run(&other, &far, &usb);
    b.wait_for_address(&far, PATIENCE);
    assert_eq!(tty_of(&site), "ttyUSB0");
    assert_eq!(tty_of(&other), "ttyUSB10");
    // The second restarts. Its daemon waits for it, and takes nothing of the first.
    let (mark, quiet) = (b.process.mark(), a.process.mark());
    second.process.signal(Signal::USR1);
    follow(&b, mark, &["local  IP address"]);
    b.wait_for_address(&far, PATIENCE);
    assert_eq!(tty_of(&other), "ttyUSB12");
    assert_eq!(a.process.mark(), quiet, "{}", a.process.transcript());
    assert_eq!(a.terminate(), 5);
    assert_eq!(b.terminate(), 5);
    assert_eq!(a.process.count("local  IP address"), 1);
    follow(&a, Mark::default(), &["Exit."]);
}
