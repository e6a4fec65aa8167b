//! What is sent over the demo's link: pings and a page.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use surge_ping::{ICMP, PingIdentifier, PingSequence, SurgeError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::stage::Stage;
use crate::ppp::Ipv4Settings;
use crate::sim::internet;

/// What has begun by then may take so much longer.
const USE: Duration = Duration::from_millis(600);

/// Bytes of the page that is fetched.
const PAGE: usize = 100_000;

impl Stage {
    pub(super) fn show_interface(&self, interface: &str, settings: &Ipv4Settings) {
        let peer = settings
            .remote
            .map(|peer| format!(" peer {peer}"))
            .unwrap_or_default();
        let dns: Vec<_> = settings
            .dns
            .iter()
            .flatten()
            .map(Ipv4Addr::to_string)
            .collect();
        self.say(&format!(
            "{interface}: inet {}{peer}, mtu {}, DNS {}, default route",
            settings.local,
            settings.mtu,
            if dns.is_empty() {
                "none".to_owned()
            } else {
                dns.join(" ")
            },
        ));
    }

    /// Pings and a page, through the interface.
    pub(super) async fn use_link(&mut self, interface: &str) -> String {
        let mut answered = 0;
        let targets = internet::hosts();
        let targets = targets.get(..3).unwrap_or(&targets);
        for (name, address) in targets {
            let limit = self.left(self.limit + USE).min(Duration::from_secs(1));
            match ping(interface, *address, limit).await {
                Ok(time) => {
                    let ms = time.as_secs_f64() * 1e3;
                    self.say(&format!("ping {address} ({name}): {ms:.1} ms"));
                    answered += 1;
                }
                Err(error) => {
                    self.say(&format!("ping {address} ({name}): {error}"));
                    self.unanswered.push(format!("no answer from {address}"));
                }
            }
        }
        let mut used = format!("{answered} of {} pings answered", targets.len());
        if let Some((name, address)) = internet::web_server() {
            let limit = self.left(self.limit + USE).min(Duration::from_secs(2));
            let page = timeout(limit, fetch(address, name)).await;
            let url = format!("http://{name}/bytes/{PAGE}");
            match page.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(bytes) => {
                    self.say(&format!("{url}: {bytes} bytes over TCP"));
                    used.push_str(&format!(", {bytes} bytes over TCP"));
                }
                Err(error) => {
                    self.say(&format!("{url}: {error}"));
                    used.push_str(", no page over TCP");
                    self.unanswered.push(format!("{url}: {error}"));
                }
            }
        }
        used
    }
}

async fn ping(interface: &str, address: Ipv4Addr, limit: Duration) -> Result<Duration, String> {
    let config = surge_ping::Config::builder()
        .kind(ICMP::V4)
        .interface(interface)
        .build();
    let client = surge_ping::Client::new(&config).map_err(|error| error.to_string())?;
    let mut pinger = client.pinger(address.into(), PingIdentifier(1)).await;
    pinger.timeout(limit);
    match pinger.ping(PingSequence(0), &[0; 56]).await {
        Ok((_, time)) => Ok(time),
        Err(SurgeError::Timeout { .. }) => Err("no answer".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Fetches a page, and says how many bytes it had, its header included.
async fn fetch(address: Ipv4Addr, name: &str) -> io::Result<usize> {
    let mut stream = TcpStream::connect((address, 80)).await?;
    let request = format!("GET /bytes/{PAGE} HTTP/1.0\r\nHost: {name}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut page = Vec::new();
    stream.take(1 << 20).read_to_end(&mut page).await?;
    if page.len() < PAGE {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(page.len())
}
