//! The interface that stays while the link is down: sockets of programs survive, packets wait, the first packet dials,
//! silence hangs up (spec N5, S6, C12, C13). The daemon's binary against the simulated modem.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "test code"
)]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use protocol_tests::clock::{pause, wait_until};
use protocol_tests::daemon::{Daemon, PATIENCE, Simulator, Site};
use protocol_tests::namespace::Namespace;
use protocol_tests::ping::ping;
use protocol_tests::require;
use rustix::process::Signal;

const WEB: &str = "198.51.100.10";
const ECHO: &str = "198.51.100.10:7";
const DNS: &str = "192.0.2.53:53";

/// A question for the address of www.example.jp.
const QUESTION: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x02jp\0\0\x01\0\x01";

/// A configuration with the interface held, and `more` in its sections.
fn hold(site: &Site, holdoff: u32, network: &str) {
    site.write(
        "config.toml",
        &format!(
            "[modem]\ndevice = {:?}\n[network]\ndefault_route = true\nhold = true\n{network}\n\
             [supervision]\nholdoff = {holdoff}\n",
            site.tty()
        ),
    );
}

/// One with DEMAND.
fn demand(site: &Site, more: &[(&str, &str)]) {
    let mut keys = vec![
        ("APN", "internet"),
        ("DEFAULTROUTE", "1"),
        ("DEMAND", "1"),
        ("HOLDOFF", "1"),
    ];
    keys.extend(more);
    site.configure(&keys);
}

fn connect(namespace: &Namespace) -> TcpStream {
    let to: SocketAddr = ECHO.parse().unwrap();
    let stream = namespace.enter(|| TcpStream::connect_timeout(&to, PATIENCE));
    let stream = stream.expect("connect to the echo service");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a word and wants it back.
fn echo(stream: &mut TcpStream, word: &[u8]) {
    stream.write_all(word).expect("write to the echo service");
    expect(stream, word);
}

fn expect(stream: &mut TcpStream, word: &[u8]) {
    let mut got = vec![0; word.len()];
    stream
        .read_exact(&mut got)
        .expect("read from the echo service");
    assert_eq!(got, word);
}

fn dns(namespace: &Namespace) -> UdpSocket {
    let socket = namespace.enter(|| UdpSocket::bind("0.0.0.0:0")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn ask(socket: &UdpSocket) {
    socket.send_to(QUESTION, DNS).expect("send a question");
}

fn answered(socket: &UdpSocket) {
    let mut answer = [0; 512];
    let (length, from) = socket.recv_from(&mut answer).expect("an answer");
    assert_eq!(from.to_string(), DNS);
    assert!(length > QUESTION.len(), "{length}");
    assert_eq!(answer.first_chunk(), QUESTION.first_chunk::<2>());
}

/// The line of the interface: its number, its name and its addresses.
fn shown(namespace: &Namespace) -> String {
    namespace.run("ip -4 -o addr show dev ppp0 up")
}

/// The number of the interface.
fn index(namespace: &Namespace) -> String {
    let shown = shown(namespace);
    shown.split(':').next().unwrap_or_default().to_owned()
}

/// How often the daemon has gone to sleep.
fn wakes(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.process.pid())).unwrap();
    let mut lines = status.lines();
    let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.unwrap().trim().parse().unwrap()
}

/// `net.ipv4.ip_dynaddr`.
fn setting(namespace: &Namespace) -> String {
    namespace.run("cat /proc/sys/net/ipv4/ip_dynaddr")
}

/// Until it has `address` and the default route.
fn wait_for_address(daemon: &mut Daemon, namespace: &Namespace, address: &str) {
    wait_until(address, PATIENCE, || {
        (daemon.wait_for_address(namespace, PATIENCE) == address).then_some(())
    });
    namespace.wait_for_default_route("ppp0");
}

#[test]
fn sockets_survive_a_cut_line_if_the_address_stays() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "no-carrier=1@6s"]);
    let namespace = Namespace::new();
    hold(&site, 2, "");
    let mut daemon = site.run(&namespace, &[]);
    wait_for_address(&mut daemon, &namespace, "10.64.64.2");
    let mut stream = connect(&namespace);
    echo(&mut stream, b"before");
    let socket = dns(&namespace);
    ask(&socket);
    answered(&socket);
    let (before, routes) = (shown(&namespace), namespace.routes());

    daemon.process.wait_for_line("Modem hangup", PATIENCE);
    let mark = daemon.process.mark();
    assert_eq!(shown(&namespace), before);
    assert_eq!(namespace.routes(), routes);
    // Sent into the void, for all that the programs know.
    ask(&socket);
    stream.write_all(b"meanwhile").unwrap();
    daemon
        .process
        .wait_for_line_after(mark, "waited and go", PATIENCE);
    answered(&socket);
    expect(&mut stream, b"meanwhile");
    echo(&mut stream, b"after");
    assert_eq!(shown(&namespace), before);
    assert_eq!(namespace.routes(), routes);

    assert_eq!(daemon.terminate(), 5);
    assert!(!namespace.has_interface("ppp0"));
    assert_eq!(namespace.routes(), Vec::<String>::new());
}

