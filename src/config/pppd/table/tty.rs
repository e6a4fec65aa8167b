//! pppd's tty.c.

use super::Argument::{Command, None, Number, Path, Text};
use super::{ACCEPT, Act, HONOUR, REFUSE, Row, always, honour, refuse, warn};

const LINE: &str = "the line is a tty here";

pub(super) const TTY: &[Row] = &[
    honour(
        "device name",
        None,
        Act::Device,
        "a name in /dev, or a full path",
    ),
    honour("tty speed", None, Act::Speed, "bits per second"),
    always("lock", None, HONOUR, "the tty is locked in any case"),
    warn("nolock", None, HONOUR, "the tty is locked in any case"),
    honour(
        "init",
        Command,
        Act::Init,
        "only a chat command: it is run before that of connect",
    ),
    honour(
        "connect",
        Command,
        Act::Connect,
        "a chat command is run natively, any other is refused",
    ),
    honour(
        "disconnect",
        Command,
        Act::Disconnect,
        "a chat command is run natively, any other is refused",
    ),
    warn(
        "welcome",
        Command,
        HONOUR,
        "it greets a caller, and we are the one who calls",
    ),
    refuse("pty", Command, HONOUR, LINE),
    refuse("notty", None, HONOUR, LINE),
    refuse("socket", Text, HONOUR, LINE),
    warn("record", Path, HONOUR, "nothing is recorded"),
    honour("crtscts", None, Act::Flow(true), "RTS/CTS flow control"),
    warn(
        "cdtrcts",
        None,
        ACCEPT,
        "Linux has no flow control by DTR; pppd sets none either",
    ),
    honour("nocrtscts", None, Act::Flow(false), "no flow control"),
    honour("-crtscts", None, Act::Flow(false), "no flow control"),
    honour("nocdtrcts", None, Act::Flow(false), "no flow control"),
    refuse(
        "xonxoff",
        None,
        HONOUR,
        "flow control by characters is not done; use crtscts",
    ),
    honour("stop-bits", Number, Act::StopBits, "only 1"),
    honour("modem", None, Act::Modem(true), "carrier and DTR count"),
    honour(
        "local",
        None,
        Act::Modem(false),
        "carrier and DTR do not count",
    ),
    refuse("sync", None, REFUSE, "the line is asynchronous"),
    warn(
        "datarate",
        Number,
        ACCEPT,
        "it limits pty, notty and record only",
    ),
    honour(
        "escape",
        Text,
        Act::Escape,
        "these characters are sent escaped",
    ),
];
