use proptest::prelude::*;

use super::*;
use crate::modem::info::{Signal, SimState};

const LIMIT: Duration = Duration::from_secs(30);

/// A port in virtual time.
struct Bench {
    query: Query,
    now: Instant,
    sent: Vec<String>,
    events: Vec<QueryEvent>,
}

impl Bench {
    fn new(interval: u64) -> Self {
        Self {
            query: Query::new(QueryPlan {
                interval: Duration::from_secs(interval),
            }),
            now: Instant::from_millis(1000),
            sent: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Runs until nothing is due before `end`.
    fn run(&mut self, end: Duration, modem: &dyn Fn(&str) -> Option<String>) {
        let end = self.now + end;
        loop {
            let mut out = Vec::new();
            self.query.poll_transmit(&mut out);
            let sent = String::from_utf8(out).unwrap().trim().to_owned();
            while let Some(event) = self.query.poll_event() {
                if !matches!(event, QueryEvent::Log(_)) {
                    self.events.push(event);
                }
            }
            if !sent.is_empty() {
                let answer = modem(&sent);
                self.sent.push(sent);
                if let Some(answer) = answer {
                    self.query.handle_bytes(self.now, answer.as_bytes());
                    continue;
                }
            }
            match self.query.poll_timeout() {
                Some(deadline) if deadline <= end => {
                    self.now = self.now.max(deadline);
                    self.query.handle_timeout(self.now);
                }
                _ => {
                    self.now = end;
                    return;
                }
            }
        }
    }
}

fn good(sent: &str) -> Option<String> {
    let text = match sent {
        "AT+CSQ" => "+CSQ: 20,99\r\n",
        "AT+CREG?" => "+CREG: 0,1\r\n",
        "AT+CGREG?" => "^RSSI: 20\r\n+CGREG: 0,1\r\n",
        "AT+CEREG?" => return Some("\r\nERROR\r\n".to_owned()),
        "AT+COPS?" => "+COPS: 0,0,\"NTT DOCOMO\",2\r\n",
        "AT+CPIN?" => "+CPIN: READY\r\n",
        "ATI" => "X\r\nY\r\n",
        _ => "",
    };
    Some(format!("\r\n{text}\r\nOK\r\n"))
}

#[test]
fn each_round_tells_how_the_modem_stands_then() {
    let mut bench = Bench::new(60);
    bench.query.start(bench.now);
    bench.run(Duration::from_secs(130), &good);
    let info = ModemInfo {
        sim: Some(SimState::Ready),
        registration: Some(Registration::Home),
        signal: Some(Signal { dbm: -73 }),
        operator: Some("NTT DOCOMO".to_owned()),
        technology: Some("UTRAN".to_owned()),
        ..ModemInfo::default()
    };
    let told = QueryEvent::Info(info);
    assert_eq!(bench.events, [told.clone(), told.clone(), told]);
    // Three rounds; the first two questions once.
    assert_eq!(bench.sent.len(), 3 * 7 + 2);
    assert!(bench.sent.iter().all(|sent| !sent.contains("CGACT")));
}

#[test]
fn a_users_command_comes_between_the_questions() {
    let mut bench = Bench::new(60);
    bench.query.start(bench.now);
    assert_eq!(bench.query.send(bench.now, "ATI", LIMIT), Ok(()));
    assert_eq!(
        bench.query.send(bench.now, "ATZ", LIMIT),
        Err(QueryRefusal::Busy)
    );
    assert!(matches!(
        bench.query.send(bench.now, "ATI\r", LIMIT),
        Err(QueryRefusal::Command(_))
    ));
    bench.run(Duration::from_secs(30), &good);
    assert_eq!(
        bench.events.first(),
        Some(&QueryEvent::Answer(Ok(Answer {
            lines: vec!["X".to_owned(), "Y".to_owned()],
            result: "OK".to_owned(),
        })))
    );
    // It is woken first.
    assert_eq!(bench.sent.len(), QUESTIONS.len() + 2);
    // While it rests.
    bench.events.clear();
    assert_eq!(bench.query.send(bench.now, "ATI", LIMIT), Ok(()));
    bench.run(Duration::from_secs(10), &good);
    assert_eq!(bench.events.len(), 1);
    bench.run(Duration::from_secs(60), &good);
    assert!(bench.sent.len() > QUESTIONS.len() + 5, "the rounds go on");
}

#[test]
fn without_rounds_only_the_user_asks() {
    let mut bench = Bench::new(0);
    bench.query.start(bench.now);
    bench.run(Duration::from_secs(1000), &good);
    assert_eq!(bench.sent, [""; 0]);
    assert_eq!(bench.query.send(bench.now, "ATI", LIMIT), Ok(()));
    bench.run(Duration::from_secs(1000), &good);
    assert_eq!(bench.sent, ["AT", "ATI"]);
    assert_eq!(bench.events.len(), 1);
}

#[test]
fn a_command_that_wants_a_text_is_left() {
    let mut bench = Bench::new(60);
    bench.query.start(bench.now);
    bench.run(Duration::from_secs(30), &good);
    bench.events.clear();
    let command = "AT+CMGS=\"1\"";
    assert_eq!(bench.query.send(bench.now, command, LIMIT), Ok(()));
    bench.run(Duration::from_secs(60), &|sent| {
        if sent == command {
            Some("\r\n> ".to_owned())
        } else {
            good(sent)
        }
    });
    assert!(matches!(
        bench.events.first(),
        Some(QueryEvent::Answer(Err(ExchangeError::Prompt { .. })))
    ));
    assert!(bench.sent.iter().any(|sent| sent == "\x1b"));
    assert!(matches!(bench.events.last(), Some(QueryEvent::Info(_))));
}

#[test]
fn a_round_that_falls_due_during_a_users_command_comes_behind_it() {
    let mut bench = Bench::new(60);
    bench.query.start(bench.now);
    bench.run(Duration::from_secs(50), &good);
    let rounds = |bench: &Bench| bench.sent.iter().filter(|sent| *sent == "AT+CSQ").count();
    assert_eq!(rounds(&bench), 1);
    assert_eq!(bench.query.send(bench.now, "ATX", LIMIT), Ok(()));
    bench.run(Duration::from_secs(35), &|sent| {
        if sent == "ATX" { None } else { good(sent) }
    });
    assert_eq!(rounds(&bench), 2);
}

#[test]
fn what_a_round_does_not_tell_is_not_told() {
    let mut bench = Bench::new(60);
    bench.query.start(bench.now);
    bench.run(Duration::from_secs(30), &good);
    bench.events.clear();
    bench.run(Duration::from_secs(60), &|sent| match sent {
        "AT+CPIN?" => good(sent),
        _ => Some("\r\nERROR\r\n".to_owned()),
    });
    let told = ModemInfo {
        sim: Some(SimState::Ready),
        ..ModemInfo::default()
    };
    assert_eq!(bench.events, [QueryEvent::Info(told)]);
}

#[test]
fn a_dead_port_is_told() {
    let mut bench = Bench::new(60);
    bench.query.start(bench.now);
    bench.run(Duration::from_secs(100), &|_| None);
    assert_eq!(bench.events, [QueryEvent::Failed]);
    assert_eq!(bench.query.poll_timeout(), None);
    assert_eq!(
        bench.query.send(bench.now, "ATI", LIMIT),
        Err(QueryRefusal::Dead)
    );
}

#[test]
fn a_command_without_an_answer_is_told_and_the_rounds_go_on() {
    let mut bench = Bench::new(60);
    bench.query.start(bench.now);
    assert_eq!(bench.query.send(bench.now, "ATX", LIMIT), Ok(()));
    bench.run(Duration::from_secs(200), &|sent| {
        if sent == "ATX" { None } else { good(sent) }
    });
    assert!(matches!(
        bench.events.first(),
        Some(QueryEvent::Answer(Err(ExchangeError::Timeout { .. })))
    ));
    assert!(matches!(bench.events.last(), Some(QueryEvent::Info(_))));
}

proptest! {
    #[test]
    fn no_answer_makes_it_panic_or_hang(
        answers in proptest::collection::vec("[ -~\\r\\n]{0,40}|(\\r\\n)(OK|ERROR|\\+CSQ: 3|NO CARRIER)\\r\\n", 1..40),
    ) {
        let mut bench = Bench::new(1);
        bench.query.start(bench.now);
        let index = std::cell::Cell::new(0);
        bench.run(Duration::from_secs(300), &|_| {
            index.set(index.get() + 1);
            answers.get(index.get() % answers.len()).cloned()
        });
        prop_assert!(bench.sent.len() < 4000);
    }
}
