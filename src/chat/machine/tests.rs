use proptest::prelude::*;

use super::*;
use crate::chat::{Nothing, Options, Script};

/// A file `f` and a variable `V`.
#[derive(Debug)]
struct Site;

impl Lookup for Site {
    fn read_file(&self, path: &[u8]) -> Result<Vec<u8>, String> {
        match path {
            b"f" => Ok(b"AT\\c\n".to_vec()),
            b"eot" => Ok(b"EOT".to_vec()),
            _ => Err("No such file or directory".to_owned()),
        }
    }

    fn variable(&self, name: &[u8]) -> Option<Vec<u8>> {
        (name == b"V").then(|| b"value".to_vec())
    }
}

struct Bench {
    machine: Machine,
    now: Instant,
    sent: Vec<u8>,
    stderr: Vec<u8>,
    log: Vec<String>,
    /// All else.
    events: Vec<ChatEvent>,
}

impl Bench {
    fn new(words: &[&str], options: Options) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self::of(Script::from_words(words), options)
    }

    fn of(script: Script, options: Options) -> Self {
        let call = Arc::new(Call { script, options });
        let mut this = Self {
            machine: Machine::new(call, Rc::new(Site)),
            now: Instant::from_millis(1000),
            sent: vec![],
            stderr: vec![],
            log: vec![],
            events: vec![],
        };
        this.machine.start(this.now);
        this.drain();
        this
    }

    fn drain(&mut self) {
        loop {
            while let Some(event) = self.machine.poll_event() {
                match event {
                    ChatEvent::Log(line) => self.log.push(line.text),
                    ChatEvent::Stderr(text) => self.stderr.extend_from_slice(&text),
                    event => self.events.push(event),
                }
            }
            let any = self.machine.poll_transmit(&mut self.sent);
            let due = self.machine.poll_timeout().is_some_and(|at| at <= self.now);
            if due {
                self.machine.handle_timeout(self.now);
            } else if !any {
                break;
            }
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.machine.handle_bytes(self.now, bytes);
        self.drain();
    }

    fn wait(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        while let Some(next) = self.machine.poll_timeout().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.machine.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn code(&self) -> Option<u8> {
        self.machine.result().map(ChatEnd::exit_code)
    }

    fn take_sent(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.sent)).unwrap()
    }
}

fn verbose() -> Options {
    Options {
        verbose: true,
        timeout: Duration::from_secs(1),
        ..Options::default()
    }
}

#[test]
fn the_documents_script_runs_with_chats_own_log() {
    let script =
        "'' ATZ\nOK ATE0\nABORT BUSY\nABORT 'NO CARRIER'\nTIMEOUT 30\nOK AT\nCONNECT \\d\\c\n";
    let (script, _) = Script::parse(script.as_bytes()).unwrap();
    let mut bench = Bench::of(script, verbose());
    assert_eq!(bench.take_sent(), "ATZ\r");
    bench.feed(b"ATZ\r\r\nOK\r\n");
    assert_eq!(bench.take_sent(), "ATE0\r");
    bench.feed(b"ATE0\r\r\nOK\r\n");
    assert_eq!(bench.take_sent(), "AT\r");
    bench.feed(b"\r\nCONNECT 115200\r\n~");
    assert_eq!(bench.code(), None);
    bench.wait(1000);
    assert_eq!(bench.code(), Some(0));
    assert_eq!(bench.take_sent(), "");
    assert_eq!(bench.machine.take_rest(), b" 115200\r\n~");
    assert_eq!(
        bench.log,
        [
            "send (ATZ^M)",
            "expect (OK)",
            "ATZ^M^M",
            "OK",
            " -- got it",
            "send (ATE0^M)",
            "abort on (BUSY)",
            "abort on (NO CARRIER)",
            "timeout set to 30 seconds",
            "expect (OK)",
            "^M",
            "ATE0^M^M",
            "OK",
            " -- got it",
            "send (AT^M)",
            "expect (CONNECT)",
            "^M",
            "^M",
            "CONNECT",
            " -- got it",
            "send (\\d)",
        ]
    );
    assert_eq!(bench.events, [ChatEvent::Ended(ChatEnd::Done)]);
}

