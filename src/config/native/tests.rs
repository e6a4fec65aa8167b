mod mistakes;
mod recovery;
mod system;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use super::schema::KEYS;
use crate::config::{Auth, Config, Device, PdpType, read};

const FILE: &str = "uplinkd.toml";

fn problems(text: &str) -> Vec<String> {
    read(FILE, text.as_bytes())
        .1
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn config(text: &str) -> Config {
    let (config, problems) = read(FILE, text.as_bytes());
    config.unwrap_or_else(|| panic!("{text}: {problems:#?}"))
}

/// What every file needs to be dialed with.
const BASE: &str = "[modem]\ndevice = \"/dev/ttyUSB0\"\napn = \"dream.jp\"\n";

const FULL: &str = r#"
[modem]
device = "LISA-U200"
profile = "AMP520"
profile_dir = "/srv/modems"
netmode = "AUTO"
carrier = "44010"
pin = "0123"
connect_ok = true
registration_timeout = 90
provisioning_limit = 3
query_interval = 0
speed = 115200
rtscts = false
modem_lines = false
apn = "soracom.io"
pdp_type = "PPP"
dial = "ATD*99#"
command_timeout = 10
dial_timeout = "1min"
direct = false

[connect]
script = ["ABORT", "BUSY", "", "ATZ", "OK", "ATD\\T"]
timeout = 50
phone = "*99#"
phone2 = "*98#"
verbose = true
echo = true
expand = true
show = true
char_delay = "10ms"

[disconnect]
script = ["", "\\d+++\\d\\c"]
timeout = 20
phone = ""
phone2 = "1"
verbose = false
echo = false
expand = false
show = false
char_delay = 0

[ppp]
provider = ""
auth = "PAP"
allow_pap = true
account = "sora"
password = "geheim"
max_connect = "1h"

[ppp.lcp]
restart = 0.5
max_configure = 20
max_terminate = 3
max_failure = 7
mru = 1492
accm = "off"
magic = false
pfc = false
acfc = false
silent = true
max_loopback = 5
ack_in_place = false
identification = "uplinkd"
mtu = 1400
escape = "11,0x13"
receive_all = true

[ppp.pap]
password = "other"
restart = "500ms"
max_requests = 4
timeout = 20

[ppp.chap]
restart = 2
max_challenges = 6
timeout = 40

[ppp.ipcp]
restart = 1
max_configure = 30
max_terminate = 1
max_failure = 50
accept_local = true
accept_remote = true
request_dns = false
pending_interval = "2s"
max_pending = 30

[ppp.echo]
interval = 15
failure = 0
adaptive = true

[network]
interface = "wwan9"
default_route = true
replace_default_route = false
route_metric = 700
local_address = "10.0.0.2"
remote_address = "10.0.0.1"
netmask = "255.255.255.252"
hold = true
queue_packets = 10
queue_bytes = 20000

[scripts]
enabled = false
timeout = 20
ip_pre_up = "/usr/local/sbin/before"
ip_up = "/usr/local/sbin/up"
ip_down = "/usr/local/sbin/down"
ipparam = "site 42"
linkname = "backup"
environment = ["SITE=42", "EMPTY="]
call_file = "dti"

[dns]
manager = "file"
use_peer = false
fallback = ["192.0.2.53", "2001:db8::53"]

[supervision]
start = true
persist = true
holdoff = "5min"
retry = 5
good_after = 30
demand = true
idle = "10min"

[supervision.backoff]
network_max = "10min"
configuration_min = 60
configuration_max = "2h"
jitter = 20

[supervision.reset]
on_fail = false
always = true
at = "03:00"
wait = 63
any = false
steps = [
  { at = "AT+CFUN=16" },
  { usb = "authorized" },
]
command = ["/usr/local/sbin/reset-modem", "fast"]
reboot = true

[monitor]
enabled = false
target = "www.example.jp"
interval = 30
fail = 2
log = false
timeout = "2s"
fixed_target = true
payload_is_life = true

[control]
group = "dialout"
"#;

#[test]
fn everything_can_be_said() {
    assert_eq!(problems(FULL), Vec::<String>::new());
    let found = config(FULL);
    let ms = Duration::from_millis;
    assert_eq!(found.device, Device::Model("LISA-U200".to_owned()));
    assert_eq!(
        (found.speed, found.rtscts, found.modem_lines),
        (115_200, false, false)
    );
    assert_eq!(
        (found.apn.as_deref(), found.pdp_type),
        (Some("soracom.io"), PdpType::Ppp)
    );
    assert_eq!(found.dial.as_deref(), Some("ATD*99#"));
    assert_eq!(
        (found.command_timeout, found.dial_timeout),
        (ms(10_000), Some(ms(60_000)))
    );
    assert_eq!((found.auth, found.allow_pap), (Auth::Pap, true));
    assert_eq!(
        (found.account.as_str(), found.password.expose()),
        ("sora", &b"geheim"[..])
    );
    assert_eq!(
        format!("{:?}", found.lcp),
        "LcpConfig { fsm: FsmConfig { restart: 500ms, max_configure: 20, max_terminate: 3, \
         max_failure: 7 }, mru: 1492, accm: None, magic: false, pfc: false, acfc: false, \
         silent: true, max_loopback: 5, ack_in_place: false, identification: Some(\"uplinkd\"), mtu: Some(1400), \
         escape: [655360, 0, 0, 0, 0, 0, 0, 0], receive_all: true, echo_adaptive: true }"
    );
    assert_eq!(
        format!("{:?}", found.auth_timers),
        "AuthTimers { pap_restart: 500ms, pap_max_requests: 4, pap_timeout: 20s, chap_restart: 2s, \
         chap_max_challenges: 6, chap_timeout: 40s }"
    );
    assert_eq!(
        format!("{:?}", found.ipcp),
        "IpcpConfig { fsm: FsmConfig { restart: 1s, max_configure: 30, max_terminate: 1, \
         max_failure: 50 }, local: None, accept_local: true, remote: None, accept_remote: true, \
         request_dns: false, assign: None, pending_interval: 2s, max_pending: 30 }"
    );
    assert_eq!((found.echo.interval, found.echo.failure), (ms(15_000), 0));
    assert_eq!(found.interface, "wwan9");
    assert_eq!((found.default_route, found.route_metric), (true, Some(700)));
    assert_eq!(found.local_address, Some(Ipv4Addr::new(10, 0, 0, 2)));
    assert_eq!(found.remote_address, Some(Ipv4Addr::new(10, 0, 0, 1)));
    assert_eq!(found.netmask, Some(Ipv4Addr::new(255, 255, 255, 252)));
    assert_eq!(
        (found.start, found.persist, found.holdoff),
        (true, true, ms(300_000))
    );
}

/// The list for suggestions against what serde knows, by the full file above.
#[test]
fn the_list_of_keys_is_whole() {
    let mut sections: BTreeMap<String, ()> = BTreeMap::new();
    let mut section = "";
    for line in FULL.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, _)) = line.split_once(" = ")
            && !line.starts_with(' ')
        {
            sections.insert(format!("{section}.{key}"), ());
        }
    }
    let mut keys: Vec<&str> = KEYS.to_vec();
    keys.sort_unstable();
    assert_eq!(
        sections.keys().map(String::as_str).collect::<Vec<_>>(),
        keys
    );
}

#[test]
fn what_is_not_said_is_the_default() {
    let found = config(BASE);
    let expected = Config {
        device: Device::Tty(PathBuf::from("/dev/ttyUSB0")),
        apn: Some("dream.jp".to_owned()),
        ..Config::default()
    };
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    assert_eq!(problems(BASE), Vec::<String>::new());
}

/// C27.
#[test]
fn both_formats_say_the_same() {
    let old = b"DEVICE=ttyUSB0\nAPN=dream.jp\nACCOUNT=a\nPASSWORD=b\nHOLDOFF=9\nPERSIST=0\n\
                DEFAULTROUTE=1\nLOCALADDR=10.0.0.2\nSTART=yes\n";
    let new = "[modem]\ndevice = \"ttyUSB0\"\napn = \"dream.jp\"\n[ppp]\naccount = \"a\"\n\
               password = \"b\"\n[network]\ndefault_route = true\nlocal_address = \"10.0.0.2\"\n\
               [supervision]\nholdoff = 9\npersist = false\nstart = true\n";
    let (old, _) = read("ppp", old);
    assert_eq!(format!("{:?}", old), format!("{:?}", Some(config(new))));
}
