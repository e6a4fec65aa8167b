//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::sim::{FaultSpec, fault};

/// Keeps a 3G/4G gateway online: dials the modem, speaks PPP, and supervises the link.
#[derive(Debug, Parser)]
#[command(
    name = "uplinkd",
    version,
    after_help = "Example:\n  uplinkd demo                          see a link come up, break and come back\n  \
                  uplinkd run --config /etc/default/ppp  the service, in the foreground\n\n\
                  The exit statuses are pppd's: 0 done, 2 options or configuration, 5 ended by the user, \
                  6 tty locked, 7 tty cannot be opened, 8 dial failed, 10 negotiation failed, 15 peer dead, \
                  16 hang-up, 17 loop, 19 our authentication was refused; above 32 ours: 33 no permission or \
                  no TUN device, 34 SIM, 35 no registration, 36 interface."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Subcommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Dial and keep the link up: the service, in the foreground.
    Run(RunArguments),
    /// Show the main job on a built-in modem and ISP; changes nothing on this machine.
    Demo(DemoArguments),
    /// A simulated modem with an ISP and a small internet behind it, on a pty.
    Sim(SimArguments),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  uplinkd run --config /etc/default/ppp --once\n\n\
                        With --once the program prints a diagnosis and ends after one link: prove the \
                        connection by hand before the service is enabled."
)]
pub(crate) struct RunArguments {
    /// The configuration: KEY=VALUE lines, or TOML when the name ends in .toml.
    #[arg(long, value_name = "FILE", default_value = "/etc/default/ppp")]
    pub(crate) config: PathBuf,
    /// One link, then its exit status.
    #[arg(long)]
    pub(crate) once: bool,
    /// Where the pid file is kept.
    #[arg(long, value_name = "DIR", default_value = "/run/uplinkd")]
    pub(crate) run_dir: PathBuf,
    /// What must outlive a crash is kept here: the default route that was replaced.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/uplinkd")]
    pub(crate) state_dir: PathBuf,
    /// Where pppd's files are; none of them is read yet.
    #[arg(long, value_name = "DIR", default_value = "/etc/ppp")]
    pub(crate) ppp_dir: PathBuf,
    /// UUCP lock files of ttys.
    #[arg(long, value_name = "DIR", default_value = "/var/lock")]
    pub(crate) lock_dir: PathBuf,
    /// Log echo requests and replies too.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
#[command(after_help = fault_help("Example:\n  uplinkd demo --fault auth-reject"))]
pub(crate) struct DemoArguments {
    /// Show this fault, and what the daemon does about it.
    #[arg(long, value_name = "NAME[=VALUE][@TIME]", value_parser = parse_fault)]
    pub(crate) fault: Vec<FaultSpec>,
    /// Print every line of the daemon's log.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
#[command(after_help = fault_help(
    "Example:\n  uplinkd sim --link /tmp/modem --fault no-carrier@30s --fault bitflip=1e-5"
))]
pub(crate) struct SimArguments {
    /// Link this path to the pty; without it the pty's own path is printed.
    #[arg(long, value_name = "PATH")]
    pub(crate) link: Option<PathBuf>,
    /// Something that goes wrong; may be given several times.
    #[arg(long, value_name = "NAME[=VALUE][@TIME]", value_parser = parse_fault)]
    pub(crate) fault: Vec<FaultSpec>,
    /// Feeds every random choice: the same seed gives the same run.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// What the ISP demands.
    #[arg(long, value_enum, default_value_t = Demand::None)]
    pub(crate) auth: Demand,
    /// The name that the ISP lets in.
    #[arg(long, default_value = "sim")]
    pub(crate) user: String,
    /// Its password.
    #[arg(long, default_value = "sim")]
    pub(crate) password: String,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Demand {
    /// No authentication.
    None,
    /// PAP.
    Pap,
    /// CHAP with MD5.
    Chap,
}

fn parse_fault(text: &str) -> Result<FaultSpec, String> {
    text.parse::<FaultSpec>().map_err(|error| error.to_string())
}

fn fault_help(example: &str) -> String {
    let mut help = String::from(example);
    help.push_str("\n\nFaults. TIME is 30s, 500ms, 2m; it counts from CONNECT, for faults of the modem itself from the start:\n");
    for (syntax, about) in fault::list() {
        help.push_str(&format!("  {syntax:<26} {about}\n"));
    }
    help
}
