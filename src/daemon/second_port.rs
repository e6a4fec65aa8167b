//! The modem's second port: signal and registration while the link is up, and one command of the user's at a time (spec
//! D4, S7, I9).
//!
//! It is open as long as a link is up, if rounds of questions are configured, and else only for a command of the user's.
//! A command needs no link: whenever the modem has been found once, and is not being reset just now, its second port can be
//! asked. Whatever goes wrong here is said once and costs the link nothing: the port that carries it is another one.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::at::Answer;
use crate::daemon::context::Context;
use crate::daemon::control::AtRequest;
use crate::daemon::dialing::Turns;
use crate::daemon::logging::emit;
use crate::io::serial::{Port, PortSettings};
use crate::io::sysfs;
use crate::log::{Level, LogLine};
use crate::modem::{Query, QueryEvent, QueryPlan};
use crate::time::Instant;

/// After the port could not be opened, or did not answer.
const PAUSE: Duration = Duration::from_secs(60);

/// What the port may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// A command of the user's.
    Commands,
    /// A link is up: that, and rounds of questions.
    Rounds,
    /// Nothing: the modem is being reset.
    Nothing,
}

/// Serves the port until it is dropped.
pub(crate) async fn run(
    context: Rc<Context>,
    allowed: watch::Receiver<Use>,
    requests: Option<mpsc::Receiver<AtRequest>>,
) {
    let mut port = SecondPort {
        context,
        allowed,
        requests,
        said: None,
        failures: 0,
        pause: None,
    };
    loop {
        port.turn().await;
    }
}

struct SecondPort {
    context: Rc<Context>,
    allowed: watch::Receiver<Use>,
    /// `None`: nobody can ask any more.
    requests: Option<mpsc::Receiver<AtRequest>>,
    /// What the log knows.
    said: Option<String>,
    /// So many in a row; another port is tried after each, where there are several.
    failures: usize,
    /// The rounds rest until then.
    pause: Option<Instant>,
}

/// Where the answer of the user's command goes.
type Asker = oneshot::Sender<Result<Answer, String>>;

impl SecondPort {
    /// Waits for a reason to open the port, and uses it.
    async fn turn(&mut self) {
        let now = self.context.clock.now();
        if self.pause.is_some_and(|until| until <= now) {
            self.pause = None;
        }
        let rounds = self.wants_rounds();
        if rounds && self.pause.is_none() {
            self.open_and_use(None).await;
            return;
        }
        let pause = self.pause.filter(|_| rounds);
        tokio::select! {
            biased;
            changed = self.allowed.changed() => {
                if changed.is_err() {
                    // The daemon is ending.
                    std::future::pending::<()>().await;
                }
            }
            request = next(&mut self.requests) => self.open_and_use(Some(request)).await,
            () = self.context.clock.sleep_until(pause) => {}
        }
    }

    fn wants_rounds(&self) -> bool {
        *self.allowed.borrow() == Use::Rounds && !self.context.config().query_interval.is_zero()
    }

    async fn open_and_use(&mut self, request: Option<AtRequest>) {
        if *self.allowed.borrow_and_update() == Use::Nothing {
            refuse(request.map(|request| request.reply), BEING_RESET);
            return;
        }
        let port = match self.open().await {
            Ok(port) => port,
            Err(why) => {
                refuse(request.map(|request| request.reply), &why);
                self.failed(why);
                return;
            }
        };
        if let Err(why) = self.converse(&port, request).await {
            self.failed(format!("{}: {why}", port.path().display()));
        }
    }

    /// The rounds rest for a while. Said once; that a modem has one port only is nothing to be said.
    fn failed(&mut self, why: String) {
        self.failures = self.failures.wrapping_add(1);
        self.pause = Some(self.context.clock.now() + PAUSE);
        if why != NO_PORT && self.said.as_ref() != Some(&why) {
            emit(&LogLine::uplinkd(
                Level::Notice,
                format!("The modem's second port is not used: {why}."),
            ));
            self.said = Some(why);
        }
    }

    /// Opens the first of the modem's further ports that can be opened, and after failures the next one.
    async fn open(&self) -> Result<Port, String> {
        let ports = self.ports().await?;
        let settings = PortSettings {
            // Whoever asks needs no flow control, and a device that never raises CTS could not even be asked.
            rtscts: false,
            // The modem must take the closing of this port for nothing: no DTR is lowered.
            modem_lines: false,
            ..self.context.port_settings()
        };
        let lock_dir = &self.context.options.lock_dir;
        let mut problem = None;
        let first = self.failures % ports.len().max(1);
        for path in ports.iter().cycle().skip(first).take(ports.len()) {
            match Port::open(path, &settings, lock_dir) {
                Ok(port) => {
                    port.log().iter().for_each(emit);
                    // What came in while nobody had the tty open is no answer to us.
                    let _ = port.discard_input();
                    return Ok(port);
                }
                Err(why) => problem = problem.or(Some(why)),
            }
        }
        Err(problem.map_or_else(|| NO_PORT.to_owned(), |problem| problem.to_string()))
    }

