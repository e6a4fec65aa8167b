//! What the operator can do about an end, in words.

use super::FailureClass;
use super::classify::{
    Extended, chat_class, extended, is_call, is_context, names_subscription, refuses_account,
};
use super::{LineProblem, NetworkProblem};
use crate::at::DialError;
use crate::chat::ChatEnd;
use crate::modem::{ModemProblem, PinGuard};
use crate::ppp::{DownReason, Layer};

pub(super) fn line(problem: &LineProblem) -> &'static str {
    match problem {
        LineProblem::Absent { .. } => {
            "check that the modem is plugged in and powered, and that this is its tty"
        }
        LineProblem::NotFound { .. } => {
            "check that the modem is plugged in and powered, and what lsusb says; or name its tty in DEVICE"
        }
        LineProblem::Locked { .. } => "end the other program, or let it use another tty",
        LineProblem::NotATty { .. } => "name the modem's tty in DEVICE",
        LineProblem::OpenFailed {
            permission: true, ..
        } => "run as root, or as a member of the group that owns the tty (often dialout)",
        LineProblem::OpenFailed {
            permission: false, ..
        } => "check that this is the modem's tty, and what the kernel's log says of it",
        LineProblem::Vanished { .. } => {
            "the modem restarted or was unplugged: if it happens often, check its power and cable"
        }
    }
}

pub(super) fn dial(error: &DialError) -> &'static str {
    match error {
        DialError::NoAnswer => {
            "check that this is the modem's dial port, that no other program uses it, and its power"
        }
        DialError::Error { command } if is_context(command) => {
            "check APN and PDPTYPE: the modem does not take them"
        }
        DialError::Extended {
            command,
            code: Some(4 | 50),
            ..
        } if is_context(command) => "check APN and PDPTYPE: the modem does not take them",
        DialError::Extended { code, text, .. } => match extended(*code, text) {
            Extended::Subscription => {
                "check APN, ACCOUNT and PASSWORD, and whether the subscription is active"
            }
            Extended::Sim => "check that the SIM is inserted, works, and needs no PIN or PUK",
            Extended::NoService => {
                "check the antenna and the coverage, and whether the SIM may use this network"
            }
            Extended::Network => {
                "the mobile network refused: check APN and subscription if it does not go away"
            }
            Extended::Modem => "if it does not go away, restart the modem",
        },
        DialError::Timeout { command, .. } | DialError::Error { command } if is_call(command) => {
            "check APN, antenna and coverage"
        }
        DialError::Refused {
            report: Some(report),
            ..
        } if names_subscription(report) => {
            "check APN, ACCOUNT and PASSWORD, and whether the subscription is active"
        }
        DialError::Refused { .. } => {
            "check APN, antenna and coverage, and whether the subscription is active"
        }
        DialError::Timeout { .. } | DialError::Error { .. } => {
            "if it does not go away, restart the modem"
        }
        DialError::StuckInDataMode => "restart the modem",
    }
}

pub(super) fn chat(end: &ChatEnd) -> &'static str {
    match end {
        ChatEnd::Done | ChatEnd::Stopped(_) => "",
        ChatEnd::Script(_) | ChatEnd::TooLong => {
            "correct the script; `uplinkd chat -v -f FILE` tries it by hand"
        }
        ChatEnd::File { .. } => {
            "check that the script names the right file, and that it can be read"
        }
        ChatEnd::Write { .. } => {
            "the modem takes no characters: check flow control (crtscts) and its power"
        }
        ChatEnd::InputEnded(_) => {
            "the modem restarted or was unplugged: if it happens often, check its power and cable"
        }
        ChatEnd::Aborted { string, .. } if refuses_account(string) => {
            "check the name and the password in the script"
        }
        ChatEnd::Timeout { .. } | ChatEnd::Aborted { .. } => match chat_class(end) {
            FailureClass::Sim => "check that the SIM is inserted, works, and needs no PIN or PUK",
            FailureClass::Configuration => {
                "check APN and account in the script, and whether the subscription is active"
            }
            FailureClass::Network => {
                "check the number and the APN in the script, antenna and coverage, and whether the subscription is active"
            }
            FailureClass::None | FailureClass::Modem | FailureClass::Line | FailureClass::Host => {
                "try the script by hand with `uplinkd chat -v -f FILE`; if the modem does not answer, restart it"
            }
        },
    }
}

