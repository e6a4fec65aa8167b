//! uplinkd keeps remote 3G/4G gateways online: it dials the modem, speaks PPP itself, moves IP through a TUN device, and
//! supervises the link.
//!
//! This page is the map; `docs/architecture.md` has the picture. The modules above the line are the core: pure state
//! machines that are told the time and given bytes, and that build without tokio, file descriptors or clocks
//! (`--no-default-features`). Those below it are the shell that runs them on real ttys and interfaces.
//!
//! | module | purpose | may use |
//! |---|---|---|
//! | [`hdlc`] | frames on an asynchronous line (RFC 1662) | |
//! | [`ppp`] | LCP, PAP, CHAP, IPCP; both roles (RFC 1661, 1332, 1334, 1994) | `hdlc` |
//! | [`at`] | the modem's language: dial, hang up, text between frames | |
//! | [`chat`] | chat scripts, as chat(8) runs them | |
//! | [`modem`] | profiles of models, finding a modem, bringing it to CONNECT | `at` |
//! | [`link`] | what is done next, why the last link ended, which script runs | `ppp`, `at`, `chat`, `modem` |
//! | [`config`] | files, pppd's too, to one typed [`Config`](config::Config), what is wrong with them, and the way back | `link`, `ppp`, `chat`, `modem` |
//! | [`dns`] | who tells the system of the link's DNS servers, and what | `ppp`, `config` |
//! | [`control`] | the status, and the protocol of the control socket | `link`, `modem`, `ppp`, `at` |
//! | [`sim`] | a simulated modem, ISP and internet, with faults | `ppp`, `hdlc`, `at`; its `site` also `link`, `chat`, `modem`, `config` |
//! | [`time`], [`log`], [`random`], [`secret`] | what everybody needs | |
//! | ---- | ---- | ---- |
//! | [`io`] | ttys, TUN, routes, scripts, files, signals: the only system calls, the only `unsafe` | the core |
//! | [`daemon`] | the loops between the core and `io` | `io`, the core |
//! | [`cli`] | `run`, `status`, `config`, `chat`, `demo` and the others | everything |

pub mod at;
pub mod chat;
pub mod config;
pub mod control;
pub mod dns;
#[doc(hidden)]
pub mod fuzzing;
pub mod hdlc;
pub mod link;
pub mod log;
pub mod modem;
pub mod ppp;
pub mod random;
pub mod secret;
pub mod sim;
pub mod time;

#[cfg(feature = "daemon")]
pub mod cli;
#[cfg(feature = "daemon")]
pub mod daemon;
#[cfg(feature = "daemon")]
pub mod io;
