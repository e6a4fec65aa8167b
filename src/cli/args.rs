//! What can be typed.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, Parser};

use crate::sim::{FaultSpec, Personality, fault};

/// Keeps a 3G/4G gateway online: dials the modem, speaks PPP, and supervises the link.
#[derive(Debug, Parser)]
#[command(
    name = "uplinkd",
    version,
    after_help = "Example:\n  uplinkd demo                           see a link come up, break and come back\n  \
                  uplinkd run --config /etc/default/ppp  the service, in the foreground\n  \
                  uplinkd status                         what it is doing now, and why\n  \
                  uplinkd reconnect                      dial now instead of waiting\n\n\
                  The exit statuses of `run` are pppd's: 0 done, 2 options or configuration, 5 ended by the user, \
                  6 tty locked, 7 tty cannot be opened, 8 dial failed, 10 negotiation failed, 12 idle, 15 peer dead, \
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
    /// What the running daemon does, since when, why, and what comes next.
    Status(StatusArguments),
    /// Have the running daemon hang up and dial again.
    Reconnect(SocketArguments),
    /// Have it hang up and stay down.
    Disconnect(SocketArguments),
    /// Have it dial: ends a disconnect, and every wait. A link that is up stays.
    Connect(SocketArguments),
    /// Have it reset the modem, step by step until one works, then dial again.
    Reset(SocketArguments),
    /// Ask it to read its configuration again (not possible yet: restart it).
    Reload(SocketArguments),
    /// Send the modem one AT command, through the running daemon or on a tty.
    At(AtArguments),
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
    /// Where the pid file and the control socket are kept.
    #[arg(long, value_name = "DIR", default_value = "/run/uplinkd")]
    pub(crate) run_dir: PathBuf,
    /// What must outlive a crash is kept here: the default route that was replaced, PINs that were refused, writes to the
    /// modem's flash, restarts of the host.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/uplinkd")]
    pub(crate) state_dir: PathBuf,
    /// Where pppd's files are; none of them is read yet.
    #[arg(long, value_name = "DIR", default_value = "/etc/ppp")]
    pub(crate) ppp_dir: PathBuf,
    /// UUCP lock files of ttys.
    #[arg(long, value_name = "DIR", default_value = "/var/lock")]
    pub(crate) lock_dir: PathBuf,
    /// Where the kernel shows its devices; for tests.
    #[arg(long, value_name = "DIR", default_value = "/sys", hide = true)]
    pub(crate) sys_dir: PathBuf,
    /// Where ttys are; for tests.
    #[arg(long, value_name = "DIR", default_value = "/dev", hide = true)]
    pub(crate) dev_dir: PathBuf,
    /// Log echo requests and replies too.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// Which daemon is meant.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  uplinkd reconnect\n  uplinkd disconnect --interface ppp1\n\n\
                        Exit statuses: 0 accepted, 1 the daemon says no, 2 options, 7 no daemon runs, 33 no \
                        permission."
)]
pub(crate) struct SocketArguments {
    /// The daemon's --run-dir.
    #[arg(long, value_name = "DIR", default_value = "/run/uplinkd")]
    pub(crate) run_dir: PathBuf,
    /// The daemon's interface; needed only if several run.
    #[arg(long, value_name = "IF")]
    pub(crate) interface: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  uplinkd status\n  uplinkd status --json | jq -r .state\n\n\
                        The keys of --json are in docs/control-protocol.md. The exit status is 0 whenever the \
                        status could be told, whether the link is up or not."
)]
pub(crate) struct StatusArguments {
    /// One JSON object instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) socket: SocketArguments,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  uplinkd at AT+CSQ\n  uplinkd at --device ttyUSB2 ATI\n\n\
                        Through the daemon, commands that would end the link are refused without --force. Exit \
                        statuses: 0 the modem says OK, 1 it or the daemon says no, 2 options, 6 the tty is locked, 7 no \
                        daemon runs or no such tty, 33 no permission."
)]
pub(crate) struct AtArguments {
    /// Talk to the modem on this tty, not through the daemon.
    #[arg(long, value_name = "TTY", conflicts_with_all = ["interface", "force"])]
    pub(crate) device: Option<PathBuf>,
    /// Send it even if it would end the link.
    #[arg(long)]
    pub(crate) force: bool,
    /// Speed of the tty in bit/s.
    #[arg(
        long,
        value_name = "BPS",
        default_value_t = 460_800,
        requires = "device"
    )]
    pub(crate) speed: u32,
    /// UUCP lock files of ttys.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/var/lock",
        requires = "device"
    )]
    pub(crate) lock_dir: PathBuf,
    #[command(flatten)]
    pub(crate) socket: SocketArguments,
    /// The command, such as AT+CSQ.
    pub(crate) command: String,
}

