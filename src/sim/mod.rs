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
//! - `modem` and `command`: the AT command set, data mode, the ways out of it.
//! - `line`: bytes under way, lost bytes, flipped bits.
//! - `isp`, with `tamper` and `quirk`: the server's role, and the oddities of real peers.
//! - [`internet`]: hosts, routers, name servers, TCP services.
//! - [`world`]: a gateway against all this in virtual time, for tests.
//!
//! Not simulated: flow control and speed of the tty itself, a second port, registration that takes
//! time, SIM states.

#![forbid(unsafe_code)]

mod call;
mod command;
mod escape;
pub mod fault;
pub mod internet;
mod isp;
mod line;
mod modem;
mod quirk;
mod schedule;
mod simulator;
mod tamper;
#[cfg(test)]
mod tests;
pub mod world;

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::log::LogLine;
use crate::ppp::config::AuthDemand;

use internet::InternetStats;

pub use fault::{Fault, FaultSpec};
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
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            faults: Vec::new(),
            demand: None,
            latency: Duration::from_millis(20),
            bytes_per_second: None,
            isp_address: Ipv4Addr::new(10, 64, 64, 1),
            client_address: Ipv4Addr::new(10, 64, 64, 2),
            dns: internet::name_servers().map(Some),
            connect_delay: Duration::from_millis(100),
        }
    }
}

/// What the simulator tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SimEvent {
    /// A line for the log.
    Log(LogLine),
    /// The tty vanishes (the owner closes the pty)...
    Unplug,
    /// ... and comes back.
    Plug,
}

/// Counters of a simulator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SimStats {
    /// Calls that were connected.
    pub calls: u32,
    /// Packets for the gateway that were dropped: the line too slow, or no link.
    pub dropped_packets: u64,
    /// Packets of the gateway whose source is not the address that it was given.
    pub spoofed_packets: u64,
    /// Bytes of the gateway that were lost because it sent more than [`Sim::room`].
    pub overrun_bytes: u64,
    /// The internet's.
    pub internet: InternetStats,
}
