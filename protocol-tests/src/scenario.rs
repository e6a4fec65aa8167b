//! Scenario files: what a peer says, and what our end has to say and do, in virtual time. `README.md` has the format.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::BytesMut;
use uplinkd::ppp::config::{
    Account, AllowedAuth, Assign, AuthDemand, AuthMessages, AuthMethod, SessionConfig,
};
use uplinkd::ppp::{Endpoint, Event};
use uplinkd::secret::Secret;
use uplinkd::time::Instant;

use crate::pattern::{Pattern, Vars, string, words};
use crate::wire::{self, Frame, describe};

/// A scenario file that has been read.
#[derive(Debug)]
pub struct Scenario {
    name: String,
    config: SessionConfig,
    steps: Vec<Step>,
}

/// What went wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    place: String,
    message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

#[derive(Debug)]
struct Step {
    line: usize,
    at: Instant,
    action: Action,
}

#[derive(Debug)]
enum Action {
    /// `line up`
    LineUp,
    /// `line down`
    LineDown,
    /// `close "text"`
    Close(String),
    /// `quiet`: nothing happens until then.
    Quiet,
    /// `> ...`: this frame is sent at that moment.
    Sent(Pattern),
    /// `< ...`: the peer sends this.
    Received(Pattern),
    /// `! ...`: this event comes at that moment.
    Expect(Expected),
}

#[derive(Debug)]
enum Expected {
    Up(Vec<(String, String)>),
    NetworkDown,
    Down(String, Option<String>),
    Log(String),
}

impl Scenario {
    /// Reads a file's text; `name` is what errors call it.
    ///
    /// # Errors
    /// The first line that is not understood.
    pub fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        let mut config = None;
        let mut steps: Vec<Step> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let place = || format!("{name}:{}", index + 1);
            let fail = |message: String| Failure {
                place: place(),
                message,
            };
            let line = strip_comment(line).trim();
            if line.is_empty() {
                continue;
            }
            if config.is_none() {
                config = Some(parse_config(line).map_err(fail)?);
                continue;
            }
            let last = steps.last().map_or(Instant::ZERO, |step| step.at);
            let (at, rest) = match line.split_once(char::is_whitespace) {
                Some((time, rest)) if time.starts_with(|c: char| c.is_ascii_digit()) => {
                    let at = seconds(time).ok_or_else(|| fail(format!("{time} is not a time")))?;
                    (Instant::from_origin(at), rest.trim())
                }
                _ => (last, line),
            };
            if at < last {
                return Err(fail("time runs backwards".to_owned()));
            }
            let action = parse_action(rest).map_err(fail)?;
            steps.push(Step {
                line: index + 1,
                at,
                action,
            });
        }
        let config = config.ok_or_else(|| Failure {
            place: name.to_owned(),
            message: "the first line has to be `client ...` or `server ...`".to_owned(),
        })?;
        Ok(Self {
            name: name.to_owned(),
            config,
            steps,
        })
    }

    /// Plays it: once with each frame in one piece, once octet by octet.
    ///
    /// # Errors
    /// The first line that did not come true, with what happened so far.
    pub fn play(&self) -> Result<(), Failure> {
        for chunk in [usize::MAX, 1] {
            let mut run = Run::new(self, chunk);
            for step in &self.steps {
                run.step(step).map_err(|message| Failure {
                    place: format!("{}:{}", self.name, step.line),
                    message: format!("{message}\n{}", run.transcript.join("\n")),
                })?;
            }
            run.nothing_left().map_err(|message| Failure {
                place: format!("{}: at its end", self.name),
                message: format!("{message}\n{}", run.transcript.join("\n")),
            })?;
        }
        Ok(())
    }
}

struct Run {
    endpoint: Endpoint,
    chunk: usize,
    now: Instant,
    frames: VecDeque<(Instant, Frame)>,
    events: VecDeque<(Instant, Event)>,
    logs: Vec<String>,
    logs_seen: usize,
    vars: Vars,
    transcript: Vec<String>,
}