#[test]
fn an_abort_string_ends_it_with_its_own_code() {
    for (text, code) in [("BUSY", 4), ("NO CARRIER", 5), ("ERROR", 6)] {
        let mut bench = Bench::new(
            &[
                "ABORT",
                "BUSY",
                "ABORT",
                "NO CARRIER",
                "ABORT",
                "ERROR",
                "",
                "ATDT1",
                "CONNECT",
            ],
            verbose(),
        );
        bench.feed(format!("xx{text}: 30").as_bytes());
        assert_eq!(bench.code(), Some(code));
        assert_eq!(bench.machine.take_rest(), b": 30");
        let dialog = Dialog {
            expected: "CONNECT".to_owned(),
            sent: Some("ATDT1".to_owned()),
        };
        let end = ChatEnd::Aborted {
            index: usize::from(code) - 4,
            string: text.to_owned(),
            dialog,
        };
        assert_eq!(bench.events, [ChatEvent::Ended(end)]);
        assert_eq!(bench.log.last(), Some(&format!("Failed ({text})")));
    }
}

#[test]
fn more_abort_strings_than_chat_has_room_for() {
    let long = "x".repeat(200);
    let mut words = vec![];
    for _ in 0..60 {
        words.extend(["ABORT", "never"]);
    }
    words.extend(["ABORT", &long, "OK"]);
    let mut bench = Bench::new(&words, verbose());
    bench.feed(&[b'y'; 5000]);
    bench.feed(long.as_bytes());
    assert_eq!(bench.code(), Some(64));
}

#[test]
fn the_expect_wins_on_the_same_character() {
    let mut bench = Bench::new(&["ABORT", "ERROR", "REPORT", "ERR", "OR"], verbose());
    bench.feed(b"+CME ERROR: 30\r");
    assert_eq!(bench.code(), Some(0), "{:?}", bench.log);
    assert_eq!(
        bench.events,
        [
            ChatEvent::ReportBegins,
            ChatEvent::Report(b"ERROR: 30".to_vec()),
            ChatEvent::Ended(ChatEnd::Done)
        ]
    );
}

#[test]
fn an_empty_abort_string_matches_anything() {
    let mut bench = Bench::new(&["ABORT", "", "OK"], verbose());
    bench.feed(b"x");
    assert_eq!(bench.code(), Some(4));
}

#[test]
fn what_comes_during_a_send_is_read_by_the_next_expect() {
    let mut bench = Bench::new(&["", "a\\d\\c", "ABORT", "ERROR", "OK"], verbose());
    bench.feed(b"ERROR");
    assert_eq!(bench.code(), None);
    bench.wait(1000);
    assert_eq!(bench.code(), Some(4));
}

#[test]
fn the_eighth_bit_is_not_seen_and_is_left_to_the_next_reader() {
    let mut bench = Bench::new(&["OK"], verbose());
    bench.feed(&[b'O' | 0x80, b'K', 0xff]);
    assert_eq!(bench.code(), Some(0));
    assert_eq!(bench.machine.take_rest(), [0xff]);
}