#[test]
fn another_address_ends_the_connections_of_the_former_one_at_once() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let faults = ["--fault", "new-address", "--fault", "no-carrier=1@6s"];
    let _simulator = Simulator::start(&site.tty(), &faults);
    let namespace = Namespace::new();
    hold(&site, 2, "");
    let mut daemon = site.run(&namespace, &[]);
    wait_for_address(&mut daemon, &namespace, "10.64.64.2");
    let mut stream = connect(&namespace);
    echo(&mut stream, b"before");
    let number = index(&namespace);
    let socket = dns(&namespace);

    daemon.process.wait_for_line("Modem hangup", PATIENCE);
    ask(&socket);
    stream.write_all(b"lost").unwrap();
    daemon
        .process
        .wait_for_line("Local IP address changed to 10.64.64.3", PATIENCE);
    let mut nothing = [0; 1];
    let error = stream.read(&mut nothing).expect_err("it is over");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    // A datagram from the former address gets the new one, and its answer.
    answered(&socket);
    wait_for_address(&mut daemon, &namespace, "10.64.64.3");
    assert_eq!(shown(&namespace).lines().count(), 1);
    assert_eq!(index(&namespace), number, "it is the same interface");
    echo(&mut connect(&namespace), b"after");
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn the_oldest_packets_make_room_and_are_counted() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "no-carrier=1@3s"]);
    let namespace = Namespace::new();
    hold(&site, 4, "queue_packets = 4");
    let mut daemon = site.run(&namespace, &[]);
    daemon.process.wait_for_line("Modem hangup", PATIENCE);
    let sockets: Vec<UdpSocket> = (0..10).map(|_| dns(&namespace)).collect();
    sockets.iter().for_each(ask);
    daemon.process.wait_for_line(
        "4 packets have waited and go out; dropped: 6 to make room",
        PATIENCE,
    );
    let (lost, kept) = sockets.split_at(6);
    kept.iter().for_each(answered);
    for socket in lost {
        socket.set_nonblocking(true).unwrap();
        let error = socket.recv(&mut [0; 1]).expect_err("it was dropped");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn the_first_packet_dials_and_is_answered_and_silence_hangs_up() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::with_lan("");
    let routes = namespace.routes();
    let dynamic = setting(&namespace);
    demand(&site, &[("IDLE", "3")]);
    let mut daemon = site.run(&namespace, &[]);
    wait_for_address(&mut daemon, &namespace, "10.64.64.64");
    let line = shown(&namespace);
    assert!(
        line.contains("inet 10.64.64.64 peer 10.112.112.112/32"),
        "{line}"
    );
    assert_eq!(setting(&namespace).trim(), "1");

    // What the host says by itself wakes nobody.
    let noise = dns(&namespace);
    namespace
        .enter(|| {
            let group = "239.255.255.250".parse().unwrap();
            noise.join_multicast_v4(&group, &"10.64.64.64".parse().unwrap())
        })
        .unwrap();
    noise.send_to(b"anybody?", "239.255.255.250:1900").unwrap();
    pause(Duration::from_secs(1));
    assert_eq!(daemon.process.count("send (ATZ^M)"), 0);

    // A ping, a question and a connection each start a dial, and each is answered.
    let number = index(&namespace);
    let socket = dns(&namespace);
    for round in 0..3 {
        let mark = daemon.process.mark();
        match round {
            0 => assert_eq!(ping(&namespace, WEB.parse().unwrap(), 56, 1, PATIENCE), 1),
            1 => {
                ask(&socket);
                answered(&socket);
            }
            _ => echo(&mut connect(&namespace), b"hello"),
        }
        wait_for_address(&mut daemon, &namespace, "10.64.64.2");
        for line in [
            "Starting link",
            "Terminating connection due to lack of activity.",
            "\"Link inactive\"",
            "Waiting for a packet",
        ] {
            daemon.process.wait_for_line_after(mark, line, PATIENCE);
        }
        assert_eq!(index(&namespace), number);
        assert_eq!(
            daemon.process.count("Serial connection established."),
            round + 1
        );
    }
    assert_eq!(daemon.terminate(), 5);
    assert!(!namespace.has_interface("ppp0"));
    assert_eq!(namespace.routes(), routes);
    assert_eq!(setting(&namespace), dynamic);
}