impl Run {
    fn new(scenario: &Scenario, chunk: usize) -> Self {
        Self {
            endpoint: Endpoint::new(scenario.config.clone(), 1),
            chunk,
            now: Instant::ZERO,
            frames: VecDeque::new(),
            events: VecDeque::new(),
            logs: Vec::new(),
            logs_seen: 0,
            vars: BTreeMap::new(),
            transcript: vec!["  what happened:".to_owned()],
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        self.run_until(step.at)?;
        match &step.action {
            Action::Sent(pattern) => {
                let (at, frame) = self
                    .frames
                    .pop_front()
                    .ok_or_else(|| "nothing was sent".to_owned())?;
                if at != step.at {
                    let sent = describe(&frame.content);
                    return Err(format!("sent at {at:?} instead: {sent}"));
                }
                pattern.compare(&frame, &mut self.vars)
            }
            Action::Expect(Expected::Log(text)) => {
                let found = self
                    .logs
                    .iter()
                    .skip(self.logs_seen)
                    .position(|l| l.contains(text));
                let position = found.ok_or_else(|| {
                    format!(
                        "no log line contains it; lines since the last one that was named:\n    {}",
                        self.logs[self.logs_seen..].join("\n    ")
                    )
                })?;
                self.logs_seen += position + 1;
                Ok(())
            }
            Action::Expect(expected) => {
                let (at, event) = self
                    .events
                    .pop_front()
                    .ok_or_else(|| "no event came".to_owned())?;
                if at != step.at {
                    return Err(format!("came at {at:?} instead: {event:?}"));
                }
                expected.compare(&event)
            }
            Action::Quiet => self.nothing_left(),
            action => {
                self.nothing_left()?;
                match action {
                    Action::LineUp => self.endpoint.line_up(self.now),
                    Action::LineDown => self.endpoint.line_down(self.now),
                    Action::Close(why) => self.endpoint.close(self.now, why),
                    Action::Received(pattern) => {
                        let line = pattern.line(&self.vars)?;
                        self.note("<", &pattern.to_string());
                        for chunk in line.chunks(self.chunk.min(line.len()).max(1)) {
                            self.endpoint.handle_bytes(self.now, chunk, |_| {});
                            self.drain()?;
                        }
                    }
                    Action::Sent(_) | Action::Expect(_) | Action::Quiet => {}
                }
                self.drain()
            }
        }
    }

    /// Lets time pass; every deadline on the way is kept.
    fn run_until(&mut self, end: Instant) -> Result<(), String> {
        // A livelock is a failed test, not a test that hangs.
        for _ in 0..10_000 {
            let Some(deadline) = self.endpoint.poll_timeout().filter(|at| *at <= end) else {
                self.now = end;
                return Ok(());
            };
            self.now = self.now.max(deadline);
            self.endpoint.handle_timeout(self.now);
            self.drain()?;
        }
        Err(format!(
            "10000 deadlines up to {:?}: it does not come to rest",
            self.now
        ))
    }

    fn drain(&mut self) -> Result<(), String> {
        let mut line = BytesMut::new();
        while self.endpoint.poll_transmit(&mut line) {}
        for frame in wire::decode(&line)? {
            self.note(">", &describe(&frame.content));
            self.frames.push_back((self.now, frame));
        }
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                Event::Log(line) => self.logs.push(line.text),
                Event::Phase(_) => {}
                event => {
                    self.note("!", &format!("{event:?}"));
                    self.events.push_back((self.now, event));
                }
            }
        }
        Ok(())
    }

    fn nothing_left(&self) -> Result<(), String> {
        if let Some((at, frame)) = self.frames.front() {
            return Err(format!(
                "not in the scenario: {at:?} > {}",
                describe(&frame.content)
            ));
        }
        if let Some((at, event)) = self.events.front() {
            return Err(format!("not in the scenario: {at:?} ! {event:?}"));
        }
        Ok(())
    }

    fn note(&mut self, sign: &str, what: &str) {
        self.transcript.push(format!(
            "  {:7.3} {sign} {what}",
            self.now.since_origin().as_secs_f64()
        ));
    }
}