#[test]
fn a_sub_expect_counts_on_a_timeout_only() {
    // The reply is sent, and the script goes on without another expect.
    let mut bench = Bench::new(&["A-B", "C\\c"], verbose());
    bench.wait(1000);
    assert_eq!(
        (bench.take_sent().as_str(), bench.code()),
        ("B\rC", Some(0))
    );
    let mut bench = Bench::new(&["A--A-@f-Z"], verbose());
    bench.wait(1000);
    assert_eq!(bench.take_sent(), "\r");
    bench.wait(1000);
    assert_eq!(bench.take_sent(), "AT");
    bench.feed(b"A");
    bench.wait(999);
    assert_eq!(bench.code(), None);
    bench.wait(1);
    assert_eq!(bench.code(), Some(3));
    let mut bench = Bench::new(&["A-"], verbose());
    bench.wait(1000);
    assert_eq!(bench.code(), Some(3));
    let mut bench = Bench::new(&["ABORT", "E", "A-B-C"], verbose());
    bench.feed(b"E");
    assert_eq!((bench.code(), bench.take_sent().as_str()), (Some(4), ""));
}

#[test]
fn empty_expects_read_nothing() {
    let bench = Bench::new(&["", "a\\c", "-", "b\\c", "\\000", "c\\c"], verbose());
    assert_eq!(
        (bench.code(), bench.sent.as_slice()),
        (Some(0), b"abc".as_slice())
    );
    assert_eq!(
        bench.log,
        [
            "send (a)",
            "expect ()",
            "got it",
            "send (b)",
            "expect ()",
            "got it",
            "send (c)"
        ]
    );
}

#[test]
fn keywords_count_in_the_place_of_an_expect_only() {
    let bench = Bench::new(&["", "ABORT\\c", "ABORTx-", "a"], verbose());
    assert_eq!(
        (bench.code(), bench.sent.as_slice()),
        (None, b"ABORT".as_slice())
    );
    // At the end of the script, one without an argument is nothing.
    assert_eq!(Bench::new(&["TIMEOUT"], verbose()).code(), Some(0));
}

#[test]
fn timeouts_are_set_and_reset() {
    let mut bench = Bench::new(
        &["TIMEOUT", "7x", "TIMEOUT", "-1", "TIMEOUT", "\\062", "OK"],
        verbose(),
    );
    assert_eq!(
        bench.log[..3],
        [
            "timeout set to 7 seconds",
            "timeout set to 45 seconds",
            "timeout set to 2 seconds"
        ]
    );
    bench.wait(1999);
    assert_eq!(bench.code(), None);
    bench.wait(1);
    assert_eq!(bench.code(), Some(3));
    assert_eq!(bench.log[4..], ["alarm", "Failed"]);
}

#[test]
fn what_is_said_and_echoed_goes_to_stderr() {
    let mut bench = Bench::new(
        &[
            "SAY",
            "Dialing\\n\\d\\c",
            "ECHO",
            "ON",
            "OK",
            "x\\c",
            "ECHO",
            "on",
            "OK",
        ],
        verbose(),
    );
    bench.feed(b"a\x01\r\nOKOK");
    assert_eq!(bench.code(), Some(0));
    assert_eq!(bench.stderr, b"Dialing\n\\da^A\nOK\n");
    let options = Options {
        show: true,
        ..verbose()
    };
    let mut bench = Bench::new(&["OK"], options);
    bench.feed(b"a\r\nOK");
    assert_eq!(bench.stderr, b"a\nOK");
}

#[test]
fn a_quiet_send_is_hidden() {
    let mut bench = Bench::new(&["", "\\qgeheim", "OK"], verbose());
    bench.wait(1000);
    assert_eq!(
        bench.log,
        ["send (??????)", "expect (OK)", "alarm", "Failed"]
    );
    let sentence = bench.machine.result().unwrap().to_string();
    assert_eq!(
        sentence,
        "chat script failed: timeout of 1 s waiting for OK after ??????"
    );
}

#[test]
fn files_and_variables_are_looked_up() {
    let options = Options {
        expand: true,
        ..verbose()
    };
    let bench = Bench::new(&["", "@ f", "", "$V\\c", "", "@eot", "", "@"], options);
    assert_eq!(
        (bench.code(), bench.sent.as_slice()),
        (Some(0), b"ATvalue\x04@\r".as_slice())
    );
    let bench = Bench::new(&["", "@none"], verbose());
    assert_eq!(bench.code(), Some(1));
    assert_eq!(
        bench.log,
        ["none -- open failed: No such file or directory"]
    );
    assert!(Nothing.read_file(b"f").is_err() && Nothing.variable(b"V").is_none());
}

