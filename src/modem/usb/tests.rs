//! Tests of finding a modem.

use super::*;
use crate::modem::profile::Profiles;

/// The built-in profiles, and a Quectel module without a port that dials.
fn profiles() -> Profiles {
    let mut profiles = Profiles::built_in();
    let quectel = "name = \"Quectel\"\n[recognise]\nusb = [\"2c7c\"]\n[ports]\nignore = [0, 1]\n";
    profiles.add("quectel.toml", quectel).unwrap();
    profiles
}

/// The built-in ones with two of the same ids.
fn twins() -> Profiles {
    let mut profiles = Profiles::built_in();
    for (name, ports) in [
        ("AMP520", "dial = 0"),
        ("AMM570", "at = [2]\nignore = [4]"),
        ("AMM5220", ""),
        ("AMP5200", ""),
    ] {
        let text =
            format!("name = \"{name}\"\n[recognise]\nusb = [\"1ecb:0202\"]\n[ports]\n{ports}\n");
        profiles.add("twin.toml", &text).unwrap();
    }
    profiles
}

fn tty(name: &str, id: (u16, u16), path: &str, interface: u8, driver: &str) -> TtyDevice {
    TtyDevice {
        name: name.to_owned(),
        usb: Some(UsbPort {
            vendor: id.0,
            product: id.1,
            serial: None,
            path: path.to_owned(),
            interface,
            port: 0,
            protocol: 1,
            driver: Some(driver.to_owned()),
            product_name: None,
        }),
    }
}

fn with_serial(mut tty: TtyDevice, serial: &str) -> TtyDevice {
    if let Some(usb) = &mut tty.usb {
        usb.serial = Some(serial.to_owned());
    }
    tty
}

fn seen(ttys: &[TtyDevice]) -> Snapshot {
    Snapshot {
        ttys: ttys.to_vec(),
        devices: Vec::new(),
    }
}

fn identity(tty: &TtyDevice) -> ModemIdentity {
    ModemIdentity::of(tty.usb.as_ref().unwrap())
}

/// The candidates as path, profile and dial port in short.
fn short(found: &Found) -> Vec<String> {
    found
        .candidates
        .iter()
        .map(|candidate| {
            let profile = candidate
                .profile
                .as_ref()
                .map_or("-", |profile| profile.name.as_str());
            let names = |ttys: &[TtyDevice]| {
                let names: Vec<&str> = ttys.iter().map(|tty| tty.name.as_str()).collect();
                names.join(",")
            };
            let dial = match &candidate.dial {
                Dial::Port(tty) => format!("dial {}", tty.name),
                Dial::Ask(ttys) => format!("ask {}", names(ttys)),
                Dial::Missing { interface } => format!("missing {interface}"),
            };
            let at = if candidate.at.is_empty() {
                String::new()
            } else {
                format!(" at {}", names(&candidate.at))
            };
            let last = if candidate.was_last { " last" } else { "" };
            format!("{} {profile} {dial}{at}{last}", candidate.path)
        })
        .collect()
}

const LISA: (u16, u16) = (0x1546, 0x1102);
const AMT: (u16, u16) = (0x1ecb, 0x0202);
const EC25: (u16, u16) = (0x2c7c, 0x0125);
const FTDI: (u16, u16) = (0x0403, 0x6001);

/// A LISA-U200 whose ports the kernel has numbered from `first`.
fn lisa(path: &str, first: u8) -> Vec<TtyDevice> {
    (0_u8..7)
        .map(|n| {
            tty(
                &format!("ttyACM{}", first + n),
                LISA,
                path,
                2 * n,
                "cdc_acm",
            )
        })
        .collect()
}

#[test]
fn a_known_modem_is_found_by_its_usb_ids_and_dials_on_the_port_of_its_profile() {
    let seen = seen(&lisa("1-1.2", 0));
    let profiles = profiles();
    let expected = ["1-1.2 LISA-U200 dial ttyACM0 at ttyACM1,ttyACM2"];
    assert_eq!(short(&find(Wanted::Auto, &profiles, &seen, None)), expected);
    let wanted = Wanted::Model(&profiles.get("LISA-U200").unwrap());
    assert_eq!(short(&find(wanted, &profiles, &seen, None)), expected);
    let other = Wanted::Model(&profiles.get("AMP520").unwrap());
    assert_eq!(find(other, &profiles, &seen, None), Found::default());
}

#[test]
fn a_renumbered_modem_is_the_same_modem() {
    let last = identity(&lisa("1-1.2", 0)[0]);
    // In any order: the port that dials came last.
    let mut ttys = lisa("1-1.2", 3);
    ttys.reverse();
    for (n, tty) in ttys.iter_mut().enumerate() {
        tty.name = format!("ttyACM{}", n + 3);
    }
    let seen = seen(&ttys);
    assert_eq!(
        short(&find(Wanted::Auto, &profiles(), &seen, Some(&last))),
        ["1-1.2 LISA-U200 dial ttyACM9 at ttyACM8,ttyACM7 last"]
    );
    assert_eq!(last.tty(&seen).unwrap().name, "ttyACM9");
}

