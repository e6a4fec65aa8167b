//! What a modem keeps of networks and accounts: contexts (3GPP TS 27.007 section 10.1.1), and the
//! makers' own commands for name and password.
//!
//! It outlives ATZ and restarts, and some modems' memory is worn out by it: writes are counted.

use std::collections::BTreeMap;

use super::personality::{AccountCommand, ContextForm, Model};

/// Highest context that can be defined.
pub(super) const LAST_CONTEXT: u8 = 16;
/// Longest context definition kept, in bytes.
const LONGEST_CONTEXT: usize = 200;

const INCORRECT: u16 = 50;

/// Contexts and accounts.
#[derive(Debug)]
pub(super) struct Contexts {
    contexts: BTreeMap<u8, Context>,
    accounts: BTreeMap<u8, Account>,
    /// Definitions and deletions.
    pub(super) writes: u32,
}

#[derive(Debug)]
struct Context {
    apn: String,
    /// As it is read back.
    text: String,
}

#[derive(Debug)]
struct Account {
    auth: String,
    user: String,
}

impl Contexts {
    pub(super) fn new() -> Self {
        let empty = Context {
            apn: String::new(),
            text: "\"IP\",\"\",\"0.0.0.0\",0,0".to_owned(),
        };
        Self {
            contexts: BTreeMap::from([(1, empty)]),
            accounts: BTreeMap::new(),
            writes: 0,
        }
    }

    /// `+CGDCONT=`; a number alone deletes the context, and its account.
    pub(super) fn define(&mut self, model: &Model, value: &str) -> Result<(), u16> {
        let (cid, definition) = match value.split_once(',') {
            Some((cid, definition)) => (cid, Some(definition)),
            None => (value, None),
        };
        let cid = context_id(cid).ok_or(INCORRECT)?;
        let Some(definition) = definition else {
            self.writes += 1;
            self.contexts.remove(&cid);
            self.accounts.remove(&cid);
            return Ok(());
        };
        if definition.len() > LONGEST_CONTEXT {
            return Err(INCORRECT);
        }
        let fields = fields(definition);
        let kind = fields.first().map_or("", String::as_str);
        let apn = fields.get(1).map_or("", String::as_str);
        let bare = without_prefix(apn);
        if bare.is_some() && !model.apn_prefix {
            return Err(INCORRECT);
        }
        let text = match model.context {
            ContextForm::AsGiven => definition.to_owned(),
            ContextForm::Long(rest) => format!("\"{kind}\",\"{apn}\",\"0.0.0.0\"{rest}"),
        };
        let apn = bare.unwrap_or(apn).to_owned();
        self.writes += 1;
        self.contexts.insert(cid, Context { apn, text });
        Ok(())
    }

    /// `+CGDCONT?`
    pub(super) fn shown(&self) -> impl Iterator<Item = String> + '_ {
        let text = |(cid, context): (&u8, &Context)| format!("+CGDCONT: {cid},{}", context.text);
        self.contexts.iter().map(text)
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = u8> + '_ {
        self.contexts.keys().copied()
    }

    /// The APN of a context, without a demand for an authentication before it; `None`: there is no
    /// such context.
    pub(super) fn apn(&self, cid: u8) -> Option<&str> {
        self.contexts.get(&cid).map(|context| context.apn.as_str())
    }

    /// A maker's command for an account; number and kind alone, or kind 0, delete it.
    pub(super) fn set_account(
        &mut self,
        model: &Model,
        command: &AccountCommand,
        value: &str,
    ) -> Result<(), u16> {
        if value.len() > LONGEST_CONTEXT {
            return Err(INCORRECT);
        }
        let fields = fields(value);
        let field = |index: usize| fields.get(index).map_or("", String::as_str);
        let cid = context_id(field(0)).ok_or(INCORRECT)?;
        // Some makers put the kind behind name and password: absent, it is "none".
        let auth = if field(command.auth).is_empty() {
            "0"
        } else {
            field(command.auth)
        };
        if !matches!(auth, "0" | "1" | "2" | "3") {
            return Err(INCORRECT);
        }
        if auth != "0" && (fields.len() <= command.user || fields.len() <= command.password) {
            return Err(INCORRECT);
        }
        let apn = command.apn.map(field).filter(|apn| !apn.is_empty());
        if let Some(apn) = apn {
            self.define(model, &format!("{cid},\"IP\",\"{apn}\""))?;
        } else {
            self.writes += 1;
        }
        if auth == "0" {
            self.accounts.remove(&cid);
        } else {
            let account = Account {
                auth: auth.to_owned(),
                user: field(command.user).to_owned(),
            };
            self.accounts.insert(cid, account);
        }
        Ok(())
    }

    /// The same read back: never the password.
    pub(super) fn shown_accounts(&self, name: &str) -> impl Iterator<Item = String> {
        let text = move |(cid, account): (&u8, &Account)| {
            format!("{name}: {cid},{},\"{}\"", account.auth, account.user)
        };
        let lines: Vec<String> = self.accounts.iter().map(text).collect();
        lines.into_iter()
    }
}

