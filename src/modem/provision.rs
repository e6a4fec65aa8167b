//! What is to be in the modem before the dial: APN and account, as commands; and whether they are sent (spec D1, D5).

use super::answers::Context;
use super::bringup::{BringupPlan, ContextAuth};
use super::memory::{MAX_COUNTED, Memory, ProvisionRecord, fingerprint};
use super::profile::Profile;
use crate::at::command::is_clean;
use crate::at::{Command, Part};
use crate::secret::Secret;

/// The commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Provisioning {
    /// Defines the context; `None` without an APN.
    pub(super) context: Option<Command>,
    /// What the modem then says of the context, if the command is one that can be compared.
    pub(super) wanted: Option<Context>,
    /// Gives the account to the modem.
    pub(super) account: Vec<Command>,
    /// The account cannot be put into a command.
    pub(super) unclean: bool,
}

impl Provisioning {
    pub(super) fn of(plan: &BringupPlan, profile: &Profile) -> Self {
        let values = Values::of(plan, profile);
        let context = plan
            .apn
            .as_ref()
            .map(|_| values.render(&profile.dial.context));
        let wants_account = !plan.account.is_empty() && plan.auth != ContextAuth::None;
        let clean = is_clean(&Secret::new(plan.account.as_bytes())) && is_clean(&plan.password);
        let account = if wants_account && clean {
            profile
                .dial
                .account
                .iter()
                .map(|command| values.render(command))
                .collect()
        } else {
            Vec::new()
        };
        Self {
            wanted: context
                .as_ref()
                .and_then(|command| Context::of_command(command.shown())),
            context,
            account,
            unclean: wants_account && !clean && !profile.dial.account.is_empty(),
        }
    }

    /// How many commands it takes to send everything.
    pub(super) fn count(&self) -> u32 {
        let count = usize::from(self.context.is_some()) + self.account.len();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// What is decided for a modem whose flash wears out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Everything is sent.
    Write,
    /// Nothing is sent, and nothing is to be said.
    Skip,
    /// Nothing is sent: the user has said that it is there, and nothing is known to the contrary. To be noted.
    SkipAndNote,
    /// Nothing is sent because the user has said that it is there, although settings, SIM or modem are other ones.
    SkipThough,
    /// Nothing is sent: this program has sent it and the modem still has it.
    SkipWritten,
    /// Nothing is sent because of the limit.
    SkipOverLimit,
}

/// The modem and the SIM, and what is to be in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprints {
    pub(super) place: String,
    pub(super) settings: String,
}

impl Fingerprints {
    pub(super) fn of(plan: &BringupPlan, iccid: Option<&str>, imei: Option<&str>) -> Self {
        let (iccid, imei) = (iccid.unwrap_or_default(), imei.unwrap_or_default());
        let auth = [auth_number(plan.auth)];
        Self {
            place: fingerprint("place", &[iccid.as_bytes(), imei.as_bytes()]),
            settings: fingerprint(
                "settings",
                &[
                    iccid.as_bytes(),
                    imei.as_bytes(),
                    plan.apn.as_deref().unwrap_or_default().as_bytes(),
                    plan.pdp_type.as_bytes(),
                    plan.account.as_bytes(),
                    plan.password.expose(),
                    auth.as_ref(),
                ],
            ),
        }
    }

    pub(super) fn record(&self, confirmed: bool) -> ProvisionRecord {
        ProvisionRecord {
            place: self.place.clone(),
            settings: self.settings.clone(),
            confirmed,
        }
    }
}

/// Whether to write to a modem whose flash wears out. `has_context`: the modem says that it has the wanted context.
pub(super) fn judge(
    plan: &BringupPlan,
    memory: &Memory,
    now: &Fingerprints,
    count: u32,
    has_context: bool,
) -> Verdict {
    let record = memory
        .provisioned
        .iter()
        .find(|record| record.place == now.place);
    let same = record.filter(|record| record.settings == now.settings);
    if plan.connect_ok {
        return match same {
            Some(record) if record.confirmed => Verdict::Skip,
            Some(_) => Verdict::SkipAndNote,
            None if memory.provisioned.is_empty() => Verdict::SkipAndNote,
            None => Verdict::SkipThough,
        };
    }
    // Once the user's word was there and now it is not: he has taken the line out, for them to be sent again.
    if same.is_some_and(|record| !record.confirmed) && has_context {
        return Verdict::SkipWritten;
    }
    let spent = memory.writes_of_today(plan.wall);
    if spent.saturating_add(count) > plan.provisioning_limit.min(MAX_COUNTED) {
        return Verdict::SkipOverLimit;
    }
    Verdict::Write
}

/// The number of the authentication as `AT+CGAUTH` (3GPP TS 27.007 section 10.1.31) and `AT+UAUTHREQ` have it.
fn auth_number(auth: ContextAuth) -> u8 {
    match auth {
        ContextAuth::None => b'0',
        ContextAuth::Pap => b'1',
        ContextAuth::Chap => b'2',
    }
}

/// What the placeholders of a profile stand for.
struct Values<'p> {
    apn: String,
    pdp_type: &'p str,
    account: &'p str,
    password: &'p Secret,
    auth: String,
}

impl<'p> Values<'p> {
    fn of(plan: &'p BringupPlan, profile: &Profile) -> Self {
        let apn = plan.apn.as_deref().unwrap_or_default();
        let prefixed = profile.dial.apn_prefix && !plan.account.is_empty();
        let prefix = match plan.auth {
            ContextAuth::Pap if prefixed => "PAP:",
            ContextAuth::Chap if prefixed => "CHAP:",
            ContextAuth::None | ContextAuth::Pap | ContextAuth::Chap => "",
        };
        Self {
            apn: format!("{prefix}{apn}"),
            pdp_type: &plan.pdp_type,
            account: &plan.account,
            password: &plan.password,
            auth: char::from(auth_number(plan.auth)).to_string(),
        }
    }

    fn render(&self, template: &str) -> Command {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once('{') {
            parts.push(Part::Plain(before));
            let Some((name, behind)) = behind.split_once('}') else {
                break;
            };
            parts.push(match name {
                "apn" => Part::Plain(&self.apn),
                "type" => Part::Plain(self.pdp_type),
                "account" => Part::Plain(self.account),
                "password" => Part::Hidden(self.password),
                "auth" => Part::Plain(&self.auth),
                // The profile's reader knows no others.
                _ => Part::Plain(""),
            });
            rest = behind;
        }
        parts.push(Part::Plain(rest));
        Command::of(&parts)
    }
}

#[cfg(test)]
mod tests;
