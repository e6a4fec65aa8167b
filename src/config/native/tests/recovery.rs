//! The keys of supervision, monitor and modem.

use std::path::PathBuf;
use std::time::Duration;

use super::{BASE, FILE, FULL, config, problems};
use crate::config::{MonitorConfig, TimeOfDay, read, read_with_models};
use crate::link::BackoffPolicy;
use crate::modem::{Carrier, NetMode, ResetStep};

#[test]
fn everything_of_recovery_can_be_said() {
    let found = config(FULL);
    let seconds = Duration::from_secs;
    assert_eq!(
        (found.profile.as_deref(), found.profile_dir),
        (Some("AMP520"), PathBuf::from("/srv/modems"))
    );
    assert_eq!(
        (found.netmode, found.carrier, found.connect_ok),
        (
            Some(NetMode::Auto),
            Some(Carrier::Plmn("44010".to_owned())),
            true
        )
    );
    let pin = found.pin.as_ref().map(|pin| pin.expose().to_vec());
    assert_eq!(pin.as_deref(), Some(&b"0123"[..]));
    assert_eq!(
        (
            found.registration_timeout,
            found.provisioning_limit,
            found.query_interval
        ),
        (Some(seconds(90)), 3, Duration::ZERO)
    );
    assert_eq!(
        (found.hold, found.queue_packets, found.queue_bytes),
        (true, 10, 20_000)
    );
    assert_eq!(
        (found.retry, found.good_after, found.demand, found.idle),
        (5, seconds(30), true, Some(seconds(600)))
    );
    assert_eq!(
        found.backoff,
        BackoffPolicy {
            network_max: seconds(600),
            configuration_min: seconds(60),
            configuration_max: seconds(7_200),
            jitter: 20,
        }
    );
    assert_eq!(
        (
            found.reset_on_fail,
            found.reset_always,
            found.reset_at,
            found.reset_wait
        ),
        (
            false,
            true,
            Some(TimeOfDay { hour: 3, minute: 0 }),
            Some(seconds(63))
        )
    );
    assert_eq!((found.reset_any, found.reset_reboot), (false, true));
    assert_eq!(
        found.reset_steps,
        Some(vec![
            ResetStep::At("AT+CFUN=16".to_owned()),
            ResetStep::UsbAuthorized
        ])
    );
    assert_eq!(
        found.reset_command,
        Some(vec![
            "/usr/local/sbin/reset-modem".to_owned(),
            "fast".to_owned()
        ])
    );
    assert_eq!(
        found.monitor,
        MonitorConfig {
            enabled: false,
            target: Some("www.example.jp".to_owned()),
            interval: seconds(30),
            fail: 2,
            log: false,
            timeout: seconds(2),
            fixed_target: true,
            payload_is_life: true,
        }
    );
    assert_eq!(found.control_group.as_deref(), Some("dialout"));
}

#[test]
fn what_is_empty_is_not_set() {
    let text = format!(
        "{BASE}profile = \"\"\nnetmode = \"\"\ncarrier = \"\"\npin = \"\"\n[supervision]\nidle = 0\n[supervision.reset]\n\
         at = \"\"\ncommand = []\n[monitor]\ntarget = \"\"\n[control]\ngroup = \"\"\n"
    );
    assert_eq!(problems(&text), Vec::<String>::new());
    assert_eq!(
        format!("{:?}", config(&text)),
        format!("{:?}", config(BASE))
    );
    let netmode = config(&format!("{BASE}netmode = \"NONE\"\ncarrier = 4\n"));
    assert_eq!(
        (netmode.netmode, netmode.carrier),
        (None, Some(Carrier::Number(4)))
    );
}

#[test]
fn of_the_two_ends_of_a_wait_the_one_that_is_not_said_gives_way() {
    let waits = |text: &str| {
        let text = format!("{BASE}[supervision.backoff]\n{text}\n");
        assert_eq!(problems(&text), Vec::<String>::new());
        let backoff = config(&text).backoff;
        let seconds = |wait: Duration| wait.as_secs();
        (
            seconds(backoff.configuration_min),
            seconds(backoff.configuration_max),
        )
    };
    assert_eq!(waits("jitter = 5"), (300, 3_600));
    assert_eq!(waits("configuration_max = 60"), (60, 60));
    assert_eq!(waits("configuration_min = 7200"), (7_200, 7_200));
    assert_eq!(
        waits("configuration_min = 10\nconfiguration_max = 20"),
        (10, 20)
    );
}

/// One bad step does not hide the next one, nor what is wrong elsewhere.
#[test]
fn all_problems_of_a_list_are_found() {
    let text = format!(
        "{BASE}speed = 1\n[supervision.reset]\nsteps = [\n  {{ at = \"x\" }},\n  {{ at = \"AT\" }},\n  {{ led = 5 }},\n  {{}},\n]\n"
    );
    let found = read(FILE, text.as_bytes()).1;
    let places: Vec<_> = found
        .iter()
        .map(|found| (found.line, found.column))
        .collect();
    assert_eq!(places, [(4, 9), (7, 10), (9, 11), (10, 3)]);
}

#[test]
fn a_profile_has_to_be_there_once_all_are_known() {
    let text = format!("{BASE}profile = \"LISA-U201\"\n");
    assert_eq!(problems(&text), Vec::<String>::new());
    let (_, found) = read_with_models(FILE, text.as_bytes(), &["LISA-U200", "KYM11"]);
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "uplinkd.toml:4:11: error: modem.profile: there is no modem profile \"LISA-U201\"; expected the name of a \
             modem profile, e.g. LISA-U200; probably meant: profile = \"LISA-U200\""
        ]
    );
}
