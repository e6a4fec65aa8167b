use std::time::Duration;

use super::*;
use crate::modem::{NetMode, ResetStep};

fn name(profile: Option<Arc<Profile>>) -> String {
    profile.map_or_else(|| "-".to_owned(), |profile| profile.name.clone())
}

#[test]
fn every_built_in_file_can_be_read() {
    for (name, text) in FILES {
        assert_eq!(
            parse(name, text, &Profiles::built_in()).err(),
            None,
            "{name}"
        );
    }
    assert_eq!(Profiles::built_in().all.len(), FILES.len());
}

#[test]
fn every_device_of_the_document_has_a_profile() {
    let profiles = Profiles::built_in();
    for (device, profile) in [
        ("LISA-U200", "LISA-U200"),
        ("ttyLISA0", "LISA-U200"),
        ("KYM11", "KYM11"),
        ("ttyKYM11", "KYM11"),
        ("UM03-KO", "UM03-KO"),
        ("ttyUM03KO0", "UM03-KO"),
        ("AMP520", "AMP520"),
        ("ttyAMP0", "AMP520"),
        ("amp5200", "AMP5200"),
        ("AMM570", "AMM570"),
        ("AMM5220", "AMM5220"),
        ("AMP5220", "AMM5220"),
        ("LN940A", "LN940A"),
        ("generic", "generic"),
        ("ttyUSB0", "-"),
        ("AUTO", "-"),
    ] {
        assert_eq!(name(profiles.get(device)), profile, "{device}");
    }
}

/// Spec C7, D1, D5.
#[test]
fn only_those_that_need_it_are_special() {
    let profiles = Profiles::built_in();
    let all = || profiles.all.iter().chain([&profiles.generic]);
    let names = |filter: fn(&Profile) -> bool| -> Vec<&str> {
        all()
            .filter(|profile| filter(profile))
            .map(|profile| profile.name.as_str())
            .collect()
    };
    assert_eq!(names(|profile| profile.dial.apn_prefix), ["LISA-U200"]);
    let am_telecom = ["AMP5200", "AMP520", "AMM570", "AMM5220"];
    assert_eq!(names(|profile| profile.flash_wear), am_telecom);
    for profile in all() {
        let least = match profile.name.as_str() {
            "UM03-KO" => 63,
            name if am_telecom.contains(&name) => 40,
            _ => 30,
        };
        assert!(
            profile.reset.wait >= Duration::from_secs(least),
            "{}",
            profile.name
        );
        assert!(!profile.reset.steps.is_empty(), "{}", profile.name);
        let last = profile.reset.steps.last();
        assert!(
            matches!(
                last,
                Some(ResetStep::UsbAuthorized | ResetStep::UsbPortPower { .. })
            ),
            "{}",
            profile.name
        );
    }
}

#[test]
fn the_files_say_what_their_modems_want() {
    let profiles = Profiles::built_in();
    let lisa = profiles.get("LISA-U200").unwrap();
    assert_eq!(lisa.dial.dial, "ATDT*99***1#");
    assert_eq!(lisa.netmode.get(&NetMode::Lte), None);
    assert_eq!(
        lisa.reset.steps,
        [
            ResetStep::At("AT+CFUN=16".to_owned()),
            ResetStep::Led {
                name: "Mobile_RESETN".to_owned(),
                on: None
            },
            ResetStep::UsbAuthorized,
        ]
    );
    let amm = profiles.get("AMM570").unwrap();
    assert_eq!(
        amm.dial.account,
        ["AT$QCPDPP=1,3,\"{password}\",\"{account}\""]
    );
    assert_eq!(
        amm.dial.context,
        "AT+CGDCONT=1,\"IPV4V6\",\"{apn}\",\"0.0.0.0\",0,0"
    );
    assert_eq!(amm.aliases, [""; 0]);
    assert!(amm.guesses.contains(&"dial.account".to_owned()));
}

#[test]
fn a_modem_is_recognised_by_its_words() {
    let profiles = Profiles::built_in();
    for (manufacturer, model, profile) in [
        ("u-blox", "LISA-U200", "LISA-U200"),
        ("u-blox", "SARA-R410M-02B", "u-blox"),
        ("AM Telecom", "AMP5200", "AMP5200"),
        ("AM Telecom", "AMP520", "AMP520"),
        ("AM Telecom", "amm 5220", "AMM5220"),
        ("Telit", "LN940A9", "LN940A"),
        ("Telit", "LE910C4", "Telit"),
        ("Quectel", "EC25", "Quectel"),
        ("SIMCOM INCORPORATED", "SIMCOM_SIM5360E", "SIMCom"),
        ("huawei", "E1762", "Huawei"),
        ("Cinterion", "PLS63-W", "Cinterion"),
        ("Sierra Wireless, Incorporated", "MC7354", "Sierra"),
        ("ZTE INCORPORATED", "MF626", "ZTE"),
        ("", "", "-"),
        ("nobody", "X1", "-"),
    ] {
        assert_eq!(
            name(profiles.by_identity(manufacturer, model)),
            profile,
            "{manufacturer} {model}"
        );
    }
}

#[test]
fn the_product_counts_more_than_the_vendor() {
    let profiles = Profiles::built_in();
    let usb = |vendor, product| -> Vec<String> {
        let found = profiles.by_usb(vendor, product);
        found.iter().map(|profile| profile.name.clone()).collect()
    };
    assert_eq!(usb(0x1546, 0x1102), ["LISA-U200"]);
    assert_eq!(usb(0x1546, 0x1143), ["u-blox"]);
    assert_eq!(usb(0x1bc7, 0x1900), ["LN940A"]);
    assert_eq!(usb(0x1bc7, 0x1201), ["Telit"]);
    assert_eq!(usb(0x1ecb, 0x0202).len(), 4);
    assert_eq!(usb(0xffff, 0x0001), [""; 0]);
}

#[test]
fn a_users_file_comes_first_and_replaces_its_namesake() {
    let mut profiles = Profiles::built_in();
    let text =
        "extends = \"KYM11\"\n[dial]\ndial = \"ATD*99#\"\n[recognise]\nusb = [\"0482:0001\"]\n";
    profiles.add("mine.toml", text).unwrap();
    let mine = profiles.get("ttyKYM11").unwrap();
    assert_eq!(mine.name, "KYM11");
    assert_eq!(mine.dial.dial, "ATD*99#");
    // No longer a guess of ours.
    assert!(!mine.guesses.contains(&"dial.dial".to_owned()));
    assert!(mine.guesses.contains(&"reset.steps".to_owned()));
    assert_eq!(profiles.by_usb(0x0482, 1), [mine]);
    assert_eq!(profiles.names().next(), Some("KYM11"));
    assert_eq!(profiles.all.len(), FILES.len());

    let text = "name = \"EC25-JP\"\nextends = \"Quectel\"\n[recognise]\nmodels = [\"EC25\"]\n";
    profiles.add("ec25.toml", text).unwrap();
    assert_eq!(name(profiles.by_identity("Quectel", "EC25")), "EC25-JP");
    assert_eq!(name(profiles.by_identity("Quectel", "BG96")), "Quectel");

    profiles
        .add("g.toml", "name = \"generic\"\n[dial]\ndial = \"ATD*98#\"\n")
        .unwrap();
    assert_eq!(profiles.generic().dial.dial, "ATD*98#");
    assert!(profiles.add("x.toml", "about = \"nothing\"").is_err());
}
