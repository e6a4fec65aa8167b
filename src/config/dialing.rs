//! From the configuration to how an attempt connects and disconnects (spec C2, F2).

use std::rc::Rc;
use std::sync::Arc;

use super::{Config, Dialer};
use crate::chat::{Call, Lookup};
use crate::link::attempt::{AttemptDialer, ChatPlan};

impl Config {
    /// How an attempt connects; `lookup` has what a script may ask for.
    pub fn attempt_dialer(&self, lookup: &Rc<dyn Lookup>) -> AttemptDialer {
        match &self.dialer {
            Dialer::Modem => AttemptDialer::Modem,
            Dialer::Chat(call) => AttemptDialer::Chat(plan(call, lookup)),
            Dialer::Direct => AttemptDialer::Direct,
        }
    }

    /// The script that runs before the hang-up, if there is one.
    pub fn attempt_disconnect(&self, lookup: &Rc<dyn Lookup>) -> Option<ChatPlan> {
        let call = self.disconnect.as_ref()?;
        Some(plan(call, lookup))
    }
}

fn plan(call: &Arc<Call>, lookup: &Rc<dyn Lookup>) -> ChatPlan {
    ChatPlan {
        call: Arc::clone(call),
        lookup: Rc::clone(lookup),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Nothing, Options, Script};

    #[test]
    fn each_dialer_becomes_one_of_an_attempt() {
        let call = Arc::new(Call {
            script: Script::from_words(vec!["OK".to_owned()]),
            options: Options::default(),
        });
        let lookup: Rc<dyn Lookup> = Rc::new(Nothing);
        let mut config = Config::default();
        assert!(matches!(
            config.attempt_dialer(&lookup),
            AttemptDialer::Modem
        ));
        assert!(config.attempt_disconnect(&lookup).is_none());
        config.dialer = Dialer::Direct;
        assert!(matches!(
            config.attempt_dialer(&lookup),
            AttemptDialer::Direct
        ));
        config.dialer = Dialer::Chat(Arc::clone(&call));
        config.disconnect = Some(Arc::clone(&call));
        let AttemptDialer::Chat(plan) = config.attempt_dialer(&lookup) else {
            panic!("no script");
        };
        assert_eq!(plan.call, call);
        assert_eq!(config.attempt_disconnect(&lookup).unwrap().call, call);
    }
}
