//! What can be typed.

use std::ffi::OsString;
use std::net::IpAddr;
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
                  uplinkd reconnect                      dial now instead of waiting\n  \
                  uplinkd config check                   what the configuration will do, and what is wrong with it\n\n\
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
    /// Have it read its configuration again; a link that is up stays.
    Reload(SocketArguments),
    /// Check a configuration file, show what is in force, or turn it into a uplinkd.toml.
    Config(ConfigArguments),
    /// Write pppd's files for a configuration: the way back to pppd.
    ExportPppd(ExportArguments),
    /// Send the modem one AT command, through the running daemon or on a tty.
    At(AtArguments),
    /// Run a chat script on standard input and output, as chat(8) does.
    Chat(ChatArguments),
    /// Show the main job on a built-in modem and ISP; changes nothing on this machine.
    Demo(DemoArguments),
    /// A simulated modem with an ISP and a small internet behind it, on a pty.
    Sim(SimArguments),
    /// Print a completion script for a shell; scripts/install puts them in place.
    #[command(hide = true)]
    Completions(CompletionsArguments),
    /// Run scripts for a daemon in its sandbox; systemd starts it (uplinkd-scripts@.service).
    #[command(hide = true)]
    ScriptHost(ScriptHostArguments),
    /// Put name servers of a link into /etc/resolv.conf, or take them out. The service runs it.
    #[command(subcommand, hide = true)]
    ResolvConf(ResolvConfCommand),
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
    /// What must outlive a crash is kept here: the default route and the resolv.conf that were replaced, an ip-down that
    /// is owed, PINs that were refused, writes to the modem's flash, restarts of the host.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/uplinkd")]
    pub(crate) state_dir: PathBuf,
    /// Where pppd's files are: peers, options, secrets, scripts.
    #[arg(long, value_name = "DIR", default_value = "/etc/ppp")]
    pub(crate) ppp_dir: PathBuf,
    /// UUCP lock files of ttys.
    #[arg(long, value_name = "DIR", default_value = "/var/lock")]
    pub(crate) lock_dir: PathBuf,
    /// The file that programs read for DNS servers; for tests.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/resolv.conf",
        hide = true
    )]
    pub(crate) resolv_conf: PathBuf,
    /// Where pppd's pid files are; for tests.
    #[arg(long, value_name = "DIR", default_value = "/run", hide = true)]
    pub(crate) pid_dir: PathBuf,
    /// Where the kernel shows its devices; for tests.
    #[arg(long, value_name = "DIR", default_value = "/sys", hide = true)]
    pub(crate) sys_dir: PathBuf,
    /// Where ttys are; for tests.
    #[arg(long, value_name = "DIR", default_value = "/dev", hide = true)]
    pub(crate) dev_dir: PathBuf,
    /// The path unit that may have started it: only then START=no means not to start.
    #[arg(long, value_name = "UNIT", hide = true)]
    pub(crate) path_unit: Option<String>,
    /// Run scripts through the script host at this socket, outside of the sandbox of this process.
    #[arg(long, value_name = "SOCKET", hide = true)]
    pub(crate) script_host: Option<PathBuf>,
    /// Log echo requests and replies too.
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ResolvConfCommand {
    /// The link has these servers.
    Set {
        #[command(flatten)]
        at: ResolvConfArguments,
        /// Addresses, in order.
        #[arg(required = true)]
        server: Vec<IpAddr>,
    },
    /// The link is down.
    Restore {
        #[command(flatten)]
        at: ResolvConfArguments,
    },
    /// The service starts: what a former one has left.
    Recover {
        #[command(flatten)]
        at: ResolvConfArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ResolvConfArguments {
    /// The file.
    #[arg(long, value_name = "FILE", default_value = "/etc/resolv.conf")]
    pub(crate) path: PathBuf,
    /// Where the former file is kept.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/uplinkd")]
    pub(crate) state_dir: PathBuf,
    /// The link's interface.
    #[arg(long, value_name = "IF")]
    pub(crate) interface: String,
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
    /// The daemon of this process number, for systemd's ExecReload=.
    #[arg(long, value_name = "PID", hide = true, conflicts_with = "interface")]
    pub(crate) pid: Option<u32>,
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
    after_help = "Example:\n  uplinkd config check\n  uplinkd config show /etc/default/ppp\n  \
                        uplinkd config convert /etc/default/ppp -o /etc/uplinkd.toml\n\n\
                        Exit statuses: 0 fine (warnings too), 2 problems: all of them are on stderr, with line and \
                        column."
)]
pub(crate) struct ConfigArguments {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Tell in words what will happen, and every problem of the file.
    #[command(after_help = "Example:\n  uplinkd config check /etc/default/ppp\n\n\
                      The exit status is 0 with warnings alone, 2 with an error. Nothing is started or changed.")]
    Check(ConfigFile),
    /// Print every setting that is in force, as TOML, and where it comes from. Secrets are hidden.
    #[command(
        after_help = "Example:\n  uplinkd config show /etc/default/ppp | grep HOLDOFF\n\n\
                      Behind each setting stands its key in /etc/default/ppp, if it has one, and FILE:LINE, or \"default\"."
    )]
    Show(ConfigFile),
    /// Turn the file into a uplinkd.toml that means the same, passwords included.
    #[command(
        after_help = "Example:\n  uplinkd config convert /etc/default/ppp -o /etc/uplinkd.toml\n  \
                      uplinkd run --config /etc/uplinkd.toml\n\n\
                      The text holds the password: the file of -o gets mode 0600; with > it has the shell's."
    )]
    Convert(ConvertArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// The configuration: KEY=VALUE lines, or TOML when the name ends in .toml.
    #[arg(value_name = "FILE", default_value = "/etc/default/ppp")]
    pub(crate) file: PathBuf,
    /// Where pppd's files are.
    #[arg(long, value_name = "DIR", default_value = "/etc/ppp")]
    pub(crate) ppp_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ConvertArguments {
    #[command(flatten)]
    pub(crate) input: ConfigFile,
    /// Write here, mode 0600, instead of to stdout.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace FILE if it is there.
    #[arg(long, requires = "output")]
    pub(crate) force: bool,
    /// Write every setting, not only what differs from the default.
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  uplinkd export-pppd --config /etc/default/ppp --root / --check\n  \
                        uplinkd export-pppd --config /etc/default/ppp --root /\n\n\
                        Writes DIR/etc/ppp/peers/ppp0, DIR/etc/chatscripts/ppp0, and our entry into \
                        DIR/etc/ppp/chap-secrets and pap-secrets; other entries stay. Exit statuses: 0 done, or nothing \
                        differs; 1 --check found a difference, or a file cannot be written; 2 the configuration or a file \
                        is bad, and nothing was written."
)]
pub(crate) struct ExportArguments {
    /// The configuration: KEY=VALUE lines, or TOML when the name ends in .toml.
    #[arg(long, value_name = "FILE", default_value = "/etc/default/ppp")]
    pub(crate) config: PathBuf,
    /// The files are written below this folder; / for this system.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: PathBuf,
    /// Write nothing: show what differs, without secrets.
    #[arg(long)]
    pub(crate) check: bool,
    /// The modem's tty, where the configuration has AUTO or a model without a tty of its own.
    #[arg(long, value_name = "TTY")]
    pub(crate) tty: Option<PathBuf>,
    /// Where pppd's files are that the configuration names.
    #[arg(long, value_name = "DIR", default_value = "/etc/ppp")]
    pub(crate) ppp_dir: PathBuf,
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

/// For the help and the completions: [`crate::chat::Arguments`] reads the words themselves, as chat(8) does.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  uplinkd chat -v -f /etc/chatscripts/ppp0 </dev/ttyUSB0 >/dev/ttyUSB0\n  \
                        uplinkd chat -s -v -t5 '' AT OK ATI OK </dev/ttyUSB0 >/dev/ttyUSB0\n\n\
                        Exit statuses are chat's: 0 done, 1 options or script, 2 the line or a signal, 3 timeout, 4 \
                        the first ABORT string, 5 the second, and so on."
)]
pub(crate) struct ChatArguments {
    /// Log the dialog: to the journal when stderr is connected to it, else to stderr.
    #[arg(short = 'v')]
    verbose: bool,
    /// Show on stderr what is read.
    #[arg(short = 'V')]
    show: bool,
    /// The log goes to stderr, without times and names.
    #[arg(short = 's')]
    to_stderr: bool,
    /// No log.
    #[arg(short = 'S')]
    no_log: bool,
    /// Begin with ECHO ON.
    #[arg(short = 'e')]
    echo: bool,
    /// $NAME in a word stands for a variable of the environment.
    #[arg(short = 'E')]
    expand: bool,
    /// How long an expect may take; 45 if it is 0.
    #[arg(short = 't', value_name = "SECONDS", default_value_t = 45)]
    timeout: u32,
    /// The script.
    #[arg(short = 'f', value_name = "FILE", conflicts_with = "script")]
    file: Option<PathBuf>,
    /// REPORT strings go there, else to stderr.
    #[arg(short = 'r', value_name = "FILE")]
    report: Option<PathBuf>,
    /// What \T stands for.
    #[arg(short = 'T', value_name = "NUMBER")]
    phone: Option<String>,
    /// What \U stands for.
    #[arg(short = 'U', value_name = "NUMBER")]
    phone2: Option<String>,
    /// A pause before each character that is sent. chat itself pauses 10 ms.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    char_delay: u16,
    /// The script on the command line: what is expected and what is sent, in turn.
    #[arg(value_name = "EXPECT SEND")]
    script: Vec<OsString>,
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

#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// Which shell.
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ScriptHostArguments {
    /// Files below this folder, or this file, may be run; may be given several times.
    #[arg(
        long,
        value_name = "PATH",
        default_values = ["/etc/ppp", "/sbin/resolvconf", "/usr/sbin/resolvconf"]
    )]
    pub(crate) allow: Vec<PathBuf>,
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
