//! From the configuration to what the modem's bring-up is to do (spec D1 to D5).

use std::sync::Arc;

use super::{Auth, Config};
use crate::modem::{BringupPlan, ContextAuth, Memory, Profile, Profiles};

impl Config {
    /// How the modem is brought from an open tty to CONNECT. `profile`: the one that the device has; the
    /// configuration's [`profile`](Config::profile) stands above it, and with neither the modem is asked. `wall` is the
    /// wall clock in seconds since 1970. `said`: what is said once in a program's life has been said.
    pub fn bringup(
        &self,
        profile: Option<Arc<Profile>>,
        profiles: Arc<Profiles>,
        memory: Memory,
        wall: i64,
        said: bool,
    ) -> BringupPlan {
        let chosen = self.profile.as_ref().and_then(|name| profiles.get(name));
        BringupPlan {
            profile: chosen.or(profile),
            profiles,
            apn: self.apn.clone(),
            pdp_type: self.pdp_type.as_str().to_owned(),
            auth: match self.auth {
                Auth::Chap => ContextAuth::Chap,
                Auth::Pap => ContextAuth::Pap,
                Auth::NoAuth => ContextAuth::None,
            },
            account: self.account.clone(),
            password: self.password.clone(),
            pin: self.pin.clone(),
            netmode: self.netmode,
            carrier: self.carrier.clone(),
            dial: self.dial.clone(),
            command_timeout: self.command_timeout,
            dial_timeout: self.dial_timeout,
            registration_timeout: self.registration_timeout,
            connect_ok: self.connect_ok,
            provisioning_limit: self.provisioning_limit,
            memory,
            wall,
            prepare: true,
            said,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_configurations_word_stands_above_the_profiles() {
        let profiles = Arc::new(Profiles::built_in());
        let found = profiles.get("AMP5200");
        let config = Config {
            profile: Some("lisa-u200".to_owned()),
            dial_timeout: Some(Duration::from_secs(45)),
            auth: Auth::Pap,
            ..Config::default()
        };
        let of = |config: &Config, found| {
            config.bringup(found, profiles.clone(), Memory::default(), 0, false)
        };
        let plan = of(&config, found.clone());
        assert_eq!(
            plan.profile.map(|profile| profile.name.clone()),
            Some("LISA-U200".to_owned())
        );
        assert_eq!(plan.dial_timeout, Some(Duration::from_secs(45)));
        assert_eq!(plan.auth, ContextAuth::Pap);
        let plan = of(&Config::default(), found);
        assert_eq!(
            plan.profile.map(|profile| profile.name.clone()),
            Some("AMP5200".to_owned())
        );
        assert_eq!((plan.dial_timeout, plan.dial), (None, None));
        assert!(of(&Config::default(), None).profile.is_none());
    }
}
