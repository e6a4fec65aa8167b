//! Which AT commands end or endanger a call that is up on another port of the same modem.
//!
//! It is a guard against slips, not a wall: a maker's own command that nobody has put into the table passes. What only
//! asks (`AT+CFUN?`, `AT+CGACT=?`) always passes, except the search for networks, which takes the radio away from the
//! call.

/// What a command would do to the link; `None`: nothing that is known. Commands may be joined (`ATE0;+CFUN=0`).
pub fn risk(command: &str) -> Option<&'static str> {
    let upper: String = command
        .chars()
        .filter(|c| *c != ' ')
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let mut rest = upper.strip_prefix("AT").unwrap_or(&upper);
    loop {
        rest = rest.trim_start_matches(';');
        let first = rest.chars().next()?;
        if is_extended(first) {
            let (head, tail) = split_extended(rest);
            if let Some(why) = extended(head) {
                return Some(why);
            }
            rest = tail;
        } else {
            let (why, tail) = basic(rest);
            if why.is_some() {
                return why;
            }
            rest = tail;
        }
    }
}

/// Extended commands begin with `+` (V.250 section 5.4), makers' own with other signs.
fn is_extended(c: char) -> bool {
    matches!(c, '+' | '^' | '#' | '$' | '%' | '*' | '!' | '_' | '@' | '-')
}

/// Up to the next `;` outside of quotation marks.
fn split_extended(text: &str) -> (&str, &str) {
    let mut quoted = false;
    let end = text.find(|c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    end.and_then(|end| text.split_at_checked(end))
        .unwrap_or((text, ""))
}

fn extended(text: &str) -> Option<&'static str> {
    let end = text.find(['=', '?']).unwrap_or(text.len());
    let (name, value) = text.split_at_checked(end).unwrap_or((text, ""));
    if name == "+COPS" && value == "=?" {
        return Some("searches for networks, which takes minutes and stops the call meanwhile");
    }
    if value.starts_with('?') || value == "=?" {
        return None;
    }
    EXTENDED
        .iter()
        .find(|(names, _)| names.contains(&name))
        .map(|(_, why)| *why)
}

const EXTENDED: &[(&[&str], &str)] = &[
    (
        &[
            "+CFUN", "+CRESET", "+CPOF", "+CPWROFF", "+QPOWD", "^RESET", "^SMSO", "#REBOOT",
            "#SHDN", "!RESET", "!GRESET", "+ZRST", "%RESET",
        ],
        "restarts the modem or switches it off",
    ),
    (
        &[
            "+CGACT",
            "+CGATT",
            "+CGDATA",
            "+QIACT",
            "+QIDEACT",
            "#SGACT",
            "+CHUP",
            "+CVHU",
            "+NETOPEN",
            "+NETCLOSE",
            "+UPSDA",
            "^NDISDUP",
            "$QCRMCALL",
        ],
        "opens or ends a data connection",
    ),
    (
        &[
            "+CGDCONT",
            "+CGAUTH",
            "^AUTHDATA",
            "+UAUTHREQ",
            "#PDPAUTH",
            "^SGAUTH",
            "$QCPDPP",
            "+QICSGP",
            "+CGPCO",
        ],
        "changes the settings that the call was made with",
    ),
    (
        &[
            "+COPS",
            "+QCFG",
            "^SYSCFG",
            "^SYSCFGEX",
            "+URAT",
            "+CNMP",
            "+CMNB",
            "+CNBP",
            "#BND",
            "+WS46",
            "!SELRAT",
            "+ZSNT",
            "+CEMODE",
            "+QNWPREFCFG",
            "^SETPORT",
            "+QGPSCFG",
            "#USBCFG",
            "+ZCDRUN",
            "^U2DIAG",
            "+CUSBPIDSWITCH",
        ],
        "changes the network or the ports of the modem",
    ),
    (
        &["+CPIN", "+CLCK", "+CPWD", "+CPIN2"],
        "uses up tries of the SIM's PIN",
    ),
    (
        &["+IPR", "+ICF", "+IFC", "+CMUX"],
        "changes how the port is spoken to",
    ),
    (
        &["+CMGS", "+CMGW", "+CMGC"],
        "waits for a text, which cannot be given here",
    ),
];

/// One basic command (V.250 section 5.3.1) and what stands behind it.
fn basic(text: &str) -> (Option<&'static str>, &str) {
    let (name, rest) = match text.strip_prefix('&') {
        Some(rest) => {
            let letter = rest.chars().next();
            let why = match letter {
                Some('F') => Some("brings back the factory settings"),
                Some(_) | None => None,
            };
            return (why, number(without_first(rest)));
        }
        None => (text.chars().next(), without_first(text)),
    };
    let why = match name {
        Some('D') => Some("dials"),
        Some('A') => Some("answers a call"),
        Some('H') => Some("hangs up"),
        Some('O') => Some("goes to data mode"),
        Some('Z') => Some("brings the modem back to its start, which ends calls"),
        Some(_) | None => None,
    };
    // S-parameters: S0=1, S7?
    let rest = match name {
        Some('S') => {
            let rest = number(rest);
            match rest.strip_prefix('=') {
                Some(value) => number(value),
                None => rest.strip_prefix('?').unwrap_or(rest),
            }
        }
        Some(_) | None => number(rest),
    };
    (why, rest)
}

fn without_first(text: &str) -> &str {
    let mut chars = text.chars();
    chars.next();
    chars.as_str()
}

fn number(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_the_link_is_known() {
        for command in [
            "ATD*99#",
            "atdt*99***1#",
            "ATH",
            "ATH0",
            "ATZ",
            "AT&F",
            "ATO",
            "ATE0H",
            "ATE0Q0V1Z",
            "ATS0=0H",
            "ATS7?D1",
            "AT+CFUN=1,1",
            "AT+cfun=0",
            "AT +CFUN=0",
            "AT+CGACT=0,1",
            "AT+CSQ;+CGATT=0",
            "ATE0;+CFUN=0",
            "ATE0+CFUN=0",
            "AT+CSQ;;D*99#",
            "AT+COPS=?",
            "AT+COPS=2",
            "AT+CPIN=\"1234\"",
            "AT+CGDCONT=1,\"IP\",\"a;b\"",
            "AT#REBOOT",
            "AT^RESET",
            "AT+CPWROFF",
            "AT+CMGS=\"1\"",
            "AT+CLCK=\"a;b\",1;",
            "ATI;H",
        ] {
            assert!(risk(command).is_some(), "{command}");
        }
    }

    #[test]
    fn questions_are_harmless() {
        for command in [
            "AT",
            "ATI",
            "ATI9",
            "AT&V",
            "ATE1",
            "ATS0?",
            "AT+CSQ",
            "AT+COPS?",
            "AT+CFUN?",
            "AT+CFUN=?",
            "AT+CGACT?",
            "AT+CGDCONT?",
            "AT+CPIN?",
            "AT+CREG?;+CGREG?;+CEREG?",
            "AT+CGMM;+CGMR",
            "AT^HCSQ?",
            "AT#RFSTS",
            "AT+QENG=\"servingcell;ATH\"",
            "AT;;;",
            "AT\u{e9}",
            "",
        ] {
            assert_eq!(risk(command), None, "{command}");
        }
    }
}