impl Expected {
    fn compare(&self, event: &Event) -> Result<(), String> {
        match (self, event) {
            (Self::Up(wanted), Event::NetworkUp(settings)) => {
                let show = |address: Option<Ipv4Addr>| {
                    address.map_or_else(|| "none".to_owned(), |a| a.to_string())
                };
                for (key, value) in wanted {
                    let real = match key.as_str() {
                        "local" => settings.local.to_string(),
                        "remote" => show(settings.remote),
                        "dns1" => show(settings.dns[0]),
                        "dns2" => show(settings.dns[1]),
                        "mtu" => settings.mtu.to_string(),
                        _ => {
                            return Err(format!("{key} is none of local, remote, dns1, dns2, mtu"));
                        }
                    };
                    if real != *value {
                        return Err(format!("{key} is {real}"));
                    }
                }
                Ok(())
            }
            (Self::NetworkDown, Event::NetworkDown) => Ok(()),
            (Self::Down(kind, text), Event::Down(reason)) => {
                let debug = format!("{reason:?}");
                let name = debug
                    .split(|c: char| !c.is_alphanumeric())
                    .next()
                    .unwrap_or_default();
                let display = reason.to_string();
                if name != kind {
                    return Err(format!("the reason is {debug}"));
                }
                match text {
                    Some(text) if !display.contains(text) => {
                        Err(format!("the reason says {display:?}"))
                    }
                    Some(_) | None => Ok(()),
                }
            }
            (_, event) => Err(format!("the event is {event:?}")),
        }
    }
}

fn parse_action(text: &str) -> Result<Action, String> {
    let (sign, rest) = text.split_at_checked(1).ok_or("nothing behind the time")?;
    match sign {
        ">" => return Pattern::parse(rest.trim()).map(Action::Sent),
        "<" => return Pattern::parse(rest.trim()).map(Action::Received),
        "!" => return parse_expected(rest.trim()).map(Action::Expect),
        _ => {}
    }
    match words(text)?
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["line", "up"] => Ok(Action::LineUp),
        ["line", "down"] => Ok(Action::LineDown),
        ["quiet"] => Ok(Action::Quiet),
        ["close", why] => Ok(Action::Close(unquote(why)?)),
        _ => Err(format!(
            "`{text}` is none of `> ...`, `< ...`, `! ...`, `line up`, `line down`, `close \"...\"`, `quiet`"
        )),
    }
}

fn parse_expected(text: &str) -> Result<Expected, String> {
    let list = words(text)?;
    match list
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["up", keys @ ..] => {
            let pairs = keys.iter().map(|word| {
                let (key, value) = word
                    .split_once('=')
                    .ok_or_else(|| format!("{word} is not KEY=VALUE"))?;
                Ok((key.to_owned(), value.to_owned()))
            });
            pairs.collect::<Result<_, String>>().map(Expected::Up)
        }
        ["network-down"] => Ok(Expected::NetworkDown),
        ["down", kind] => Ok(Expected::Down((*kind).to_owned(), None)),
        ["down", kind, text] => Ok(Expected::Down((*kind).to_owned(), Some(unquote(text)?))),
        ["log", text] => Ok(Expected::Log(unquote(text)?)),
        _ => Err(format!(
            "`{text}` is none of `up ...`, `network-down`, `down REASON [\"text\"]`, `log \"text\"`"
        )),
    }
}

fn unquote(word: &str) -> Result<String, String> {
    String::from_utf8(string(word)?).map_err(|_| format!("{word} is not UTF-8"))
}

