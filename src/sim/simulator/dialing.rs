//! Dials: where they lead, and who refuses them.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::super::call::Call;
use super::super::fault::{ALWAYS, ApnRefusal, Fault};
use super::super::isp::IspConfig;
use super::super::modem::DialOutcome;
use super::super::schedule::CallFault;
use super::Sim;
use crate::log::Level;
use crate::time::Instant;

/// How long the network takes to refuse a call.
const REFUSAL_TIME: Duration = Duration::from_millis(500);
/// How long it takes to find an APN unknown, and how long a call to such a one lasts.
const APN_TIME: Duration = Duration::from_secs(3);
/// `+CME ERROR`: requested service option not subscribed.
const NOT_SUBSCRIBED: u16 = 133;
/// What the modem says behind CONNECT.
const CONNECT_SPEED: &str = "150000000";

impl Sim {
    pub(super) fn dial(&mut self, now: Instant, number: &str) {
        self.log(Level::Info, &format!("modem: dials {number}"));
        self.stats.dials += 1;
        self.dials_unwanted = false;
        let (after, outcome) = match self.refusal(now, number) {
            Some(refusal) => refusal,
            None => {
                let delay = self.modem_fault(now, |fault| {
                    if let Fault::LateConnect(time) = fault {
                        Some(*time)
                    } else {
                        None
                    }
                });
                let outcome = DialOutcome::Connect(CONNECT_SPEED.to_owned());
                (delay.unwrap_or(self.config.connect_delay), outcome)
            }
        };
        self.modem.answer_dial(now, after, outcome);
    }

    /// Whether the call is refused, when, and how.
    fn refusal(&mut self, now: Instant, number: &str) -> Option<(Duration, DialOutcome)> {
        let no_carrier = DialOutcome::Refused("NO CARRIER");
        if let Some(refusal) = self.schedule.take_modem(now, wanted_refusal) {
            return Some((REFUSAL_TIME, refusal));
        }
        let Some(apn) = context(number).and_then(|cid| self.device.apn(cid)) else {
            return Some((REFUSAL_TIME, no_carrier));
        };
        if !self.device.radio.is_registered() {
            let code = self.device.model.no_service;
            return Some((REFUSAL_TIME, code.map_or(no_carrier, DialOutcome::Error)));
        }
        let accepted = self.config.apns.as_ref();
        let known = accepted.is_none_or(|apns| apns.iter().any(|a| a.eq_ignore_ascii_case(apn)));
        let by_fault = self.modem_fault(now, |fault| {
            if let Fault::WrongApn(refusal) = fault {
                Some(*refusal)
            } else {
                None
            }
        });
        match by_fault.or_else(|| (!known).then_some(self.config.apn_refusal))? {
            ApnRefusal::NoCarrier => Some((APN_TIME, no_carrier)),
            ApnRefusal::Cme => Some((APN_TIME, DialOutcome::Error(NOT_SUBSCRIBED))),
            ApnRefusal::Dummy => {
                self.dials_unwanted = true;
                None
            }
        }
    }

    pub(super) fn start_call(&mut self, now: Instant) {
        let number = self.stats.calls;
        self.stats.calls += 1;
        let mut faults = self.schedule.start_call(now);
        if std::mem::take(&mut self.dials_unwanted) {
            faults.push(CallFault {
                fault: Fault::DummyDns(ALWAYS),
                from: now,
            });
            self.unwanted.arm(now + APN_TIME);
        }
        let mut client = self.config.client_address;
        if faults.iter().any(|fault| fault.fault == Fault::NewAddress) {
            client = Ipv4Addr::from(u32::from(client).wrapping_add(number));
        }
        let config = IspConfig {
            address: self.config.isp_address,
            client,
            dns: self.config.dns,
            demand: self.config.demand.clone(),
            echo: self.config.echo,
        };
        self.log(
            Level::Info,
            &format!("modem: call {} is connected", number + 1),
        );
        self.take_text();
        let mut first = Vec::new();
        self.call = Some(Call::new(
            now,
            &config,
            faults,
            &mut self.random,
            &mut first,
        ));
        self.tty.extend(first);
    }
}

/// The context that a number leads to, if it leads to the network (3GPP TS 27.007 section
/// 10.2.1.1): `*99#`, `*99***CID#`.
fn context(number: &str) -> Option<u8> {
    let number = number
        .trim_start_matches(['T', 't', 'P', 'p', ' '])
        .trim_end();
    let rest = number.strip_prefix("*99")?.strip_suffix('#')?;
    match rest.rsplit('*').next().unwrap_or_default() {
        "" => Some(1),
        cid => cid.parse().ok(),
    }
}

/// How a fault refuses every call, if it does.
fn wanted_refusal(fault: &Fault) -> Option<DialOutcome> {
    if let Fault::CmeError(code) = fault {
        return Some(DialOutcome::Error(*code));
    }
    let results = [
        (matches!(fault, Fault::Busy(_)), "BUSY"),
        (matches!(fault, Fault::NoDialtone(_)), "NO DIALTONE"),
        (matches!(fault, Fault::NoAnswer(_)), "NO ANSWER"),
    ];
    results
        .into_iter()
        .find(|(holds, _)| *holds)
        .map(|(_, result)| DialOutcome::Refused(result))
}