#[test]
fn a_break_is_held_after_what_was_sent_before_it() {
    let mut bench = Bench::new(&["", "a\\Kb\\c", "", "BREAK"], verbose());
    assert_eq!(bench.take_sent(), "a");
    assert_eq!(bench.events, [ChatEvent::SetBreak(true)]);
    bench.wait(249);
    assert_eq!(bench.take_sent(), "");
    bench.wait(1);
    assert_eq!(bench.take_sent(), "b");
    bench.wait(250);
    let on = |event: &&ChatEvent| matches!(event, ChatEvent::SetBreak(_));
    assert_eq!(bench.events.iter().filter(on).count(), 4);
    assert_eq!(bench.code(), Some(0));
}

#[test]
fn characters_are_sent_at_a_pace_if_it_is_wanted() {
    let options = Options {
        char_delay: Duration::from_millis(10),
        ..verbose()
    };
    let word = "x".repeat(200);
    let mut bench = Bench::new(&["", &word], options);
    assert_eq!(bench.take_sent(), "");
    bench.wait(10);
    assert_eq!(bench.take_sent(), "x");
    bench.wait(2000);
    assert_eq!(bench.code(), Some(1));
    assert_eq!(bench.take_sent().len(), 98);
    assert_eq!(bench.log[1..], ["alarm", " -- write timed out", "Failed"]);
}

#[test]
fn a_line_that_takes_nothing_is_a_timeout() {
    let call = Call {
        script: Script::from_words(vec![String::new(), "AT".to_owned(), "OK".to_owned()]),
        options: verbose(),
    };
    let now = Instant::from_millis(5);
    let mut machine = Machine::new(Arc::new(call), Rc::new(Nothing));
    machine.start(now);
    let limit = now + Duration::from_secs(1);
    assert_eq!(
        (machine.poll_timeout(), machine.write_limit()),
        (Some(limit), Some(limit))
    );
    machine.handle_timeout(limit);
    let end = ChatEnd::Write {
        error: None,
        sent: Some("AT".to_owned()),
    };
    assert_eq!(machine.result(), Some(&end));
    assert!(!machine.poll_transmit(&mut Vec::new()));
}

#[test]
fn an_end_of_the_input_is_no_timeout_but_acts_like_one() {
    let mut bench = Bench::new(&["A-B-C", "x"], verbose());
    bench.machine.handle_eof(bench.now);
    bench.drain();
    assert_eq!((bench.take_sent().as_str(), bench.code()), ("B\r", Some(3)));
    assert!(matches!(
        bench.machine.result(),
        Some(ChatEnd::InputEnded(_))
    ));
}

#[test]
fn the_end_waits_for_the_line_of_a_report() {
    let mut bench = Bench::new(&["REPORT", "CONN", "CONNECT"], verbose());
    bench.feed(b"CONNECT");
    assert_eq!(bench.code(), None);
    bench.feed(b" 96");
    bench.wait(999);
    bench.feed(b"00");
    bench.wait(1000);
    assert_eq!(bench.code(), Some(0));
    assert_eq!(bench.events[1], ChatEvent::Report(b"CONNECT 9600".to_vec()));
}

#[test]
fn a_stop_is_an_end_with_two() {
    let mut bench = Bench::new(&["OK"], verbose());
    bench.machine.stop(bench.now, "SIGTERM");
    bench.drain();
    assert_eq!(
        (bench.code(), bench.log.last().map(String::as_str)),
        (Some(2), Some("SIGTERM"))
    );
    bench.machine.stop(bench.now, "SIGINT");
    bench.machine.write_failed(bench.now, None);
    bench.machine.handle_eof(bench.now);
    bench.feed(b"OK");
    assert_eq!(bench.events.len(), 1);
    let mut bench = Bench::new(&["HANGUP", "OFF", "HANGUP", "x"], verbose());
    bench.events.pop();
    assert_eq!(
        bench.events,
        [ChatEvent::SetHangup(false), ChatEvent::SetHangup(true)]
    );
}

