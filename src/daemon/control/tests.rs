//! The server on a real socket, in virtual time: nothing here waits for a clock.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::LocalSet;

use super::*;
use crate::io::control_socket;

/// A folder of a test's own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("uplinkd-control-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Bench {
    path: PathBuf,
    controls: mpsc::Receiver<Control>,
    at: mpsc::Receiver<AtRequest>,
    clock: Clock,
}

/// Runs `test` beside a server, on one thread.
fn with_server<F: AsyncFnOnce(Bench)>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let folder = Folder::new();
    let path = control_socket::path(&folder.0, "ppp0");
    LocalSet::new().block_on(&runtime, async {
        let socket = ControlSocket::open(&path, None).unwrap();
        let clock = Clock::new();
        let (sender, controls) = mpsc::channel(2);
        let (at_sender, at) = mpsc::channel(1);
        let board = Board::new(clock.now(), "0.1.0", 1, "ppp0", Duration::from_secs(60));
        let handles = Handles {
            sources: Sources {
                board: Rc::new(RefCell::new(board)),
                traffic: Rc::default(),
                clock: clock.clone(),
            },
            controls: sender,
            reload: Rc::new(Stubborn),
            at: at_sender,
        };
        let server = tokio::task::spawn_local(serve(socket, handles));
        test(Bench {
            path: path.clone(),
            controls,
            at,
            clock,
        })
        .await;
        assert!(!server.is_finished(), "the server has ended");
        server.abort();
        let _ = server.await;
        assert!(!path.exists(), "the socket has stayed");
    });
}

struct Client(BufReader<UnixStream>);

impl Client {
    async fn new(path: &Path) -> Self {
        Self(BufReader::new(UnixStream::connect(path).await.unwrap()))
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
    }

    /// The next reply; `None`: the server has closed.
    async fn reply(&mut self) -> Option<Value> {
        let mut line = String::new();
        match self.0.read_line(&mut line).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap()),
        }
    }

    async fn ask(&mut self, request: &str) -> Value {
        self.send(format!("{request}\n").as_bytes()).await;
        self.reply().await.unwrap()
    }
}

/// One question on a connection of its own.
async fn ask(path: &Path, request: &str) -> Value {
    Client::new(path).await.ask(request).await
}

async fn is_served(path: &Path) {
    let reply = ask(path, "{\"command\":\"status\"}").await;
    assert_eq!(reply["ok"], true);
    assert_eq!(reply["status"]["state"], "starting");
    assert_eq!(reply["status"]["interface"], "ppp0");
}

#[test]
fn several_requests_on_one_connection() {
    with_server(async |bench| {
        let mut client = Client::new(&bench.path).await;
        for _ in 0..50 {
            let reply = client.ask("{\"command\":\"status\"}").await;
            assert_eq!(reply["ok"], true);
        }
        let reply = client.ask("{\"command\":\"stauts\"}").await;
        assert_eq!(
            reply["error"],
            "there is no command \"stauts\"; did you mean \"status\"?"
        );
        let reply = client.ask("{\"command\":\"reload\"}").await;
        assert_eq!(reply, serde_json::json!({ "ok": false, "error": "no" }));
        is_served(&bench.path).await;
    });
}

#[test]
fn commands_reach_the_connection() {
    with_server(async |mut bench| {
        for (name, control) in [
            ("reconnect", Control::Reconnect),
            ("disconnect", Control::Disconnect),
            ("connect", Control::Connect),
            ("reset", Control::Reset),
        ] {
            let reply = ask(&bench.path, &format!("{{\"command\":\"{name}\"}}")).await;
            assert_eq!(reply["ok"], true, "{reply}");
            assert_eq!(bench.controls.recv().await, Some(control));
        }
        // Nobody takes them: no more than the channel holds are accepted.
        let mut accepted = 0;
        for _ in 0..10 {
            let reply = ask(&bench.path, "{\"command\":\"reconnect\"}").await;
            accepted += u32::from(reply["ok"] == true);
        }
        assert_eq!(accepted, 2);
        drop(bench.controls);
        let reply = ask(&bench.path, "{\"command\":\"reconnect\"}").await;
        assert_eq!(reply["error"], "the daemon is ending");
    });
}

