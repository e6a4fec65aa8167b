//! Our name and our password, and which protocols we agree to with them (pppd 2.4.9, auth.c, `auth_reset`).

use std::path::PathBuf;

use super::apply::Import;
use crate::config::Auth;
use crate::config::diagnostic::Severity;
use crate::config::files::FileProblem;
use crate::config::pppd::secrets::{self, Outcome, Wanted};
use crate::config::pppd::source::Source;
use crate::config::pppd::table::{Act, Proof};
use crate::secret::Secret;

/// As pppd's.
const NAME_LIMIT: usize = 255;
const PASSWORD_LIMIT: usize = 255;

impl Import<'_, '_> {
    /// Puts name and password into the configuration.
    pub(super) fn credentials(&mut self) -> Auth {
        let given = self.given();
        let (user, is_given, mut password) = given;
        if let Some(setting) = self.last(Act::Password) {
            // As in pppd, the option that comes last wins; +ua comes with a name, too.
            password = Some(Secret::new(setting.argument.bytes.as_slice()));
            if setting.argument.bytes.len() > PASSWORD_LIMIT {
                let message =
                    format!("password: longer than {PASSWORD_LIMIT} bytes, and pppd would cut it");
                self.error(setting, message, "expected a shorter one");
            }
        }
        let (chap, pap) = match password {
            Some(password) => {
                let pap = Some(password.clone()).filter(|password| !password.is_empty());
                (Some(password), pap)
            }
            None => self.secrets_from_files(&user, is_given),
        };
        let chap = chap.filter(|_| !self.refuses_chap);
        let pap = pap.filter(|_| !self.refuses_pap);
        let config = &mut self.config;
        let (auth, allow_pap) = match (&chap, &pap) {
            (Some(_), pap) => (Auth::Chap, pap.is_some()),
            (None, Some(_)) => (Auth::Pap, true),
            (None, None) => (Auth::NoAuth, false),
        };
        config.allow_pap = allow_pap;
        if auth != Auth::NoAuth {
            config.account = user;
        }
        config.pap_password = pap
            .clone()
            .filter(|pap| chap.as_ref().is_some_and(|chap| chap != pap));
        config.password = chap.or(pap).unwrap_or_default();
        auth
    }

    /// The name, whether an option gives it, and a password that comes with it.
    fn given(&mut self) -> (String, bool, Option<Secret>) {
        let mut host = self.reading.files.host_name();
        if let Some(setting) = self.last(Act::Domain)
            && let Some(domain) = self.text(setting)
            && !domain.is_empty()
        {
            let dot = if domain.starts_with('.') { "" } else { "." };
            host = format!("{host}{dot}{domain}");
        }
        let ours = match self.last(Act::Name) {
            Some(setting) if self.last(Act::UseHostName).is_none() => self.name(setting),
            Some(_) | None => None,
        };
        let file = self.last(Act::UserFile);
        if let Some(setting) = file
            && let Some(path) = self.path(setting)
        {
            let found = self.reading.files.read(&path);
            let found = found.and_then(|text| {
                secrets::complain_of_access(&Source::secrets(&path), &text, self.report);
                let pair = secrets::user_file(&text);
                pair.ok_or_else(|| FileProblem::Failed("it has no two lines".to_owned()))
            });
            match found {
                Ok((name, password)) => match String::from_utf8(name) {
                    Ok(name) => return (name, true, Some(password)),
                    Err(_) => {
                        let message = "+ua: the name in the file is not UTF-8".to_owned();
                        self.error(setting, message, "save the file as UTF-8");
                    }
                },
                Err(problem) => {
                    let message = format!("+ua: {} cannot be read: {problem}", path.display());
                    self.error(
                        setting,
                        message,
                        "expected a file with the name and the password on two lines",
                    );
                }
            }
        }
        match self.last(Act::User) {
            Some(setting) => (self.name(setting).unwrap_or_default(), true, None),
            None => (ours.unwrap_or(host), false, None),
        }
    }

    /// A name of no more than 255 bytes.
    fn name(&mut self, setting: &super::Setting) -> Option<String> {
        let text = self.text(setting)?;
        if text.len() <= NAME_LIMIT {
            return Some(text);
        }
        let message = format!(
            "{}: longer than {NAME_LIMIT} bytes, and pppd would cut it",
            setting.row.name
        );
        self.error(setting, message, "expected a shorter one");
        None
    }

    /// From chap-secrets and pap-secrets.
    fn secrets_from_files(
        &mut self,
        user: &str,
        is_given: bool,
    ) -> (Option<Secret>, Option<Secret>) {
        let remote = match self.last(Act::RemoteName) {
            Some(setting) => self.name(setting),
            None => None,
        };
        let wanted = Wanted {
            client: user,
            server: remote.as_deref(),
        };
        let mut looked = Vec::new();
        let mut secrets = [None, None];
        let protocols = [
            (Proof::Chap, self.refuses_chap),
            (Proof::Pap, self.refuses_pap),
        ];
        for ((proof, refused), secret) in protocols.into_iter().zip(&mut secrets) {
            if refused {
                continue;
            }
            let path = self.secrets_file(proof);
            let outcome = secrets::find(&path, wanted, self.reading, self.report);
            let absent = if outcome == Outcome::Absent {
                " (not there)"
            } else {
                ""
            };
            looked.push(format!("{}{absent}", path.display()));
            if let Outcome::Found(found) = outcome {
                *secret = Some(found);
            }
        }
        let [chap, pap] = secrets;
        if chap.is_none()
            && pap.is_none()
            && is_given
            && !looked.is_empty()
            && let Some(setting) = self.last(Act::User)
        {
            let server = match self.last(Act::RemoteName) {
                Some(setting) => self.told(setting),
                None => "\"*\"".to_owned(),
            };
            let user = self.told(setting);
            let message = format!(
                "there is no password for {user} at server {server}: no entry in {} fits; a network that demands one is told \
                 that there is none",
                looked.join(" or ")
            );
            let help = format!("expected a line: {user} {server} \"PASSWORD\"");
            self.add(Severity::Warning, setting, message, &help);
        }
        (chap, pap)
    }

    fn secrets_file(&self, proof: Proof) -> PathBuf {
        let (given, name) = match proof {
            Proof::Chap => (&self.chap_secrets, "chap-secrets"),
            Proof::Pap => (&self.pap_secrets, "pap-secrets"),
        };
        let default = || self.reading.ppp_dir.join(name);
        given.clone().unwrap_or_else(default)
    }
}