#[test]
fn a_fault_of_the_script_is_found_when_it_is_reached() {
    let bench = Bench::of(Script::parse_as_chat(b"'' ATZ\n'"), verbose());
    assert_eq!(
        (bench.sent.as_slice(), bench.code()),
        (b"ATZ\r".as_slice(), Some(1))
    );
    assert_eq!(
        bench.log.last().map(String::as_str),
        Some("unterminated quote (line 2)")
    );
}

#[test]
fn an_expect_may_be_so_long_and_no_longer() {
    let long = "x".repeat(1024);
    let mut bench = Bench::new(&[&long], verbose());
    bench.feed(&[b'y'; 3000]);
    bench.feed(long.as_bytes());
    assert_eq!(bench.code(), Some(0));
    let long = long + "x";
    assert_eq!(Bench::new(&[&long], verbose()).code(), Some(1));
}

#[test]
fn a_flood_is_bounded() {
    let mut bench = Bench::new(&["", "a\\d\\c", "OK"], verbose());
    for _ in 0..100 {
        bench.feed(&[b'y'; 10_000]);
    }
    assert_eq!(bench.machine.input.len(), INPUT_LIMIT);
    bench.wait(1000);
    bench.feed(&[b'y'; 200_000]);
    assert!(bench.machine.input.is_empty());
    bench.feed(b"OK");
    assert_eq!(bench.code(), Some(0));
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("ABORT".to_owned()),
        Just("CLR_ABORT".to_owned()),
        Just("REPORT".to_owned()),
        Just("CLR_REPORT".to_owned()),
        Just("TIMEOUT".to_owned()),
        Just("ECHO".to_owned()),
        Just("SAY".to_owned()),
        Just("HANGUP".to_owned()),
        Just("@f".to_owned()),
        "[AB-]{0,4}",
        "[AB^\\\\cdpKqTUNn0-7$-]{0,6}",
        "\\PC{0,5}",
    ]
}

type Outcome = (Vec<u8>, Vec<u8>, Vec<String>, Vec<ChatEvent>, Vec<u8>);

/// Plays it with the input cut into pieces.
fn play(words: &[String], input: &[Vec<u8>], cuts: &[usize]) -> Outcome {
    let options = Options {
        expand: true,
        show: true,
        ..verbose()
    };
    let mut bench = Bench::of(Script::from_words(words.to_vec()), options);
    let mut cuts = cuts.iter().cycle();
    for part in input {
        let mut rest = part.as_slice();
        while !rest.is_empty() {
            let (head, behind) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            bench.feed(head);
            rest = behind;
        }
        bench.wait(700);
    }
    bench.machine.handle_eof(bench.now);
    bench.drain();
    bench.wait(120_000);
    assert!(bench.machine.result().is_some(), "{:?}", bench.log);
    let rest = bench.machine.take_rest();
    (bench.sent, bench.stderr, bench.log, bench.events, rest)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_pieces_of_the_input_change_nothing(
        words in proptest::collection::vec(word(), 0..10),
        input in proptest::collection::vec("[ABERO\r\n\u{1}0-9]{0,60}".prop_map(String::into_bytes), 0..5),
        cuts in proptest::collection::vec(1_usize..20, 1..5),
    ) {
        let whole = play(&words, &input, &[usize::MAX]);
        prop_assert_eq!(&whole, &play(&words, &input, &[1]));
        prop_assert_eq!(&whole, &play(&words, &input, &cuts));
    }
}
