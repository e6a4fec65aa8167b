//! What `DEVICE` may be (spec C14), and the names of models.

use std::path::PathBuf;

use super::Device;
use super::report::nearest;
use super::value::{Refusal, character, shown};

/// The models that the existing system's users name, and its successors.
pub const MODELS: [&str; 8] = [
    "LISA-U200",
    "KYM11",
    "UM03-KO",
    "AMP520",
    "AMP5200",
    "AMM570",
    "AMM5220",
    "LN940A",
];

/// The names of models that a configuration may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Models<'a> {
    names: &'a [&'a str],
    /// Whether there are no others: the user's own profiles are among them.
    complete: bool,
}

impl Default for Models<'_> {
    fn default() -> Self {
        Self {
            names: &MODELS,
            complete: false,
        }
    }
}

impl<'a> Models<'a> {
    /// These and no others.
    pub(super) fn all(names: &'a [&'a str]) -> Self {
        Self {
            names,
            complete: true,
        }
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// The name that `text` was probably meant to be.
    fn nearest(&self, text: &str) -> Option<&'a str> {
        nearest(text, self.names.iter().copied())
    }
}

/// What is expected where it is not said what the modem is.
const EXPECTED: &str = "AUTO, a model such as LISA-U200, or the modem's tty, e.g. /dev/ttyUSB3";

/// The help where a name is taken as that of a tty and looks like that of a model.
pub(super) const EXPECTED_IF_UNKNOWN: &str = "expected AUTO, a model such as LISA-U200, one of the user's own profiles, or \
     the modem's tty, e.g. /dev/ttyUSB3";

/// `DEVICE`: `AUTO`, a model, the name of a tty, a path.
pub(super) fn device(text: &str, models: Models<'_>) -> Result<Device, Refusal> {
    if text == "AUTO" {
        return Ok(Device::Auto);
    }
    if models.has(text) {
        return Ok(Device::Model(text.to_owned()));
    }
    let refuse = |what: String| Refusal::new(what, EXPECTED);
    if text == "-" || text.starts_with("unix:") {
        return Err(refuse(format!(
            "{}: a line without a modem does not act yet",
            shown(text)
        )));
    }
    if let Some(bad) = text.chars().find(|c| c.is_control() || c.is_whitespace()) {
        return Err(refuse(format!(
            "{} does not belong into the name of a tty",
            character(bad)
        ))
        .meaning(nearly_a_model(text.trim(), models)));
    }
    if text.len() > 1_000 {
        return Err(refuse("the path is too long".to_owned()));
    }
    if text.starts_with('/') {
        if text.ends_with('/') {
            return Err(refuse(format!("{} is a folder, not a tty", shown(text))));
        }
        return Ok(Device::Tty(PathBuf::from(text)));
    }
    if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(refuse(format!(
            "{} is neither a name in /dev nor a full path",
            shown(text)
        )));
    }
    if let Some(model) = nearly_a_model(text, models) {
        let what = format!("{} is not a model that is known", shown(text));
        let expected = format!("{EXPECTED}; a tty of that name is written /dev/{text}");
        return Err(Refusal::new(what, expected).meaning(Some(model)));
    }
    Ok(Device::Tty(PathBuf::from(format!("/dev/{text}"))))
}

/// The model, or `AUTO`, that `text` was perhaps meant to be rather than the name of a tty.
fn nearly_a_model<'a>(text: &str, models: Models<'a>) -> Option<&'a str> {
    if text.contains('/') || text.starts_with("tty") {
        return None;
    }
    if text.eq_ignore_ascii_case("AUTO") {
        return Some("AUTO");
    }
    let nearest = models.nearest(text)?;
    // huawei0 is a name that somebody gives a tty, LISA-U20 is not.
    let is_meant = text.chars().any(|c| c.is_ascii_uppercase()) && text.len() >= 4;
    (is_meant || nearest.eq_ignore_ascii_case(text)).then_some(nearest)
}

/// Whether a name in `/dev` looks like that of a model which is not known: nobody gives a tty a name in capitals.
pub(super) fn looks_like_a_model(text: &str) -> bool {
    !text.contains('/')
        && text.chars().any(|c| c.is_ascii_uppercase())
        && !text.chars().any(|c| c.is_ascii_lowercase())
}

