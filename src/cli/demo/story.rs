//! What is shown: the line cut and the link back, or the faults that were asked for.

use std::time::Duration;

use super::stage::{HOLDOFF, Outcome, RETRY, Stage};
use crate::cli::say;
use crate::daemon::logging;
use crate::link::{ExitStatus, ResetOutcome};

/// Until when something new is waited for if the modem is reset, which takes 5 s. A reset that begins late is not waited
/// for.
const RESET_LIMIT: Duration = Duration::from_millis(12_600);
const RESET_BEGINS: Duration = Duration::from_millis(4500);

impl Stage {
    /// The default story: up, cut, up again.
    pub(super) async fn cut_and_recovery(mut self) -> ExitStatus {
        self.title("Dialing and negotiating");
        let first = self.next().await;
        let Outcome::Up {
            interface,
            settings,
            at: up_at,
        } = first
        else {
            return self.finish_early("the link did not come up").await;
        };
        logging::demo_milestones_only();
        self.show_interface(&interface, &settings);
        let before = self.use_link(&interface).await;

        self.title("The line is cut: the modem says NO CARRIER");
        let Outcome::Ended { end, at: cut_at } = self.next().await else {
            return self.finish_early("the cut went unnoticed").await;
        };
        self.say(&format!("ended: {end}"));
        let Outcome::Up {
            interface,
            settings,
            at: back_at,
        } = self.next().await
        else {
            return self.finish_early("the link did not come back").await;
        };
        self.title("The link is back");
        self.show_interface(&interface, &settings);
        let after = self.use_link(&interface).await;

        self.title("Stopping, as SIGTERM does");
        let stopped = self.stop().await;
        say("\nSummary");
        say(format_args!(
            "  up         {:.1} s after the start",
            up_at.since_origin().as_secs_f64()
        ));
        say(format_args!("  used       {before}"));
        say(format_args!(
            "  cut        at {:.1} s",
            cut_at.since_origin().as_secs_f64()
        ));
        say(format_args!(
            "  back       {:.1} s later, HOLDOFF of {} s included; nobody touched it",
            back_at.since(cut_at).as_secs_f64(),
            HOLDOFF.as_secs()
        ));
        say(format_args!("  used       {after}"));
        say(format_args!("  stopped    {stopped}"));
        self.failures.append(&mut self.unanswered);
        self.verdict("everything worked")
    }

    /// `--fault`: what happens, and what the daemon makes of it.
    pub(super) async fn fault(mut self) -> ExitStatus {
        self.title("One fault, and what the daemon does about it");
        let mut seen = Vec::new();
        loop {
            match self.next().await {
                Outcome::Up {
                    interface,
                    settings,
                    at,
                } => {
                    self.show_interface(&interface, &settings);
                    let used = self.use_link(&interface).await;
                    seen.push(format!(
                        "{:>5.1} s  up; {used}",
                        at.since_origin().as_secs_f64()
                    ));
                }
                Outcome::Ended { end, at } => {
                    let text = match end.advice() {
                        "" => format!("ended: {end}"),
                        advice => format!("ended: {end}; {advice}"),
                    };
                    self.say(&text);
                    seen.push(format!(
                        "{:>5.1} s  {text}",
                        at.since_origin().as_secs_f64()
                    ));
                }
                Outcome::Resetting { at } => {
                    let at = at.since_origin();
                    if at < RESET_BEGINS {
                        self.limit = RESET_LIMIT;
                    }
                    seen.push(format!(
                        "{:>5.1} s  {RETRY} failures in a row: the modem is reset",
                        at.as_secs_f64()
                    ));
                }
                Outcome::Reset { outcome, at } => {
                    let text = match outcome {
                        ResetOutcome::Done { step } => {
                            format!("the modem is back; what helped: {step}")
                        }
                        ResetOutcome::Failed { why } => format!("the modem was not reset: {why}"),
                    };
                    self.say(&text);
                    seen.push(format!(
                        "{:>5.1} s  {text}",
                        at.since_origin().as_secs_f64()
                    ));
                }
                Outcome::Nothing => break,
            }
        }
        if let Some(doing) = self.doing {
            seen.push(format!(
                "{:>5.1} s  still {doing}",
                self.clock.now().since_origin().as_secs_f64()
            ));
        }
        let up = if self.up { "up" } else { "down" };
        self.title("Stopping, as SIGTERM does");
        let stopped = self.stop().await;
        if seen.is_empty() {
            self.failures
                .push("the daemon neither came up nor said why not".to_owned());
        }
        say("\nSummary");
        for line in &seen {
            say(format_args!("  {line}"));
        }
        say(format_args!("  stopped  {stopped}"));
        self.verdict(&format!(
            "the fault was shown; the link was {up} when the demo stopped"
        ))
    }

    async fn finish_early(mut self, why: &str) -> ExitStatus {
        self.failures.push(why.to_owned());
        self.stop().await;
        self.verdict("")
    }

    fn verdict(&self, success: &str) -> ExitStatus {
        if self.failures.is_empty() {
            say(format_args!("  result     {success}"));
            return ExitStatus::DONE;
        }
        say(format_args!(
            "  result     FAILED: {}",
            self.failures.join("; ")
        ));
        ExitStatus::FATAL
    }
}