/// `client key=value ...` or `server key=value ...`.
fn parse_config(line: &str) -> Result<SessionConfig, String> {
    let list = words(line)?;
    let (role, keys) = list.split_first().ok_or("an empty line")?;
    let mut config = SessionConfig::default();
    let mut account = Account {
        user: String::new(),
        secret: Secret::default(),
    };
    let mut method = None;
    let is_server = match role.as_str() {
        "client" => false,
        "server" => true,
        _ => {
            return Err(format!(
                "the first line has to be `client ...` or `server ...`, not `{role}`"
            ));
        }
    };
    for word in keys {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let value = if value.starts_with('"') {
            unquote(value)?
        } else {
            value.to_owned()
        };
        let value = value.as_str();
        let wrong = || format!("{key}={value}: not a value for it");
        let duration = || seconds(value.trim_end_matches('s')).ok_or_else(wrong);
        let number = || value.parse::<u32>().map_err(|_| wrong());
        let address = || value.parse::<Ipv4Addr>().map_err(|_| wrong());
        match key {
            "user" if is_server => account.user = value.to_owned(),
            "secret" if is_server => account.secret = Secret::new(value),
            "user" => config.credentials.user = value.to_owned(),
            "secret" => config.credentials.secret = Secret::new(value),
            "auth" if is_server => {
                method = Some(match value {
                    "pap" => AuthMethod::Pap,
                    "chap" => AuthMethod::ChapMd5,
                    _ => return Err(wrong()),
                });
            }
            "auth" => {
                for method in value.split(',') {
                    match method {
                        "pap" => config.credentials.allow.pap = true,
                        "chap" => config.credentials.allow.chap_md5 = true,
                        _ => return Err(wrong()),
                    }
                }
            }
            "echo" if value == "off" => config.echo.interval = Duration::ZERO,
            "echo" => config.echo.interval = duration()?,
            "echo-failure" => config.echo.failure = number()?,
            "restart" => {
                config.lcp.fsm.restart = duration()?;
                config.ipcp.fsm.restart = duration()?;
            }
            "max-configure" => {
                config.lcp.fsm.max_configure = number()?;
                config.ipcp.fsm.max_configure = number()?;
            }
            "max-pending" => config.ipcp.max_pending = number()?,
            "mru" => config.lcp.mru = value.parse().map_err(|_| wrong())?,
            "accm" => {
                let value = value.trim_start_matches("0x");
                config.lcp.accm = Some(u32::from_str_radix(value, 16).map_err(|_| wrong())?);
            }
            "no-magic" => config.lcp.magic = false,
            "silent" => config.lcp.silent = true,
            "local" => config.ipcp.local = Some(address()?),
            "remote" => config.ipcp.remote = Some(address()?),
            "no-dns" => config.ipcp.request_dns = false,
            "assign" if is_server => {
                config.ipcp.request_dns = false;
                config.ipcp.assign = Some(Assign {
                    address: address()?,
                    dns: [None; 2],
                });
            }
            _ => return Err(format!("there is no setting {key} for the {role}")),
        }
    }
    if let Some(method) = method {
        config.demand = Some(AuthDemand {
            method,
            acceptable: AllowedAuth {
                pap: method == AuthMethod::Pap,
                chap_md5: method == AuthMethod::ChapMd5,
            },
            name: "isp".to_owned(),
            accounts: vec![account],
            accept_any: false,
            rechallenge: None,
            messages: AuthMessages::default(),
        });
    }
    Ok(config)
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    let millis = (seconds * 1000.0).round();
    (0.0..1e12)
        .contains(&millis)
        .then(|| Duration::from_millis(millis as u64))
}

/// What stands before a `#` outside of quotes.
fn strip_comment(line: &str) -> &str {
    let mut quoted = false;
    let mut escaped = false;
    for (index, c) in line.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            '#' if !quoted => return &line[..index],
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    line
}