/// The name of a modem profile.
pub(super) fn profile(text: &str, models: Models<'_>) -> Result<String, Refusal> {
    let expected = "the name of a modem profile, e.g. LISA-U200";
    let valid = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '"' | '\\');
    if text.len() > 64 || !text.chars().all(valid) {
        let what = format!("{} cannot name a modem profile", shown(text));
        return Err(Refusal::new(what, expected).meaning(models.nearest(text)));
    }
    if models.complete && !models.has(text) {
        let what = format!("there is no modem profile {}", shown(text));
        return Err(Refusal::new(what, expected).meaning(models.nearest(text)));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> (String, Option<String>) {
        let refusal = result.expect_err("must be refused");
        (refusal.what, refusal.meant)
    }

    #[test]
    fn a_device_is_auto_a_model_or_a_tty() {
        let models = Models::default();
        assert_eq!(device("AUTO", models), Ok(Device::Auto));
        for model in MODELS {
            assert_eq!(device(model, models), Ok(Device::Model(model.to_owned())));
        }
        for (text, path) in [
            ("ttyLISA0", "/dev/ttyLISA0"),
            ("ttyKYM11", "/dev/ttyKYM11"),
            ("ttyUM03KO0", "/dev/ttyUM03KO0"),
            ("ttyAMP0", "/dev/ttyAMP0"),
            ("ttyUSB0", "/dev/ttyUSB0"),
            ("modem", "/dev/modem"),
            ("EC25", "/dev/EC25"),
            ("pts/3", "/dev/pts/3"),
            ("/dev/AMP521", "/dev/AMP521"),
            (
                "/dev/serial/by-id/usb-x:1.0-if00",
                "/dev/serial/by-id/usb-x:1.0-if00",
            ),
            ("/tmp/模", "/tmp/模"),
        ] {
            assert_eq!(
                device(text, models),
                Ok(Device::Tty(PathBuf::from(path))),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_device_is_told_with_the_nearest_one() {
        for (text, what, meant) in [
            (
                "lisa-u200",
                "\"lisa-u200\" is not a model that is known",
                Some("LISA-U200"),
            ),
            (
                "LISA-U20",
                "\"LISA-U20\" is not a model that is known",
                Some("LISA-U200"),
            ),
            (
                "AMM571",
                "\"AMM571\" is not a model that is known",
                Some("AMM570"),
            ),
            (
                "auto",
                "\"auto\" is not a model that is known",
                Some("AUTO"),
            ),
            ("-", "\"-\": a line without a modem does not act yet", None),
            (
                "unix:/x",
                "\"unix:/x\": a line without a modem does not act yet",
                None,
            ),
            (
                "../x",
                "\"../x\" is neither a name in /dev nor a full path",
                None,
            ),
            ("/dev/", "\"/dev/\" is a folder, not a tty", None),
            (
                "tty USB0",
                "a blank does not belong into the name of a tty",
                None,
            ),
            (
                " AMP520",
                "a blank does not belong into the name of a tty",
                Some("AMP520"),
            ),
        ] {
            let found = refused(device(text, Models::default()));
            assert_eq!((found.0.as_str(), found.1.as_deref()), (what, meant));
        }
        let refusal = device("AMP52", Models::default()).expect_err("must be refused");
        assert_eq!(
            refusal.expected,
            "AUTO, a model such as LISA-U200, or the modem's tty, e.g. /dev/ttyUSB3; \
             a tty of that name is written /dev/AMP52"
        );
    }

    #[test]
    fn profiles_of_the_users_own_are_models() {
        let names = ["LISA-U200", "EC25-J", "Huawei", "ZTE"];
        let models = Models::all(&names);
        for tty in ["huawei0", "zte0", "Zte"] {
            let found = device(tty, models);
            let path = PathBuf::from(format!("/dev/{tty}"));
            let is_tty = found == Ok(Device::Tty(path));
            assert_eq!(is_tty, tty.ends_with('0'), "{tty}: {found:?}");
        }
        assert_eq!(
            device("EC25-J", models),
            Ok(Device::Model("EC25-J".to_owned()))
        );
        assert_eq!(
            refused(device("EC25J", models)).1.as_deref(),
            Some("EC25-J")
        );
        assert_eq!(profile("EC25-J", models), Ok("EC25-J".to_owned()));
        assert_eq!(
            refused(profile("ec25-j", models)),
            (
                "there is no modem profile \"ec25-j\"".to_owned(),
                Some("EC25-J".to_owned())
            )
        );
        // While they are not known, a profile's name is only looked at.
        let some = Models::default();
        assert_eq!(profile("EC25-J", some), Ok("EC25-J".to_owned()));
        assert!(profile("a b", some).is_err());
    }

    #[test]
    fn a_name_in_capitals_is_hardly_that_of_a_tty() {
        for (text, looks) in [
            ("EC25", true),
            ("SIM7600-G", true),
            ("ttyUSB0", false),
            ("modem", false),
            ("serial/by-id/X", false),
            ("3", false),
        ] {
            assert_eq!(looks_like_a_model(text), looks, "{text}");
        }
    }
}
