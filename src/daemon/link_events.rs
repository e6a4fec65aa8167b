//! What those who watch a link from the side have to say about it: the monitor with its pings.
//!
//! They live exactly as long as the link is up: [`LinkEvents::start`] when it has come up, [`LinkEvents::stop`] when it
//! goes down. The data phase listens in between.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::mpsc;

use crate::daemon::monitor::MonitorNews;

/// A watcher and its channel.
#[derive(Default)]
pub struct LinkEvents {
    running: Option<Running>,
}

struct Running {
    news: mpsc::UnboundedReceiver<MonitorNews>,
    /// `None` once it has ended by itself.
    watcher: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl LinkEvents {
    /// Lets `watch` run with a sender of its news, in the place of a former one. It runs within
    /// [`next`](Self::next), so on the data phase's own thread and only while that listens, and is heard after each of
    /// its turns: it must not block, and its news cannot pile up.
    pub fn start<F>(&mut self, watch: impl FnOnce(mpsc::UnboundedSender<MonitorNews>) -> F)
    where
        F: Future<Output = ()> + 'static,
    {
        let (sender, news) = mpsc::unbounded_channel();
        self.running = Some(Running {
            news,
            watcher: Some(Box::pin(watch(sender))),
        });
    }

    /// Ends the watcher where it stands; news not heard yet are forgotten.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// The next news; waits for ever if there is nobody who could have any. Safe to cancel.
    pub async fn next(&mut self) -> MonitorNews {
        let Some(Running { news, watcher }) = &mut self.running else {
            return std::future::pending().await;
        };
        loop {
            tokio::select! {
                biased;
                heard = news.recv() => match heard {
                    Some(heard) => return heard,
                    // Nobody holds a sender any more. The watcher may go on for reasons of its own.
                    None => {
                        if let Some(watcher) = watcher {
                            watcher.await;
                        }
                        *watcher = None;
                        return std::future::pending().await;
                    }
                },
                () = ended(watcher) => *watcher = None,
            }
        }
    }
}

/// Ends with the watcher; never, when it has ended before.
async fn ended(watcher: &mut Option<Pin<Box<dyn Future<Output = ()>>>>) {
    match watcher {
        Some(watcher) => watcher.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::link::Stop;

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(test);
    }

    const A_WHILE: Duration = Duration::from_secs(100);

    fn cut() -> MonitorNews {
        MonitorNews::Cut(Stop::Monitor {
            target: "198.51.100.1".to_owned(),
            lost: 3,
        })
    }

    #[test]
    fn a_watcher_is_heard_and_its_end_is_no_news() {
        run(async {
            let mut events = LinkEvents::default();
            events.start(|sender| async move {
                tokio::time::sleep(Duration::from_secs(10)).await;
                let _ = sender.send(MonitorNews::Answered);
                let _ = sender.send(cut());
            });
            // Waiting may be given up and begun again.
            for _ in 0..3 {
                let waiting = tokio::time::timeout(Duration::from_secs(3), events.next()).await;
                assert!(waiting.is_err(), "{waiting:?}");
            }
            assert_eq!(events.next().await, MonitorNews::Answered);
            assert_eq!(events.next().await, cut());
            for _ in 0..2 {
                let over = tokio::time::timeout(A_WHILE, events.next()).await;
                assert!(over.is_err(), "{over:?}");
            }
        });
    }

    #[test]
    fn nothing_is_heard_of_one_that_was_stopped() {
        run(async {
            let mut events = LinkEvents::default();
            let nobody = tokio::time::timeout(A_WHILE, events.next()).await;
            assert!(nobody.is_err(), "{nobody:?}");
            events.start(|sender| async move {
                let _ = sender.send(cut());
                let _ = sender.send(cut());
            });
            assert_eq!(events.next().await, cut());
            events.stop();
            let stopped = tokio::time::timeout(A_WHILE, events.next()).await;
            assert!(stopped.is_err(), "{stopped:?}");
        });
    }
}