#[test]
fn a_connection_that_starts_the_dial_follows_the_new_address() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    demand(&site, &[]);
    let mut daemon = site.run(&namespace, &[]);
    wait_for_address(&mut daemon, &namespace, "10.64.64.64");
    let mut stream = connect(&namespace);
    echo(&mut stream, b"hello");
    let local = stream.local_addr().unwrap();
    assert_eq!(local.ip().to_string(), "10.64.64.2");
    daemon
        .process
        .wait_for_line("of the former address", PATIENCE);
    // Cut by a user: the address is the same, and the next packet dials.
    daemon.process.signal(Signal::USR1);
    daemon.process.wait_for_line("sent [LCP TermReq", PATIENCE);
    echo(&mut stream, b"still there");
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn configured_addresses_stand_from_the_start() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let namespace = Namespace::new();
    demand(
        &site,
        &[("LOCALADDR", "192.0.2.200"), ("REMOTEADDR", "192.0.2.201")],
    );
    // There is no modem: nothing is dialed, so nothing is missed.
    let mut daemon = site.run(&namespace, &[]);
    wait_for_address(&mut daemon, &namespace, "192.0.2.200");
    let line = shown(&namespace);
    assert!(line.contains("peer 192.0.2.201/32"), "{line}");
    assert_eq!(daemon.process.count("Waiting for the tty"), 0);
    // Nothing to do, nothing done.
    pause(Duration::from_secs(1));
    let before = wakes(&daemon);
    pause(Duration::from_secs(3));
    let woken = wakes(&daemon) - before;
    assert!(woken < 3, "woken {woken} times in 3 s");
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn an_interface_deleted_while_it_waits_is_made_again() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    demand(&site, &[]);
    let mut daemon = site.run(&namespace, &[]);
    for (what, word) in [("del ppp0", "deleted"), ("set ppp0 down", "set down")] {
        wait_for_address(&mut daemon, &namespace, "10.64.64.64");
        let mark = daemon.process.mark();
        namespace.run(&format!("ip link {what}").replace("set down dev ppp0", "set dev ppp0 down"));
        daemon.process.wait_for_line_after(mark, word, PATIENCE);
    }
    wait_for_address(&mut daemon, &namespace, "10.64.64.64");
    assert_eq!(daemon.process.count("send (ATZ^M)"), 0);
    assert_eq!(ping(&namespace, WEB.parse().unwrap(), 56, 1, PATIENCE), 1);
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn an_interface_deleted_under_a_link_that_holds_it_is_made_again() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    hold(&site, 1, "");
    let mut daemon = site.run(&namespace, &[]);
    for _ in 0..2 {
        wait_for_address(&mut daemon, &namespace, "10.64.64.2");
        let mark = daemon.process.mark();
        namespace.run("ip link del ppp0");
        let (_, mark) = daemon
            .process
            .wait_for_line_after(mark, "deleted", PATIENCE);
        daemon
            .process
            .wait_for_line_after(mark, "local  IP address", PATIENCE);
    }
    wait_for_address(&mut daemon, &namespace, "10.64.64.2");
    assert_eq!(ping(&namespace, WEB.parse().unwrap(), 56, 1, PATIENCE), 1);
    assert_eq!(daemon.terminate(), 5);
    assert!(!namespace.has_interface("ppp0"));
}

#[test]
fn before_the_first_link_nothing_is_held() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &["--fault", "busy=1"]);
    let namespace = Namespace::new();
    hold(&site, 2, "");
    let mut daemon = site.run(&namespace, &[]);
    daemon.process.wait_for_line("Next attempt in", PATIENCE);
    assert!(!namespace.has_interface("ppp0"));
    wait_for_address(&mut daemon, &namespace, "10.64.64.2");
    assert_eq!(daemon.terminate(), 5);
}

#[test]
fn silence_without_demand_ends_one_link_with_status_0() {
    protocol_tests::require!(require::DAEMON);
    let site = Site::new();
    let _simulator = Simulator::start(&site.tty(), &[]);
    let namespace = Namespace::new();
    site.configure(&[("APN", "internet"), ("IDLE", "2"), ("PERSIST", "0")]);
    let mut daemon = site.run(&namespace, &[]);
    assert_eq!(
        daemon.wait_exit(PATIENCE),
        0,
        "{}",
        daemon.process.transcript()
    );
    daemon.process.wait_for_line("\"Link inactive\"", PATIENCE);
}
