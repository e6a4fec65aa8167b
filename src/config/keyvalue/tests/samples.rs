//! The seven samples of the existing system's document that have no PROVIDER, with a line end where the document has one.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::{config, problems};
use crate::config::{Auth, Config, Device, PdpType, TimeOfDay};
use crate::modem::Carrier;

const WITH_MONITOR: &str = "START=yes
PROVIDER=
PERSIST=1
RESET_ON_FAIL=1
RESET_ALWAYS=0
RESET_WAIT=30
HOLDOFF=5
RETRY=3

# PPP config
APN=dream.jp
PDPTYPE=IP
DEMAND=1
IDLE=60
DEVICE=AUTO
DEFAULTROUTE=1
AUTH=CHAP
ACCOUNT=user@dream.jp
PASSWORD=dti
NETMODE=

# monitor
MONITOR=yes
MONITOR_TARGET=www.centurysys.jp
MONITOR_INTERVAL=30
MONITOR_FAIL=2
MONITOR_LOG=yes
";

/// The one whose generated files the document shows.
const GENERATED: &str = "START=yes
PROVIDER=
PERSIST=1
RESET_ON_FAIL=1
RESET_ALWAYS=0
RESET_WAIT=30
HOLDOFF=5

# PPP config
APN=dream.jp
PDPTYPE=IP
DEMAND=1
IDLE=60
DEVICE=LISA-U200
DEFAULTROUTE=1
AUTH=CHAP
ACCOUNT=user@dream.jp
PASSWORD=dti
";

const SORACOM: &str = "# PPP config
APN=soracom.io
PDPTYPE=IP
DEMAND=
IDLE=
DEVICE=AUTO
LOCALADDR=
REMOTEADDR=
NETMASK=
DEFAULTROUTE=1
AUTH=CHAP
ACCOUNT=sora
PASSWORD=sora
NETMODE=
CARRIERID=5
";

const AU: &str = "# PPP config
APN=au.au-net.ne.jp
PDPTYPE=IP
DEMAND=1
IDLE=30
DEVICE=KYM11
DEFAULTROUTE=1
AUTH=CHAP
ACCOUNT=user@au.au-net.ne.jp
PASSWORD=au
";

const DTI: &str = "# PPP config
APN=dream.jp
PDPTYPE=IP
DEMAND=1
IDLE=30
DEVICE=LISA-U200
DEFAULTROUTE=1
AUTH=CHAP
ACCOUNT=user@dream.jp
PASSWORD=dti
";

const IIJ: &str = "# PPP config
APN=iijmobile.biz
PDPTYPE=IP
DEMAND=
IDLE=
DEVICE=AUTO
LOCALADDR=
REMOTEADDR=
NETMASK=
DEFAULTROUTE=1
AUTH=CHAP
ACCOUNT=mobile@iij
PASSWORD=iij
NETMODE=
CARRIERID=4
";

/// With the document's note behind its last value, which is prose.
const SAKURA: &str = "# PPP config
APN=sakura
PDPTYPE=IP
DEMAND=
IDLE=
DEVICE=AUTO
LOCALADDR=
REMOTEADDR=
NETMASK=
DEFAULTROUTE=1
AUTH=NOAUTH
ACCOUNT=
PASSWORD=
NETMODE=
CARRIERID=44020 <--- 接続するキャリア
";

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
    reads_as(&SAKURA.replace(" <--- 接続するキャリア", ""), "", &wanted);
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
fn the_documents_sample_with_a_provider_is_refused_for_that_alone() {
    let text = "START=yes\nPROVIDER=DTI\nPERSIST=1\nRESET_ON_FAIL=1\nRESET_ALWAYS=0\n\
                RESET_AT=03:00\nRESET_WAIT=30\nHOLDOFF=5\nRETRY=3\n";
    // With a peers file the keys of "PPP config" are not missing.
    assert_eq!(
        problems(text),
        [
            "2:10: error: PROVIDER: files in /etc/ppp/peers are not read yet, and nothing else is dialed \
          instead; expected PROVIDER= and the keys of \"PPP config\", e.g. APN=dream.jp"
        ]
    );
    let found = config(&text.replace("PROVIDER=DTI", "APN=dream.jp"));
    assert_eq!(found.reset_at, Some(TimeOfDay { hour: 3, minute: 0 }));
    assert_eq!(
        (found.reset_always, found.local_address),
        (false, None::<Ipv4Addr>)
    );
}