#[test]
fn two_equal_modems_are_told_apart_by_their_place() {
    let mut ttys = lisa("1-1.10", 0);
    ttys.extend(lisa("1-1.2", 7));
    let seen = seen(&ttys);
    let first = ["1-1.2 LISA-U200 dial ttyACM7 at ttyACM8,ttyACM9"];
    let second = ["1-1.10 LISA-U200 dial ttyACM0 at ttyACM1,ttyACM2"];
    assert_eq!(
        short(&find(Wanted::Auto, &profiles(), &seen, None)),
        [first, second].concat(),
        "by path when nothing else is known"
    );
    let last = identity(&lisa("1-1.10", 20)[0]);
    assert_eq!(
        short(&find(Wanted::Auto, &profiles(), &seen, Some(&last))),
        [[format!("{} last", second[0])], first.map(str::to_owned)].concat(),
        "the last one first"
    );
}

#[test]
fn a_modem_that_was_moved_is_known_by_its_serial_number() {
    let last = identity(&with_serial(lisa("1-1.2", 0).remove(0), "S1"));
    let mut ttys: Vec<TtyDevice> = lisa("1-1.2", 0)
        .into_iter()
        .map(|tty| with_serial(tty, "S2"))
        .collect();
    let moved: Vec<TtyDevice> = lisa("1-1.3", 7)
        .into_iter()
        .map(|tty| with_serial(tty, "S1"))
        .collect();
    assert_eq!(last.tty(&seen(&moved)).unwrap().name, "ttyACM7");
    // At its place is another one: the place decides.
    ttys.extend(moved);
    assert_eq!(last.tty(&seen(&ttys)).unwrap().name, "ttyACM0");
    // Modems without numbers are not all the same one.
    let nameless = identity(&lisa("1-1.9", 0)[0]);
    assert_eq!(nameless.tty(&seen(&lisa("1-1.2", 0))), None);
}

#[test]
fn another_kind_of_device_at_the_old_place_is_not_the_modem() {
    let last = identity(&lisa("1-1.2", 0)[0]);
    let seen = seen(&[tty("ttyUSB0", FTDI, "1-1.2", 0, "ftdi_sio")]);
    assert_eq!(last.tty(&seen), None);
    assert_eq!(
        find(Wanted::Auto, &profiles(), &seen, Some(&last)).candidates,
        []
    );
}

#[test]
fn ports_of_an_unknown_modem_are_asked_in_order_and_the_forbidden_ones_are_not() {
    let quectel: Vec<TtyDevice> = [3, 0, 2, 1]
        .iter()
        .enumerate()
        .map(|(n, &interface)| tty(&format!("ttyUSB{n}"), EC25, "1-2", interface, "option"))
        .collect();
    assert_eq!(
        short(&find(Wanted::Auto, &profiles(), &seen(&quectel), None)),
        ["1-2 Quectel ask ttyUSB2,ttyUSB0"]
    );
    let port = identity(&quectel[0]);
    assert_eq!(
        short(&find(
            Wanted::Auto,
            &profiles(),
            &seen(&quectel),
            Some(&port)
        )),
        ["1-2 Quectel dial ttyUSB0 last"],
        "one that was asked before is not asked again"
    );
    let mut other = quectel;
    for tty in &mut other {
        tty.usb.as_mut().unwrap().vendor = 0x0482;
    }
    assert_eq!(
        short(&find(Wanted::Auto, &profiles(), &seen(&other), None)),
        ["1-2 - ask ttyUSB1,ttyUSB3,ttyUSB2,ttyUSB0"]
    );
}

#[test]
fn huawei_tells_its_ports_by_protocol() {
    let mut ttys: Vec<TtyDevice> = (0..3)
        .map(|n| tty(&format!("ttyUSB{n}"), (0x12d1, 0x1506), "1-1", n, "option"))
        .collect();
    for (tty, protocol) in ttys.iter_mut().zip([0x03, 0x12, 0x10]) {
        tty.usb.as_mut().unwrap().protocol = protocol;
    }
    assert_eq!(
        short(&find(Wanted::Auto, &profiles(), &seen(&ttys), None)),
        ["1-1 Huawei ask ttyUSB2,ttyUSB1,ttyUSB0"]
    );
}

#[test]
fn ids_of_several_models_leave_the_model_open_and_their_common_ports_decide() {
    let ttys: Vec<TtyDevice> = (0_u8..3)
        .map(|n| tty(&format!("ttyACM{n}"), AMT, "1-1", 2 * n, "cdc_acm"))
        .collect();
    let profiles = twins();
    assert_eq!(
        short(&find(Wanted::Auto, &profiles, &seen(&ttys), None)),
        ["1-1 - ask ttyACM0,ttyACM1"],
        "interface 4 is forbidden by one of them"
    );
    let wanted = Wanted::Model(&profiles.get("AMP520").unwrap());
    assert_eq!(
        short(&find(wanted, &profiles, &seen(&ttys), None)),
        ["1-1 AMP520 dial ttyACM0"]
    );
}

#[test]
fn a_port_that_is_not_there_yet_is_missing() {
    let ttys = lisa("1-1.2", 0).split_off(1);
    assert_eq!(
        short(&find(Wanted::Auto, &profiles(), &seen(&ttys), None)),
        ["1-1.2 LISA-U200 missing 0"]
    );
}

