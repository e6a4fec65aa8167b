//! All profiles that are known: the built-in ones and the user's.

use std::sync::{Arc, LazyLock};

use super::parse::{ProfileDiagnostic, parse};
use super::{Profile, Recognise};

/// The built-in files, in the order in which they are read: one may extend those before it.
const FILES: &[(&str, &str)] = &[
    ("lisa-u200.toml", include_str!("../profiles/lisa-u200.toml")),
    ("kym11.toml", include_str!("../profiles/kym11.toml")),
    ("um03-ko.toml", include_str!("../profiles/um03-ko.toml")),
    ("amp5200.toml", include_str!("../profiles/amp5200.toml")),
    ("amp520.toml", include_str!("../profiles/amp520.toml")),
    ("amm570.toml", include_str!("../profiles/amm570.toml")),
    ("amm5220.toml", include_str!("../profiles/amm5220.toml")),
    ("ln940a.toml", include_str!("../profiles/ln940a.toml")),
    ("quectel.toml", include_str!("../profiles/quectel.toml")),
    ("simcom.toml", include_str!("../profiles/simcom.toml")),
    ("huawei.toml", include_str!("../profiles/huawei.toml")),
    ("telit.toml", include_str!("../profiles/telit.toml")),
    ("cinterion.toml", include_str!("../profiles/cinterion.toml")),
    ("sierra.toml", include_str!("../profiles/sierra.toml")),
    ("zte.toml", include_str!("../profiles/zte.toml")),
    ("u-blox.toml", include_str!("../profiles/u-blox.toml")),
];

/// How many profiles a user can add.
const MAX_PROFILES: usize = 256;

static BUILT_IN: LazyLock<Profiles> = LazyLock::new(Profiles::read_built_in);

/// A set of profiles. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Profiles {
    generic: Arc<Profile>,
    /// The user's first.
    all: Vec<Arc<Profile>>,
}

impl Profiles {
    /// Name of the profile for modems without one.
    pub const GENERIC: &str = "generic";

    /// The profiles that come with the program.
    pub fn built_in() -> Self {
        BUILT_IN.clone()
    }

    fn read_built_in() -> Self {
        let mut profiles = Self {
            generic: Arc::new(Profile::default()),
            all: Vec::new(),
        };
        for (name, text) in FILES {
            // A test holds that each of them can be read.
            if let Ok(profile) = parse(name, text, &profiles) {
                profiles.all.push(Arc::new(profile));
            }
        }
        profiles
    }

    /// Adds the profile of a user's file; it replaces one of the same name.
    ///
    /// # Errors
    /// Every problem of the file, with its place. Nothing is added then.
    pub fn add(&mut self, file_name: &str, text: &str) -> Result<(), Vec<ProfileDiagnostic>> {
        let profile = Arc::new(parse(file_name, text, self)?);
        if profile.name.eq_ignore_ascii_case(Self::GENERIC) {
            self.generic = profile;
            return Ok(());
        }
        self.all
            .retain(|other| !other.name.eq_ignore_ascii_case(&profile.name));
        if self.all.len() >= MAX_PROFILES {
            return Err(vec![ProfileDiagnostic::of_file(format!(
                "there are more than {MAX_PROFILES} profiles"
            ))]);
        }
        self.all.insert(0, profile);
        Ok(())
    }

    /// The profile of this name or alias, in any case.
    pub fn get(&self, name: &str) -> Option<Arc<Profile>> {
        let is = |other: &String| other.eq_ignore_ascii_case(name);
        let by_name = self.all.iter().find(|profile| is(&profile.name));
        let by_alias = || {
            let mut all = self.all.iter();
            all.find(|profile| profile.aliases.iter().any(is))
        };
        by_name
            .or_else(by_alias)
            .or_else(|| is(&self.generic.name).then_some(&self.generic))
            .cloned()
    }

    /// The profiles that this USB device may have: those that name its product, or else those that name its vendor
    /// only. More than one: the modem has to be asked ([`by_identity`](Self::by_identity)).
    pub fn by_usb(&self, vendor: u16, product: u16) -> Vec<Arc<Profile>> {
        let with = |id: (u16, Option<u16>)| -> Vec<Arc<Profile>> {
            let all = self.all.iter();
            all.filter(|profile| profile.recognise.usb.contains(&id))
                .cloned()
                .collect()
        };
        let exact = with((vendor, Some(product)));
        if exact.is_empty() {
            with((vendor, None))
        } else {
            exact
        }
    }

    /// The profile that fits what the modem answers to `AT+CGMI` and `AT+CGMM`: the longest beginning of the model's
    /// name wins, then the manufacturer.
    pub fn by_identity(&self, manufacturer: &str, model: &str) -> Option<Arc<Profile>> {
        let (manufacturer, model) = (folded(manufacturer), folded(model));
        let mut best: Option<(usize, &Arc<Profile>)> = None;
        for profile in &self.all {
            let Some(score) = score(&profile.recognise, &manufacturer, &model) else {
                continue;
            };
            if best.is_none_or(|(other, _)| score > other) {
                best = Some((score, profile));
            }
        }
        best.map(|(_, profile)| profile.clone())
    }

    /// The names of all profiles, the user's first, the generic one last.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all
            .iter()
            .chain([&self.generic])
            .map(|profile| profile.name.as_str())
    }

    /// Spec D1: for modems without a profile.
    pub fn generic(&self) -> Arc<Profile> {
        self.generic.clone()
    }
}

/// How well a modem fits: the length of the model's name that was compared, 0 for the manufacturer alone.
fn score(recognise: &Recognise, manufacturer: &str, model: &str) -> Option<usize> {
    let begins = |text: &str, list: &[String]| {
        list.iter()
            .map(|beginning| folded(beginning))
            .filter(|beginning| !beginning.is_empty() && text.starts_with(beginning.as_str()))
            .map(|beginning| beginning.len())
            .max()
    };
    let maker = begins(manufacturer, &recognise.manufacturers);
    if recognise.models.is_empty() {
        return maker.map(|_| 0);
    }
    let fits = recognise.manufacturers.is_empty() || manufacturer.is_empty() || maker.is_some();
    begins(model, &recognise.models).filter(|_| fits)
}

/// Without case, blanks, hyphens and underscores: makers are not consistent.
fn folded(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .take(64)
        .collect()
}

#[cfg(test)]
mod tests;
