//! The numbers of `+CME ERROR` and `+CMS ERROR` in words (3GPP TS 27.007 section 9.2, TS 27.005
//! section 3.2.5).

/// What a `+CME ERROR` number means.
pub(super) fn cme_words(code: u16) -> Option<&'static str> {
    words(CME, code)
}

/// The number of a `+CME ERROR` that came in words (`AT+CMEE=2`). Case, blanks and punctuation
/// differ between makers, and some add the network's cause as `(#33)`.
pub(super) fn cme_code(text: &str) -> Option<u16> {
    let text = text.split_once("(#").map_or(text, |(words, _)| words);
    CME.iter()
        .find(|(_, words)| letters(words).eq(letters(text)))
        .map(|&(code, _)| code)
}

/// What a `+CMS ERROR` number means.
pub(super) fn cms_words(code: u16) -> Option<&'static str> {
    words(CMS, code)
}

fn words(table: &[(u16, &'static str)], code: u16) -> Option<&'static str> {
    table
        .iter()
        .find(|&&(number, _)| number == code)
        .map(|&(_, words)| words)
}

/// What makers agree on: letters and digits in lower case.
fn letters(text: &str) -> impl Iterator<Item = u8> {
    text.bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| byte.to_ascii_lowercase())
}

const CME: &[(u16, &str)] = &[
    (0, "phone failure"),
    (1, "no connection to phone"),
    (2, "phone adaptor link reserved"),
    (3, "operation not allowed"),
    (4, "operation not supported"),
    (5, "PH-SIM PIN required"),
    (6, "PH-FSIM PIN required"),
    (7, "PH-FSIM PUK required"),
    (10, "SIM not inserted"),
    (11, "SIM PIN required"),
    (12, "SIM PUK required"),
    (13, "SIM failure"),
    (14, "SIM busy"),
    (15, "SIM wrong"),
    (16, "incorrect password"),
    (17, "SIM PIN2 required"),
    (18, "SIM PUK2 required"),
    (20, "memory full"),
    (21, "invalid index"),
    (22, "not found"),
    (23, "memory failure"),
    (24, "text string too long"),
    (25, "invalid characters in text string"),
    (26, "dial string too long"),
    (27, "invalid characters in dial string"),
    (30, "no network service"),
    (31, "network timeout"),
    (32, "network not allowed - emergency calls only"),
    (40, "network personalization PIN required"),
    (41, "network personalization PUK required"),
    (42, "network subset personalization PIN required"),
    (43, "network subset personalization PUK required"),
    (44, "service provider personalization PIN required"),
    (45, "service provider personalization PUK required"),
    (46, "corporate personalization PIN required"),
    (47, "corporate personalization PUK required"),
    (48, "hidden key required"),
    (49, "EAP method not supported"),
    (50, "incorrect parameters"),
    (100, "unknown"),
    (103, "illegal MS"),
    (106, "illegal ME"),
    (107, "GPRS services not allowed"),
    (108, "GPRS and non-GPRS services not allowed"),
    (111, "PLMN not allowed"),
    (112, "location area not allowed"),
    (113, "roaming not allowed in this location area"),
    (119, "ESM failure"),
    (126, "insufficient resources"),
    (127, "missing or unknown APN"),
    (128, "unknown PDP address or PDP type"),
    (129, "user authentication failed"),
    (130, "activation rejected by GGSN, serving GW or PDN GW"),
    (131, "activation rejected, unspecified"),
    (132, "service option not supported"),
    (133, "requested service option not subscribed"),
    (134, "service option temporarily out of order"),
    (148, "unspecified GPRS error"),
    (149, "PDP authentication failure"),
    (150, "invalid mobile class"),
    // Other words for the same number, found by their words only: a number's first row names it.
    (10, "SIM missing"),
    (30, "no network"),
    (50, "invalid parameters"),
    (103, "illegal UE"),
    (107, "PS services not allowed"),
    (112, "area not allowed"),
    (113, "roaming not allowed"),
    (127, "unknown APN"),
    (132, "requested service option not supported"),
    (133, "service option not subscribed"),
];

const CMS: &[(u16, &str)] = &[
    (300, "ME failure"),
    (301, "SMS service of ME reserved"),
    (302, "operation not allowed"),
    (303, "operation not supported"),
    (304, "invalid PDU mode parameter"),
    (305, "invalid text mode parameter"),
    (310, "SIM not inserted"),
    (311, "SIM PIN required"),
    (312, "PH-SIM PIN required"),
    (313, "SIM failure"),
    (314, "SIM busy"),
    (315, "SIM wrong"),
    (316, "SIM PUK required"),
    (317, "SIM PIN2 required"),
    (318, "SIM PUK2 required"),
    (320, "memory failure"),
    (321, "invalid memory index"),
    (322, "memory full"),
    (330, "SMSC address unknown"),
    (331, "no network service"),
    (332, "network timeout"),
    (340, "no +CNMA acknowledgement expected"),
    (500, "unknown error"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_words() {
        assert_eq!(cme_words(30), Some("no network service"));
        assert_eq!(
            cme_words(133),
            Some("requested service option not subscribed")
        );
        assert_eq!(cme_words(9999), None);
        assert_eq!(cms_words(310), Some("SIM not inserted"));
    }

    #[test]
    fn words_have_numbers_whatever_their_shape() {
        assert_eq!(cme_code("SIM PIN required"), Some(11));
        assert_eq!(cme_code("simpinrequired"), Some(11));
        assert_eq!(cme_code("No network"), Some(30));
        assert_eq!(
            cme_code("requested service option not subscribed (#33)"),
            Some(133)
        );
        assert_eq!(cme_code("something else"), None);
    }

    #[test]
    fn each_wording_has_one_number() {
        for (n, (code, words)) in CME.iter().enumerate() {
            assert_eq!(cme_code(words), Some(*code), "{words}");
            assert!(
                CME.iter()
                    .take(n)
                    .all(|(_, other)| !letters(other).eq(letters(words))),
                "{words}"
            );
        }
    }
}
