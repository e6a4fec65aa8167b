//! pppd's auth.c, upap.c, chap.c, chap_ms.c and eap.c.

use super::Argument::{None, Number, Path, Secret, Text};
use super::{
    ACCEPT, Act, Group, HONOUR, Proof, REFUSE, Row, Service, always, honour, refuse, row, warn,
};

const PROVE: &str = "a modem cannot prove who it is; noauth takes it back";
const SERVER: &str = "we are never the one who is called";
const NO_EAP: &str = "EAP is not spoken";
const TLS: &str = "EAP-TLS is not spoken";
const NO_MS: &str = "MS-CHAP is not spoken";
const REFUSE_PAP: &str = "PAP is not agreed to";
const REFUSE_CHAP: &str = "CHAP is not agreed to";

/// `auth` and its relations.
const fn demand(name: &'static str) -> Row {
    let service = Service::RefuseIfInForce(Group::Auth);
    row(name, None, service, HONOUR, Act::Nothing, PROVE)
}

pub(super) const AUTH: &[Row] = &[
    demand("auth"),
    row(
        "noauth",
        None,
        Service::TakesBack(Group::Auth),
        HONOUR,
        Act::Nothing,
        "the peer has nothing to prove",
    ),
    demand("require-pap"),
    demand("+pap"),
    demand("require-chap"),
    demand("+chap"),
    demand("require-mschap"),
    demand("+mschap"),
    demand("require-mschap-v2"),
    demand("+mschap-v2"),
    honour("refuse-pap", None, Act::Refuse(Proof::Pap), REFUSE_PAP),
    honour("-pap", None, Act::Refuse(Proof::Pap), REFUSE_PAP),
    honour("refuse-chap", None, Act::Refuse(Proof::Chap), REFUSE_CHAP),
    honour("-chap", None, Act::Refuse(Proof::Chap), REFUSE_CHAP),
    always("refuse-mschap", None, HONOUR, NO_MS),
    always("-mschap", None, HONOUR, NO_MS),
    always("refuse-mschap-v2", None, HONOUR, NO_MS),
    always("-mschap-v2", None, HONOUR, NO_MS),
    demand("require-eap"),
    always("refuse-eap", None, HONOUR, NO_EAP),
    honour("name", Text, Act::Name, "our name, where user is not given"),
    honour(
        "+ua",
        Path,
        Act::UserFile,
        "our name and password are the first two lines of that file",
    ),
    honour("user", Text, Act::User, "our name"),
    honour(
        "password",
        Secret,
        Act::Password,
        "our password; the secrets files are not asked then",
    ),
    honour(
        "usehostname",
        None,
        Act::UseHostName,
        "the host's name is our name",
    ),
    honour(
        "remotename",
        Text,
        Act::RemoteName,
        "the name of the peer in the secrets files",
    ),
    honour(
        "pap-secrets",
        Path,
        Act::Secrets(Proof::Pap),
        "instead of that file in the ppp directory",
    ),
    honour(
        "chap-secrets",
        Path,
        Act::Secrets(Proof::Chap),
        "instead of that file in the ppp directory",
    ),
    warn("login", None, HONOUR, SERVER),
    warn("enable-session", None, HONOUR, SERVER),
    warn("papcrypt", None, HONOUR, SERVER),
    warn("privgroup", Text, HONOUR, SERVER),
    warn("allow-ip", Text, HONOUR, SERVER),
    warn("remotenumber", Text, HONOUR, SERVER),
    warn("allow-number", Text, HONOUR, SERVER),
    refuse("ca", Path, REFUSE, TLS),
    refuse("capath", Path, REFUSE, TLS),
    refuse("crl-dir", Path, REFUSE, TLS),
    refuse("crl", Path, REFUSE, TLS),
    refuse("max-tls-version", Text, REFUSE, TLS),
    refuse("tls-verify-key-usage", None, REFUSE, TLS),
    refuse("tls-verify-method", Text, REFUSE, TLS),
    refuse("cert", Path, REFUSE, TLS),
    refuse("key", Path, REFUSE, TLS),
    refuse("pkcs12", Path, REFUSE, TLS),
    refuse("need-peer-eap", None, REFUSE, TLS),
];

pub(super) const PAP_CHAP: &[Row] = &[
    always("hide-password", None, HONOUR, "a password is never shown"),
    warn("show-password", None, HONOUR, "a password is never shown"),
    honour("pap-restart", Number, Act::PapRestart, "seconds"),
    honour("pap-max-authreq", Number, Act::PapMaxRequests, "requests"),
    honour(
        "pap-timeout",
        Number,
        Act::PapTimeout,
        "seconds; it is the server's, and no client waits for it",
    ),
    warn("chap-restart", Number, HONOUR, SERVER),
    warn("chap-max-challenge", Number, HONOUR, SERVER),
    warn("chap-interval", Number, HONOUR, SERVER),
    honour("chap-timeout", Number, Act::ChapTimeout, "seconds"),
    warn("chapms-strip-domain", None, HONOUR, SERVER),
];

pub(super) const OTHERS: &[Row] = &[
    warn("ms-lanman", None, REFUSE, NO_MS),
    warn("mschap-challenge", Text, REFUSE, NO_MS),
    warn("mschap2-peer-challenge", Text, REFUSE, NO_MS),
    refuse("eap-restart", Number, HONOUR, "we are no EAP server"),
    refuse("eap-max-sreq", Number, HONOUR, "we are no EAP server"),
    warn("eap-timeout", Number, HONOUR, NO_EAP),
    warn("eap-max-rreq", Number, HONOUR, NO_EAP),
    refuse("eap-interval", Number, ACCEPT, "we are no EAP server"),
];
