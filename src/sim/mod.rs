//! A simulated modem, its line, the ISP behind it, and a small internet: for people without a
//! modem, and for tests.
//!
//! Sans-IO and seeded: the same seed and the same inputs give the same run.
//!
//! ```text
//! gateway <--> modem <--> line <--> ISP <--> internet
//!              AT         latency   PPP      ping, DNS, TCP
//!                         pace      (the gateway's own code,
//!                         noise      in the server's role)
//! ```
//!
//! - [`fault`]: what can go wrong, by name. `schedule` knows which faults hold when.
//! - [`personality`]: which modem it is. `device` is what its ports share: `card`, `radio`, `context`.
//! - `modem` and `at_port`: the port that dials, and the other one; `command` and `terminal` are what
//!   both do.
//! - `line`: bytes under way, lost bytes, flipped bits.
//! - `isp`, with `tamper` and `quirk`: the server's role, and the oddities of real peers.
//! - [`internet`]: hosts, routers, name servers, TCP services.
//! - [`world`]: a gateway against all this in virtual time, for tests; [`site`]: the daemon's own
//!   machines, for weeks.
//!
//! Not simulated: flow control and speed of the tty itself, SMS, voice, what the makers' commands set.

#![forbid(unsafe_code)]

mod at_port;
mod call;
mod card;
mod command;
mod context;
mod device;
mod escape;
pub mod fault;
pub mod internet;
mod isp;
mod line;
mod modem;
pub mod personality;
mod quirk;
mod radio;
mod schedule;
mod simulator;
pub mod site;
mod tamper;
mod terminal;
#[cfg(test)]
mod tests;
pub mod world;

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::log::LogLine;
use crate::ppp::config::{AuthDemand, EchoConfig};
use crate::secret::Secret;

use internet::InternetStats;

pub use fault::{ApnRefusal, Fault, FaultSpec};
pub use personality::Personality;
pub use simulator::Sim;

/// What is simulated.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Feeds every random choice.
    pub seed: u64,
    /// What goes wrong, and when.
    pub faults: Vec<FaultSpec>,
    /// What the ISP demands; `None`: nothing.
    pub demand: Option<AuthDemand>,
    /// How the ISP asks whether the gateway is still there. Every 30 s.
    pub echo: EchoConfig,
    /// One-way latency between modem and ISP. 20 ms.
    pub latency: Duration,
    /// Bytes per second each way; `None`: as fast as it goes.
    pub bytes_per_second: Option<u32>,
    /// The ISP's own address. 10.64.64.1.
    pub isp_address: Ipv4Addr,
    /// What the gateway gets. 10.64.64.2; with the fault `new-address` each call gets the next one.
    pub client_address: Ipv4Addr,
    /// The DNS servers that are handed out. [`internet::name_servers`].
    pub dns: [Option<Ipv4Addr>; 2],
    /// From ATD to CONNECT. 100 ms.
    pub connect_delay: Duration,
    /// Which modem it is. The generic one.
    pub personality: Personality,
    /// The SIM's number.
    pub iccid: String,
    /// What the SIM wants at each start of the modem, 4 to 8 digits; `None`: nothing.
    pub pin: Option<Secret>,
    /// APNs that the network knows; `None`: any, and none at all.
    pub apns: Option<Vec<String>>,
    /// What happens to a call with another one.
    pub apn_refusal: ApnRefusal,
    /// How long it takes to register; `None`: what the personality takes.
    pub registration_time: Option<Duration>,
    /// The network that is found without being asked for, 5 or 6 digits. 00101, the test network.
    pub plmn: String,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            faults: Vec::new(),
            demand: None,
            echo: EchoConfig::default(),
            latency: Duration::from_millis(20),
            bytes_per_second: None,
            isp_address: Ipv4Addr::new(10, 64, 64, 1),
            client_address: Ipv4Addr::new(10, 64, 64, 2),
            dns: internet::name_servers().map(Some),
            connect_delay: Duration::from_millis(100),
            personality: Personality::Generic,
            iccid: "8988211000000000018".to_owned(),
            pin: None,
            apns: None,
            apn_refusal: ApnRefusal::NoCarrier,
            registration_time: None,
            plmn: "00101".to_owned(),
        }
    }
}

/// What the simulator tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SimEvent {
    /// A line for the log.
    Log(LogLine),
    /// The ttys of both ports vanish (the owner closes the ptys)...
    Unplug,
    /// ... and come back.
    Plug {
        /// They have other names now; the owner decides which.
        renamed: bool,
    },
}

/// Counters of a simulator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SimStats {
    /// Numbers that were dialed.
    pub dials: u32,
    /// Dials that were tried on either port while there was a call or a dial.
    pub overlapping_dials: u32,
    /// Calls that were connected.
    pub calls: u32,
    /// Restarts that were asked for by an AT command, whether they happened or not.
    pub at_resets: u32,
    /// Times that the power was switched off from outside, whether that had an effect or not.
    pub power_resets: u32,
    /// PINs that were tried, right or wrong.
    pub pin_tries: u32,
    /// Of these, wrong ones.
    pub pin_refusals: u32,
    /// Definitions and deletions of contexts and accounts.
    pub provisioning_writes: u32,
    /// The same for a modem whose flash memory is worn out by it (spec D5), 0 for others.
    pub flash_writes: u32,
    /// Packets for the gateway that were dropped: the line too slow, or no link.
    pub dropped_packets: u64,
    /// Packets of the gateway whose source is not the address that it was given.
    pub spoofed_packets: u64,
    /// Bytes of the gateway that were lost because it sent more than [`Sim::room`].
    pub overrun_bytes: u64,
    /// The internet's.
    pub internet: InternetStats,
}