pub(super) fn ppp(reason: &DownReason) -> &'static str {
    match reason {
        DownReason::AuthenticationRefused { .. } => {
            "check ACCOUNT, PASSWORD and AUTH against what the provider gave you"
        }
        DownReason::AuthenticationTimeout { .. } => {
            "the network does not judge our account: check APN and AUTH if it does not go away"
        }
        DownReason::PeerAuthenticationFailed | DownReason::PeerRefusedToAuthenticate => {
            "check the accounts that are let in"
        }
        DownReason::AuthenticationNotAgreed { .. } => {
            "AUTH names the wrong protocol: try the other one, CHAP or PAP"
        }
        DownReason::PeerTerminated {
            auth_rejected: true,
            ..
        } => "the peer wants authentication: set ACCOUNT, PASSWORD and AUTH",
        DownReason::PeerTerminated {
            auth_rejected: false,
            ..
        } => {
            "the network or the modem ended it: check APN, ACCOUNT and AUTH if it comes at every attempt"
        }
        DownReason::NegotiationTimeout { layer: Layer::Lcp } => {
            "the modem connected and nothing speaks PPP behind it: check DEVICE and the dial string"
        }
        DownReason::NegotiationFailed { .. } => {
            "check fixed addresses and PPP options in the configuration"
        }
        // LCP was answered, so somebody speaks PPP, and gets no address from the network.
        DownReason::NegotiationTimeout {
            layer: Layer::Ipcp | Layer::Auth,
        }
        | DownReason::NetworkPending { .. } => {
            "check APN, ACCOUNT and PASSWORD, the antenna, and whether the subscription is active"
        }
        DownReason::ProtocolRejected { .. } => "check PDPTYPE and APN: this peer carries no IPv4",
        DownReason::EchoTimeout { .. } => {
            "the modem or the network stopped answering: if it happens often, check the coverage"
        }
        DownReason::Loopback => "the modem is in command mode or echoes: check DEVICE",
        DownReason::CarrierLost => "the call was cut: if it happens often, check the coverage",
        DownReason::Closed { .. } => "",
    }
}

pub(super) fn network(problem: &NetworkProblem) -> &'static str {
    match problem {
        NetworkProblem::NoPermission { .. } => "run as root, or with CAP_NET_ADMIN",
        NetworkProblem::NoTun { .. } => {
            "load the kernel module (modprobe tun), or make /dev/net/tun available here"
        }
        NetworkProblem::NameTaken { .. } => {
            "end the program that owns it, perhaps a pppd, or choose another interface name"
        }
        NetworkProblem::InterfaceDeleted { .. } | NetworkProblem::SetDown { .. } => {
            "find what does that: network managers should leave it alone"
        }
        NetworkProblem::Failed { .. } => "see the system's words, and the kernel's log for more",
    }
}

pub(super) fn modem(problem: &ModemProblem) -> &'static str {
    match problem {
        ModemProblem::SimAbsent => "insert the SIM, or check that it sits well",
        ModemProblem::SimFailure { .. } => "try the SIM in a phone; ask the provider for a new one",
        ModemProblem::SimBusy { .. } => "if it does not go away, try the SIM in a phone",
        ModemProblem::PinNeeded => "set PIN, or switch the SIM's PIN off in a phone",
        ModemProblem::PinRefused { .. } => {
            "set the right PIN: this one is not sent again, so that the SIM does not lock itself"
        }
        ModemProblem::PinHeldBack { why } => held_back(*why),
        ModemProblem::PukNeeded => "unlock the SIM in a phone with the PUK from the provider",
        ModemProblem::NotRegistered { .. } => {
            "check the antenna and the coverage, and NETMODE and CARRIERID if they are set"
        }
        ModemProblem::RegistrationDenied => {
            "check whether the subscription is active, and CARRIERID if it is set"
        }
    }
}

fn held_back(why: PinGuard) -> &'static str {
    match why {
        PinGuard::Refused => {
            "set the right PIN; if this is the right one, unlock the SIM in a phone and set another PIN"
        }
        PinGuard::Unanswered => {
            "unlock the SIM in a phone; if the PIN is right, stop uplinkd, delete *.modem.json in the state directory and \
             start it again"
        }
        PinGuard::FewTries { .. } => {
            "unlock the SIM in a phone with the right PIN, then set that PIN"
        }
        PinGuard::NotNoted => {
            "make the state directory writable: only a PIN that this SIM has accepted before is sent without a note"
        }
        PinGuard::Forgotten => {
            "if the PIN is right, stop uplinkd, delete *.modem.json in the state directory and start it again"
        }
        PinGuard::Blind => "switch the SIM's PIN off in a phone",
    }
}