/// `CHAP:apn`, `PAP:apn`: the APN.
fn without_prefix(apn: &str) -> Option<&str> {
    let (kind, bare) = apn.split_once(':')?;
    let known = ["CHAP", "PAP"].iter().any(|k| kind.eq_ignore_ascii_case(k));
    known.then_some(bare)
}

fn context_id(text: &str) -> Option<u8> {
    let number = text.trim().parse().ok()?;
    (1..=LAST_CONTEXT).contains(&number).then_some(number)
}

/// Fields between commas, their quotes taken off. A comma between quotes belongs to its field.
pub(super) fn fields(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => {
                if let Some(field) = fields.last_mut() {
                    field.push(c);
                }
            }
        }
    }
    for field in &mut fields {
        *field = field.trim().to_owned();
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::super::personality::Personality;
    use super::*;

    fn shown(contexts: &Contexts) -> Vec<String> {
        contexts.shown().collect()
    }

    #[test]
    fn contexts_are_read_back_as_the_model_does_it() {
        for (personality, given, text) in [
            (Personality::Generic, "1,\"IP\",\"a\"", "1,\"IP\",\"a\""),
            (
                Personality::LisaU200,
                "1,\"IP\",\"CHAP:dream.jp\"",
                "1,\"IP\",\"CHAP:dream.jp\",\"0.0.0.0\",0,0",
            ),
            (
                Personality::Amp5200,
                "1,\"IP\",\"a\"",
                "1,\"IP\",\"a\",\"0.0.0.0\",0,0,0,0",
            ),
            (
                Personality::Amp5200,
                "1,\"IPV4V6\",\"a\",\"0.0.0.0\",0,0",
                "1,\"IPV4V6\",\"a\",\"0.0.0.0\",0,0,0,0",
            ),
        ] {
            let mut contexts = Contexts::new();
            assert_eq!(contexts.define(personality.model(), given), Ok(()));
            assert_eq!(shown(&contexts), [format!("+CGDCONT: {text}")]);
        }
    }

    #[test]
    fn a_prefix_is_an_error_where_it_is_not_known() {
        for personality in Personality::ALL {
            let mut contexts = Contexts::new();
            let result = contexts.define(personality.model(), "1,\"IP\",\"PAP:a\"");
            let known = matches!(personality, Personality::Generic | Personality::LisaU200);
            assert_eq!(
                result,
                if known { Ok(()) } else { Err(50) },
                "{personality}"
            );
            assert_eq!(contexts.apn(1), Some(if known { "a" } else { "" }));
            assert_eq!(contexts.writes, u32::from(known));
        }
    }

    #[test]
    fn an_account_has_its_fields_where_the_maker_wants_them() {
        for (personality, value, user) in [
            (Personality::LisaU200, "1,2,\"u,x\",\"p\"", "u,x"),
            (Personality::Amm570, "1,3,\"p\",\"u\"", "u"),
            (Personality::Huawei, "1,2,\"\",\"p\",\"u\"", "u"),
            (Personality::Quectel, "1,1,\"net\",\"u\",\"p\",2", "u"),
            (Personality::Zte, "1,\"u\",\"p\",1", "u"),
        ] {
            let model = personality.model();
            let command = &model.accounts[0];
            let mut contexts = Contexts::new();
            let result = contexts.set_account(model, command, value);
            assert_eq!(result, Ok(()), "{personality}");
            let lines: Vec<String> = contexts.shown_accounts("X").collect();
            assert!(lines[0].ends_with(&format!(",\"{user}\"")), "{lines:?}");
            assert_eq!(contexts.writes, 1);
            assert_eq!(contexts.define(model, "1"), Ok(()));
            assert_eq!(contexts.shown_accounts("X").count(), 0);
            assert_eq!(contexts.apn(1), None);
        }
    }

    #[test]
    fn an_account_that_is_not_whole_is_an_error() {
        let model = Personality::Amm570.model();
        let mut contexts = Contexts::new();
        for value in ["", "0,0", "17,0", "1,3", "1,3,\"p\"", "1,9,\"p\",\"u\""] {
            let result = contexts.set_account(model, &model.accounts[0], value);
            assert_eq!(result, Err(50), "{value}");
        }
        assert_eq!(contexts.writes, 0);
        assert_eq!(
            contexts.set_account(model, &model.accounts[0], "1,0"),
            Ok(())
        );
    }
}