#[derive(Debug, Args)]
#[command(after_help = fault_help("Example:\n  uplinkd demo --fault auth-reject\n  uplinkd demo --fault busy=2          two failures in a row, and the modem is reset"))]
pub(crate) struct DemoArguments {
    /// Show this fault, and what the daemon does about it.
    #[arg(long, value_name = "NAME[=VALUE][@TIME]", value_parser = parse_fault)]
    pub(crate) fault: Vec<FaultSpec>,
    /// Print every line of the daemon's log.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
#[command(after_help = sim_help())]
pub(crate) struct SimArguments {
    /// Link this path to the pty; without it the pty's own path is printed.
    #[arg(long, value_name = "PATH")]
    pub(crate) link: Option<PathBuf>,
    /// A second port, for AT commands at any time: link this path to its pty.
    #[arg(long, value_name = "PATH")]
    pub(crate) at_link: Option<PathBuf>,
    /// Which modem it is.
    #[arg(long, value_name = "NAME", default_value_t = Personality::Generic, value_parser = parse_personality)]
    pub(crate) personality: Personality,
    /// What the SIM wants at each start of the modem, 4 to 8 digits.
    #[arg(long, value_name = "PIN", value_parser = parse_pin)]
    pub(crate) pin: Option<String>,
    /// The SIM's number, 10 to 20 digits.
    #[arg(long, value_name = "DIGITS", default_value = "8988211000000000018", value_parser = parse_iccid)]
    pub(crate) iccid: String,
    /// An APN that the network knows; may be given several times. Without it, it knows any.
    #[arg(long, value_name = "APN")]
    pub(crate) apn: Vec<String>,
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

fn parse_personality(text: &str) -> Result<Personality, String> {
    text.parse::<Personality>()
        .map_err(|error| error.to_string())
}

fn parse_pin(text: &str) -> Result<String, &'static str> {
    parse_digits(text, 4..=8).ok_or("a PIN has 4 to 8 digits")
}

fn parse_iccid(text: &str) -> Result<String, &'static str> {
    parse_digits(text, 10..=20).ok_or("a SIM's number has 10 to 20 digits")
}

fn parse_digits(text: &str, lengths: RangeInclusive<usize>) -> Option<String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && lengths.contains(&text.len())).then(|| text.to_owned())
}

fn parse_fault(text: &str) -> Result<FaultSpec, String> {
    text.parse::<FaultSpec>().map_err(|error| error.to_string())
}

fn sim_help() -> String {
    let mut help = fault_help(
        "Example:\n  uplinkd sim --link /tmp/modem --fault no-carrier@30s --fault bitflip=1e-5",
    );
    let modems: Vec<&str> = Personality::ALL.iter().map(|p| p.name()).collect();
    help.push_str(&format!("\nModems: {}.\n", modems.join(", ")));
    help.push_str("SIGUSR1 switches the modem's power off and on, SIGHUP lifts all faults.\n");
    help
}

fn fault_help(example: &str) -> String {
    let mut help = String::from(example);
    help.push_str("\n\nFaults. TIME is 30s, 500ms, 2m; it counts from CONNECT, for faults of the modem itself from the start:\n");
    for (syntax, about) in fault::list() {
        help.push_str(&format!("  {syntax:<26} {about}\n"));
    }
    help
}