    /// The modem's further ports, as far as they are still the same modem's: another one may have got their numbers.
    async fn ports(&self) -> Result<Vec<PathBuf>, String> {
        let Some(located) = self.context.modem.located() else {
            return Err("no modem has been opened yet".to_owned());
        };
        if located.at.is_empty() {
            return Err(NO_PORT.to_owned());
        }
        let Some(identity) = located.identity else {
            return Ok(located.at);
        };
        let roots = &self.context.options.roots;
        let seen = sysfs::look(&roots.sys).await;
        let own: Vec<PathBuf> = seen
            .ttys
            .iter()
            .filter(|tty| {
                let usb = tty.usb.as_ref();
                usb.is_some_and(|usb| usb.path == identity.path)
            })
            .map(|tty| roots.dev.join(&tty.name))
            .collect();
        let at: Vec<PathBuf> = located
            .at
            .into_iter()
            .filter(|path| own.contains(path))
            .collect();
        if at.is_empty() {
            return Err("the modem is not where it was found last".to_owned());
        }
        Ok(at)
    }

    /// Asks on the open port until there is nothing more to ask; an error if the port is of no use.
    async fn converse(&mut self, port: &Port, request: Option<AtRequest>) -> Result<(), String> {
        let context = Rc::clone(&self.context);
        let clock = &context.clock;
        let rounds = self.wants_rounds();
        let interval = if rounds {
            context.config().query_interval
        } else {
            Duration::ZERO
        };
        let mut query = Query::new(QueryPlan { interval });
        let mut asker: Option<Asker> = None;
        let mut out = Vec::new();
        let mut buffer = [0; 2048];
        let mut turns = Turns::default();
        query.start(clock.now());
        if let Some(request) = request {
            asker = ask(&mut query, clock.now(), request);
        }
        loop {
            while query.poll_transmit(&mut out) {}
            while let Some(event) = query.poll_event() {
                match event {
                    QueryEvent::Log(line) => emit(&line),
                    QueryEvent::Info(info) => {
                        self.failures = 0;
                        context.board.borrow_mut().note_modem(clock.now(), &info);
                    }
                    QueryEvent::Answer(result) => {
                        if let Some(asker) = asker.take() {
                            // Whoever has asked may be gone.
                            let _ = asker.send(result.map_err(|error| error.to_string()));
                        }
                    }
                    QueryEvent::Failed => return Err("it does not answer AT commands".to_owned()),
                }
            }
            if !rounds && asker.is_none() && out.is_empty() {
                return Ok(());
            }
            tokio::select! {
                biased;
                _ = self.allowed.changed() => {
                    let why = match *self.allowed.borrow_and_update() {
                        Use::Nothing => BEING_RESET,
                        Use::Commands if rounds => "the link went down meanwhile; try again",
                        Use::Commands | Use::Rounds => continue,
                    };
                    refuse(asker, why);
                    return Ok(());
                }
                request = next(&mut self.requests), if asker.is_none() => {
                    asker = ask(&mut query, clock.now(), request);
                }
                written = port.write(&out), if !out.is_empty() => match written {
                    Ok(count) => drop(out.drain(..count.min(out.len()))),
                    Err(error) => {
                        refuse(asker, GONE);
                        return Err(error.to_string());
                    }
                },
                read = port.read(&mut buffer) => match read {
                    Ok(0) => {
                        refuse(asker, GONE);
                        return Err(GONE.to_owned());
                    }
                    Ok(count) => {
                        let now = clock.now();
                        query.handle_bytes(now, buffer.get(..count).unwrap_or_default());
                        // A port that always has something to say must not stop the clock.
                        query.handle_timeout(now);
                        turns.count().await;
                    }
                    Err(error) => {
                        refuse(asker, GONE);
                        return Err(error.to_string());
                    }
                },
                () = clock.sleep_until(query.poll_timeout()) => query.handle_timeout(clock.now()),
            }
        }
    }
}

/// Why there is no answer.
const BEING_RESET: &str = "the modem is being reset; try again in a moment";
/// The same.
const NO_PORT: &str = "there is no second AT port that the daemon knows; `uplinkd disconnect`, then name a port: \
                       `uplinkd at --device TTY COMMAND`";
/// The same.
const GONE: &str = "the tty is gone";

/// Has the user's command sent.
fn ask(query: &mut Query, now: Instant, request: AtRequest) -> Option<Asker> {
    let AtRequest { line, limit, reply } = request;
    match query.send(now, &line, limit) {
        Ok(()) => Some(reply),
        Err(why) => {
            refuse(Some(reply), &why.to_string());
            None
        }
    }
}

fn refuse(asker: Option<Asker>, why: &str) {
    if let Some(asker) = asker {
        // Whoever has asked may be gone.
        let _ = asker.send(Err(why.to_owned()));
    }
}

/// The next command; never, once nobody can ask.
async fn next(requests: &mut Option<mpsc::Receiver<AtRequest>>) -> AtRequest {
    if let Some(open) = requests {
        if let Some(request) = open.recv().await {
            return request;
        }
        *requests = None;
    }
    std::future::pending().await
}