#[test]
fn garbage_gets_one_reply_and_the_end() {
    with_server(async |bench| {
        for garbage in [
            &b"\n"[..],
            b"status\n{\"command\":\"reset\"}\n",
            b"\x00\xff\xfe\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"{\"command\":\"at\"\n",
        ] {
            let mut client = Client::new(&bench.path).await;
            client.send(garbage).await;
            let reply = client.reply().await.unwrap();
            assert_eq!(reply["ok"], false, "{garbage:?}");
            assert_eq!(client.reply().await, None, "{garbage:?}");
        }
        is_served(&bench.path).await;
        let mut controls = bench.controls;
        assert!(controls.try_recv().is_err(), "garbage became a command");
    });
}

#[test]
fn a_flood_is_cut_off() {
    with_server(async |bench| {
        let mut flood = UnixStream::connect(&bench.path).await.unwrap();
        let megabyte = vec![b'x'; 1_000_000];
        let error = flood.write_all(&megabyte).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
        let mut reply = String::new();
        let _ = BufReader::new(flood).read_line(&mut reply).await;
        assert_eq!(
            reply,
            "{\"ok\":false,\"error\":\"a request must not be longer than 4096 bytes\"}\n"
        );
        is_served(&bench.path).await;
    });
}

/// A megabyte of good requests, whose replies are never read: the server writes until its buffer is full, and gives up.
#[test]
fn a_client_that_does_not_read_is_dropped() {
    with_server(async |bench| {
        let mut flood = UnixStream::connect(&bench.path).await.unwrap();
        let requests = b"{\"command\":\"status\"}\n".repeat(50_000);
        let began = bench.clock.now();
        let flooding =
            tokio::task::spawn_local(async move { flood.write_all(&requests).await.unwrap_err() });
        for _ in 0..20 {
            is_served(&bench.path).await;
        }
        assert_eq!(
            flooding.await.unwrap().kind(),
            std::io::ErrorKind::BrokenPipe
        );
        // Paced: it was not served as fast as it wrote.
        let took = bench.clock.now().since(began);
        assert!(took > Duration::from_secs(2), "{took:?}");
        is_served(&bench.path).await;
    });
}

#[test]
fn half_a_line_and_silence_are_waited_for_5_seconds() {
    with_server(async |bench| {
        for start in [&b""[..], b"{\"command\":\"sta"] {
            let mut client = Client::new(&bench.path).await;
            client.send(start).await;
            let began = bench.clock.now();
            assert_eq!(client.reply().await, None);
            let took = bench.clock.now().since(began);
            assert!(
                (Duration::from_secs(4)..Duration::from_secs(6)).contains(&took),
                "{took:?}"
            );
        }
        // One byte a second is no way out.
        let mut client = Client::new(&bench.path).await;
        let mut sent = 0;
        while client.0.get_mut().write_all(b"x").await.is_ok() {
            sent += 1;
            assert!(sent < 10);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        is_served(&bench.path).await;
    });
}

#[test]
fn a_hundred_clients_that_hang_displace_nobody_who_asks() {
    with_server(async |bench| {
        let mut hanging = Vec::new();
        for _ in 0..100 {
            hanging.push(Client::new(&bench.path).await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let began = bench.clock.now();
        is_served(&bench.path).await;
        let took = bench.clock.now().since(began);
        assert!(took < Duration::from_secs(1), "{took:?}");
        let mut open = 0;
        for client in &mut hanging {
            let mut byte = [0];
            let state = client.0.get_mut().try_read(&mut byte);
            let waits = state.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock);
            open += usize::from(waits);
        }
        assert!(open < MAX_CLIENTS, "{open} are still there");
    });
}

#[test]
fn an_at_command_goes_to_the_second_port() {
    with_server(async |mut bench| {
        let path = bench.path.clone();
        let asking = tokio::task::spawn_local(async move {
            ask(&path, "{\"command\":\"at\",\"line\":\"AT+CSQ\"}").await
        });
        let request = bench.at.recv().await.unwrap();
        assert_eq!(request.line, "AT+CSQ");
        assert_eq!(request.limit, Duration::from_secs(60));
        let answer = Answer {
            lines: vec!["+CSQ: 18,99".to_owned()],
            result: "OK".to_owned(),
        };
        request.reply.send(Ok(answer)).unwrap();
        assert_eq!(
            asking.await.unwrap(),
            serde_json::json!({"ok": true, "lines": ["+CSQ: 18,99"], "result": "OK"})
        );
    });
}

#[test]
fn an_at_command_that_ends_the_link_needs_force() {
    with_server(async |mut bench| {
        let reply = ask(&bench.path, "{\"command\":\"at\",\"line\":\"AT+CFUN=1,1\"}").await;
        assert_eq!(
            reply["error"],
            "AT+CFUN restarts the modem or switches it off: it may end the link; --force sends it all the same"
        );
        assert!(bench.at.try_recv().is_err());
        let path = bench.path.clone();
        let asking = tokio::task::spawn_local(async move {
            let line = "{\"command\":\"at\",\"line\":\"AT+CFUN=1,1\",\"force\":true}";
            ask(&path, line).await
        });
        let request = bench.at.recv().await.unwrap();
        assert_eq!(request.line, "AT+CFUN=1,1");
        // The port goes with its answer.
        drop(request);
        let reply = asking.await.unwrap();
        assert_eq!(reply["error"], "the second AT port went away meanwhile");
    });
}

#[test]
fn a_port_that_hangs_is_not_waited_for_for_ever() {
    with_server(async |mut bench| {
        let path = bench.path.clone();
        let asking = tokio::task::spawn_local(async move {
            ask(&path, "{\"command\":\"at\",\"line\":\"ATI\"}").await
        });
        let _held = bench.at.recv().await.unwrap();
        // The port is busy: the next one waits in the channel, the one after that is refused.
        let path = bench.path.clone();
        let second = tokio::task::spawn_local(async move {
            ask(&path, "{\"command\":\"at\",\"line\":\"ATI\"}").await
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let third = ask(&bench.path, "{\"command\":\"at\",\"line\":\"ATI\"}").await;
        assert_eq!(third["error"], "another AT command is under way");
        is_served(&bench.path).await;
        for reply in [asking.await.unwrap(), second.await.unwrap()] {
            assert_eq!(reply["error"], "the second AT port does not answer");
        }
    });
}

#[test]
fn values_of_at_commands_are_not_logged() {
    assert_eq!(command_name("AT+CPIN=\"1234\""), "AT+CPIN");
    assert_eq!(command_name("ATI"), "ATI");
}

/// A configuration with an error.
struct Stubborn;

impl Reload for Stubborn {
    fn reload(&self) -> ReloadOutcome {
        ReloadOutcome::Refused("no".to_owned())
    }
}
