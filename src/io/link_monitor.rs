//! Tells when somebody deletes the interface or takes it down.

use std::io;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::LinkFlags;
use rtnetlink::packet_core::NetlinkPayload;
use rtnetlink::{Handle, MulticastGroup, new_multicast_connection};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long the deletion of an interface may take after it was set down.
const DELETION: Duration = Duration::from_millis(50);

/// What has become of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkGone {
    /// It does not exist any more, at least not in this network namespace.
    Deleted,
    /// Somebody has set it down.
    Down,
}

/// Watches one interface.
#[derive(Debug)]
pub struct LinkMonitor {
    verdicts: mpsc::Receiver<LinkGone>,
    tasks: [JoinHandle<()>; 2],
}

impl LinkMonitor {
    /// Watches the interface `index`, which is up; within a tokio runtime.
    ///
    /// # Errors
    ///
    /// When there is no netlink socket to be had.
    pub fn new(index: u32) -> io::Result<Self> {
        let (connection, handle, mut messages) = new_multicast_connection(&[MulticastGroup::Link])?;
        let (verdict, verdicts) = mpsc::channel(1);
        let connection = tokio::spawn(connection);
        // A task of its own, so that the messages of a busy host do not pile up while nobody waits
        // for a verdict.
        let watch = tokio::spawn(async move {
            // What happened before the subscription, told by nobody.
            let mut gone = look(&handle, index).await;
            while gone.is_none() {
                let Some((message, _)) = messages.next().await else {
                    return;
                };
                gone = match message.payload {
                    NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link))
                        if link.header.index == index =>
                    {
                        Some(LinkGone::Deleted)
                    }
                    NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link))
                        if link.header.index == index =>
                    {
                        (!link.header.flags.contains(LinkFlags::Up)).then_some(LinkGone::Down)
                    }
                    // The kernel had to drop messages.
                    NetlinkPayload::Overrun(_) => look(&handle, index).await,
                    _ => None,
                };
            }
            if let Some(mut seen) = gone {
                if seen == LinkGone::Down {
                    // The kernel sets down what it is about to delete.
                    tokio::time::sleep(DELETION).await;
                    seen = look(&handle, index).await.unwrap_or(seen);
                }
                let _ = verdict.send(seen).await;
            }
        });
        Ok(Self {
            verdicts,
            tasks: [connection, watch],
        })
    }

    /// Returns when the interface has been deleted or set down, once; then never again. Safe to
    /// cancel.
    pub async fn gone(&mut self) -> LinkGone {
        match self.verdicts.recv().await {
            Some(gone) => gone,
            None => std::future::pending().await,
        }
    }
}

impl Drop for LinkMonitor {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// What the interface is like now.
async fn look(handle: &Handle, index: u32) -> Option<LinkGone> {
    let links = handle.link().get().match_index(index).execute();
    match std::pin::pin!(links).try_next().await {
        Ok(Some(link)) if link.header.flags.contains(LinkFlags::Up) => None,
        Ok(Some(_)) => Some(LinkGone::Down),
        Ok(None) | Err(_) => Some(LinkGone::Deleted),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{in_network_namespace, ip};
    use super::super::tun::Tun;
    use super::*;

    const SOON: Duration = Duration::from_secs(1);

    async fn after(command: &str) -> LinkGone {
        let tun = Tun::create("ppp7").unwrap();
        ip("link set ppp7 up");
        let mut monitor = LinkMonitor::new(tun.index()).unwrap();
        // Other interfaces, and other changes of ours, do not matter.
        ip("link set lo up");
        ip("link set lo down");
        ip("link set ppp7 mtu 1000");
        ip("addr add 10.0.0.1/32 dev ppp7");
        let quiet = tokio::time::timeout(Duration::from_millis(200), monitor.gone()).await;
        assert!(quiet.is_err(), "{quiet:?}");
        ip(command);
        tokio::time::timeout(SOON, monitor.gone()).await.unwrap()
    }

    #[test]
    fn a_deleted_interface_is_noticed() {
        in_network_namespace(async || {
            assert_eq!(after("link del ppp7").await, LinkGone::Deleted);
        });
    }

    #[test]
    fn an_interface_that_is_set_down_is_noticed() {
        in_network_namespace(async || {
            assert_eq!(after("link set ppp7 down").await, LinkGone::Down);
        });
    }

    #[test]
    fn what_was_gone_before_is_noticed() {
        in_network_namespace(async || {
            let tun = Tun::create("ppp7").unwrap();
            let mut monitor = LinkMonitor::new(tun.index()).unwrap();
            let gone = tokio::time::timeout(SOON, monitor.gone()).await;
            assert_eq!(gone, Ok(LinkGone::Down), "it was never up");
            drop(tun);
            let mut monitor = LinkMonitor::new(999).unwrap();
            let gone = tokio::time::timeout(SOON, monitor.gone()).await;
            assert_eq!(gone, Ok(LinkGone::Deleted));
        });
    }
}
