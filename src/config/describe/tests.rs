use super::*;
use crate::config::read;
use crate::secret::Secret;

fn told(text: &str) -> String {
    let (config, problems) = read(
        if text.contains('[') { "x.toml" } else { "ppp" },
        text.as_bytes(),
    );
    let config = config.unwrap_or_else(|| panic!("{problems:?}"));
    let all = describe(&config, &Profiles::built_in(), Path::new("/etc/ppp"));
    all.iter()
        .map(|part| format!("{}: {}\n", part.about, part.words))
        .collect()
}

/// Spec C28: the document's example.
#[test]
fn tells_what_the_documents_example_will_do() {
    assert_eq!(
        told(include_str!(
            "../../../protocol-tests/fixtures/generated/default-ppp"
        )),
        "Start: at boot, once the modem is there (START=yes).
Modem: a LISA-U200, found by its USB identity, then by asking the ttys; 460800 bit/s, RTS/CTS, its carrier line counts. Profile LISA-U200: u-blox LISA-U200, 3G.
SIM and network: no PIN; the radio technology stays as the modem has it; the network stays as the modem has it.
Dial: APN \"dream.jp\" (IP); then ATDT*99***1#, and at most 30 s until CONNECT.
Authentication: CHAP as \"user@dream.jp\"; PAP is not agreed to.
Interface: ppp0, our address by negotiation, the peer's by negotiation; it stays while the link is down, and up to 64 packets wait; an LCP echo every 30 s, 4 lost end the link.
Default route: through the link; the former one comes back when the link ends.
DNS: the peer's servers; told to whatever the system has, and written to /etc/ppp/resolv.conf.
Scripts: /etc/ppp/ip-pre-up before the link is up, /etc/ppp/ip-up when it is, /etc/ppp/ip-down when it has ended; each may take 60 s.
Link: dialed when a packet wants out, again and again; hung up after 60 s without traffic.
Failures: the next attempt after 5 s; later up to 5 min after a fault of network or modem, and 5 min to 1 h after one that needs a person (APN, credentials, SIM).
Reset: after 3 failures in a row, but not for failures that a reset cannot mend: AT+CFUN=16, else the LED line Mobile_RESETN, else USB authorized off and on; then a wait of 30 s.
Monitor: off.
"
    );
}

#[test]
fn each_setting_changes_its_words() {
    for (text, words) in [
        ("DEVICE=ttyUSB3", "Modem: the one on /dev/ttyUSB3; "),
        ("DEVICE=ttyLISA0", "Profile LISA-U200: "),
        ("DEVICE=AUTO", "Its profile follows from what it is.\n"),
        (
            "APN=",
            "Dial: no APN: the context that the modem has; then the profile's dial command, else ATDT*99***1#.\n",
        ),
        (
            "CONNECT_OK=1\nAPN=a",
            "CONNECT_OK is set, so a modem whose flash memory wears out is not told it again",
        ),
        (
            "AUTH=PAP\nACCOUNT=a",
            "Authentication: PAP as \"a\"; CHAP is not agreed to.\n",
        ),
        (
            "AUTH=NOAUTH",
            "Authentication: none: a demand is rejected.\n",
        ),
        (
            "PIN=1234\nNETMODE=LTE\nCARRIERID=44020",
            "SIM and network: the PIN is sent if the SIM asks for one, never twice if it is wrong; LTE only; network 44020.\n",
        ),
        (
            "LOCALADDR=10.0.0.2",
            "our address 10.0.0.2, the peer's by negotiation; an LCP",
        ),
        ("PERSIST=0", "Link: one; the service ends with it.\n"),
        (
            "RESET_AT=03:00\nRESET_ALWAYS=1",
            "ended by force each day at 03:00.\n",
        ),
        (
            "RESET_ALWAYS=1\nRESET_ON_FAIL=0",
            "Reset: after every link: the steps of the modem's profile; then a wait of 30 s, or what the modem needs.\n",
        ),
        ("RESET_ON_FAIL=0", "Reset: never by itself.\n"),
        (
            "MONITOR=yes\nMONITOR_TARGET=www.example.jp\nMONITOR_LOG=no",
            "Monitor: a ping every 60 s to the nearest host on the way to www.example.jp that answers; 3 lost in a row cut the link; results are not logged.\n",
        ),
        (
            "[modem]\ndirect = true",
            "Dial: nothing is dialed: the tty is the line to the peer.\n",
        ),
        (
            "[connect]\nscript = [\"\", \"ATD\"]",
            "Dial: by a chat script of 2 words; each expect may take 45 s.\n",
        ),
        ("[scripts]\nenabled = false", "Scripts: none is run.\n"),
        (
            "[scripts]\nip_up = \"/x/up\"\ntimeout = \"2min\"",
            "/x/up when it is, /etc/ppp/ip-down when it has ended; each may take 2 min.\n",
        ),
        (
            "[dns]\nmanager = \"file\"\nfallback = [\"192.0.2.1\"]",
            "DNS: the peer's servers, else 192.0.2.1; told to /etc/resolv.conf, put back when the link ends, and written to ",
        ),
        (
            "[dns]\nuse_peer = false",
            "DNS: none is asked for, and nobody is told one.\n",
        ),
        (
            "[network]\ndefault_route = true\nroute_metric = 7",
            "Default route: through the link with metric 7, beside the one that is there.\n",
        ),
        (
            "[ppp]\nmax_connect = \"2h\"",
            "Link: kept up for ever; ended after 2 h.\n",
        ),
        (
            "[supervision.reset]\nreboot = true\ncommand = [\"/x\", \"y\"]\nany = true",
            "Reset: after 3 failures in a row, whatever the failure is: the steps of the modem's profile, else /x y, else a restart of this host; ",
        ),
    ] {
        let told = told(text);
        assert!(told.contains(words), "{text}\n{words}\n{told}");
    }
}

#[test]
fn no_secret_is_told() {
    let config = Config {
        account: "a\u{1b}[2J".to_owned(),
        auth: Auth::Chap,
        password: Secret::new("geheim"),
        pin: Some(Secret::new("98765")),
        ..Config::default()
    };
    let told = format!(
        "{:?}",
        describe(&config, &Profiles::built_in(), Path::new("/etc/ppp"))
    );
    assert!(!told.contains("geheim") && !told.contains("98765"));
    assert!(!told.contains('\u{1b}'));
}
