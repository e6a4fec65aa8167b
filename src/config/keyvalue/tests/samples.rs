//! The seven samples of the existing system's document that have no PROVIDER, with a line end where the document has one.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::{config, problems};
use crate::config::{Auth, Config, Device, PdpType, TimeOfDay};
use crate::modem::Carrier;

const WITH_MONITOR: &str =
    include_str!("../../../../protocol-tests/fixtures/document/with-monitor");

/// The one whose generated files the document shows.
const GENERATED: &str = include_str!("../../../../protocol-tests/fixtures/generated/default-ppp");

const WITH_PROVIDER: &str =
    include_str!("../../../../protocol-tests/fixtures/document/with-provider");

const SORACOM: &str = include_str!("../../../../protocol-tests/fixtures/document/soracom");

const AU: &str = include_str!("../../../../protocol-tests/fixtures/document/au");

const DTI: &str = include_str!("../../../../protocol-tests/fixtures/document/dti");

const IIJ: &str = include_str!("../../../../protocol-tests/fixtures/document/iij");

/// With the document's note behind its last value, which is prose.
const SAKURA: &str = include_str!("../../../../protocol-tests/fixtures/document/sakura");

const NOTE: &str = " <--- 接続するキャリア(NTT docomo/KDDI/Softbank により変更)";

fn expected(apn: &str, auth: Auth, account: &str, device: Device) -> Config {
    Config {
        apn: Some(apn.to_owned()),
        auth,
        account: account.to_owned(),
        // `Debug` hides it; the tests compare it apart.
        device,
        default_route: true,
        ..Config::default()
    }
}

/// Reads without a warning, and means what is expected.
fn reads_as(text: &str, password: &str, expected: &Config) {
    assert_eq!(problems(text), Vec::<String>::new());
    let found = config(text);
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    assert_eq!(found.password.expose(), password.as_bytes());
}

fn model(name: &str) -> Device {
    Device::Model(name.to_owned())
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn reads_the_documents_example_with_generated_files() {
    let wanted = Config {
        start: true,
        reset_wait: Some(seconds(30)),
        demand: true,
        idle: Some(seconds(60)),
        ..expected("dream.jp", Auth::Chap, "user@dream.jp", model("LISA-U200"))
    };
    reads_as(GENERATED, "dti", &wanted);
    assert_eq!(
        (
            wanted.pdp_type,
            wanted.persist,
            wanted.retry,
            wanted.reset_on_fail
        ),
        (PdpType::Ip, true, 3, true)
    );
}

#[test]
fn reads_the_documents_sample_for_each_provider() {
    let soracom = Config {
        carrier: Some(Carrier::Number(5)),
        ..expected("soracom.io", Auth::Chap, "sora", Device::Auto)
    };
    reads_as(SORACOM, "sora", &soracom);

    let on_demand = |config| Config {
        demand: true,
        idle: Some(seconds(30)),
        ..config
    };
    let au = expected(
        "au.au-net.ne.jp",
        Auth::Chap,
        "user@au.au-net.ne.jp",
        model("KYM11"),
    );
    reads_as(AU, "au", &on_demand(au));
    let dti = expected("dream.jp", Auth::Chap, "user@dream.jp", model("LISA-U200"));
    reads_as(DTI, "dti", &on_demand(dti));

    let iij = Config {
        carrier: Some(Carrier::Number(4)),
        ..expected("iijmobile.biz", Auth::Chap, "mobile@iij", Device::Auto)
    };
    reads_as(IIJ, "iij", &iij);
}

#[test]
fn the_note_behind_the_documents_last_value_is_an_error() {
    assert_eq!(
        problems(SAKURA),
        ["15:17: error: text behind the value of CARRIERID; probably meant: CARRIERID=44020"]
    );
    let wanted = Config {
        carrier: Some(Carrier::Plmn("44020".to_owned())),
        ..expected("sakura", Auth::NoAuth, "", Device::Auto)
    };
    reads_as(&SAKURA.replace(NOTE, ""), "", &wanted);
}

/// The document says itself that the monitor works with PERSIST only, and its sample has DEMAND=1.
#[test]
fn the_documents_sample_with_demand_and_monitor_has_no_monitor() {
    assert_eq!(
        problems(WITH_MONITOR),
        [
            "23:9: warning: MONITOR is not used, because DEMAND is set: pings would keep the link up for ever; \
             expected MONITOR or DEMAND, not both"
        ]
    );
    let found = config(WITH_MONITOR);
    assert!(!found.monitor.enabled && found.demand);

    let text = WITH_MONITOR.replace("DEMAND=1\nIDLE=60\n", "DEMAND=\nIDLE=\n");
    let mut wanted = Config {
        start: true,
        reset_wait: Some(seconds(30)),
        ..expected("dream.jp", Auth::Chap, "user@dream.jp", Device::Auto)
    };
    wanted.monitor.enabled = true;
    wanted.monitor.target = Some("www.centurysys.jp".to_owned());
    wanted.monitor.interval = seconds(30);
    wanted.monitor.fail = 2;
    reads_as(&text, "dti", &wanted);
}

#[test]
fn the_documents_sample_with_a_provider_is_refused_where_pppds_files_are_out_of_reach() {
    let text = WITH_PROVIDER;
    // With a peers file the keys of "PPP config" are not missing.
    assert_eq!(
        problems(text),
        [
            "2:10: error: PROVIDER: pppd's files are out of reach here, and nothing else is dialed instead; expected no \
             PROVIDER"
        ]
    );
    let found = config(&text.replace("PROVIDER=DTI", "APN=dream.jp"));
    assert_eq!(found.reset_at, Some(TimeOfDay { hour: 3, minute: 0 }));
    assert_eq!(
        (found.reset_always, found.local_address),
        (false, None::<Ipv4Addr>)
    );
}