#[test]
fn adapters_are_asked_only_where_there_is_nothing_better() {
    let adapter = tty("ttyUSB0", FTDI, "1-1", 0, "ftdi_sio");
    let modem = tty("ttyUSB1", (0x1bbb, 0x0123), "1-2", 1, "option");
    let acm = tty("ttyACM0", (0x1bbb, 0x0053), "1-3", 0, "cdc_acm");
    let both = seen(&[adapter.clone(), acm, modem.clone()]);
    let find = |seen: &Snapshot, last: Option<&ModemIdentity>| {
        let found = find(Wanted::Auto, &profiles(), seen, last);
        let is_modem: Vec<bool> = found.candidates.iter().map(|c| c.is_modem).collect();
        (short(&found), is_modem)
    };
    assert_eq!(
        find(&both, None),
        (
            vec![
                "1-2 - ask ttyUSB1".to_owned(),
                "1-3 - ask ttyACM0".to_owned()
            ],
            vec![true, false]
        )
    );
    let alone = seen(std::slice::from_ref(&adapter));
    let asked = vec!["1-1 - ask ttyUSB0".to_owned()];
    assert_eq!(find(&alone, None), (asked, vec![false]));
    assert_eq!(
        find(&alone, Some(&identity(&modem))),
        (Vec::new(), Vec::new()),
        "the modem is only away"
    );
    let itself = vec!["1-1 - dial ttyUSB0 last".to_owned()];
    assert_eq!(
        find(&alone, Some(&identity(&adapter))),
        (itself, vec![false])
    );
}

#[test]
fn a_model_without_usb_ids_is_any_device_that_no_profile_knows() {
    let profiles = profiles();
    let mut ttys = lisa("1-1.2", 0);
    ttys.push(tty("ttyUSB0", (0x0482, 0x1234), "1-1.3", 0, "option"));
    let wanted = Wanted::Model(&profiles.get("KYM11").unwrap());
    assert_eq!(
        short(&find(wanted, &profiles, &seen(&ttys), None)),
        ["1-1.3 KYM11 ask ttyUSB0"]
    );
}

#[test]
fn a_uart_is_never_found_but_can_be_named() {
    let uart = TtyDevice {
        name: "ttyS1".to_owned(),
        usb: None,
    };
    let seen = seen(std::slice::from_ref(&uart));
    assert_eq!(
        find(Wanted::Auto, &profiles(), &seen, None),
        Found::default()
    );
    assert_eq!(find_tty("ttyS1", &seen, None), Some(&uart));
    assert_eq!(find_tty("ttyS2", &seen, None), None);
}

#[test]
fn a_named_tty_is_followed_to_its_new_number() {
    let at = |name, path| tty(name, FTDI, path, 0, "ftdi_sio");
    let last = identity(&at("ttyUSB0", "1-1"));
    let name = |seen: &Snapshot, last| find_tty("ttyUSB0", seen, last).map(|t| t.name.clone());
    let renumbered = seen(&[at("ttyUSB3", "1-1")]);
    assert_eq!(name(&renumbered, None), None);
    assert_eq!(name(&renumbered, Some(&last)).as_deref(), Some("ttyUSB3"));
    let swapped = seen(&[at("ttyUSB0", "1-2"), at("ttyUSB1", "1-1")]);
    assert_eq!(name(&swapped, Some(&last)).as_deref(), Some("ttyUSB1"));
    let replaced = seen(&[at("ttyUSB0", "1-2")]);
    assert_eq!(name(&replaced, Some(&last)).as_deref(), Some("ttyUSB0"));
    assert_eq!(name(&Snapshot::default(), Some(&last)), None);
}

#[test]
fn a_modem_in_storage_mode_or_without_a_driver_is_a_hint() {
    let device = |vendor, product, storage_only, unauthorized| UsbDevice {
        path: "1-1".to_owned(),
        vendor,
        product,
        product_name: Some("HUAWEI Mobile".to_owned()),
        storage_only,
        unauthorized,
    };
    let hint = |device: UsbDevice| {
        let seen = Snapshot {
            ttys: Vec::new(),
            devices: vec![device],
        };
        find(Wanted::Auto, &profiles(), &seen, None).hint
    };
    assert_eq!(
        hint(device(0x12d1, 0x1446, true, false)).as_deref(),
        Some(
            "HUAWEI Mobile (12d1:1446) at USB 1-1 in storage mode, to be switched by usb_modeswitch"
        )
    );
    assert_eq!(
        hint(device(0x1546, 0x1102, false, false)).as_deref(),
        Some("HUAWEI Mobile (1546:1102) at USB 1-1, which has no tty: is its driver there?")
    );
    assert_eq!(
        hint(device(0x1546, 0x1102, false, true)).as_deref(),
        Some(
            "HUAWEI Mobile (1546:1102) at USB 1-1, which the kernel was told not to use (authorized is 0)"
        )
    );
    assert_eq!(hint(device(0x0781, 0x5567, true, false)), None, "a stick");
}
