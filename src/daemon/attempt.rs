//! One attempt, from looking for the modem until everything is put back, whatever the way out.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::chat::Lookup;
use crate::daemon::context::Context;
use crate::daemon::dialing::stopped;
use crate::daemon::driver::Driver;
use crate::daemon::interface::{Held, Interface};
use crate::daemon::locate::Located;
use crate::daemon::logging::emit;
use crate::daemon::progress::Progress;
use crate::io::chat_lookup::SystemLookup;
use crate::io::rand;
use crate::io::serial::Port;
use crate::link::attempt::{Attempt as Machine, AttemptSetup};
use crate::link::supervisor::AttemptPlan;
use crate::link::{Input, LinkEnd, NetworkProblem, Stop};
use crate::log::{Level, LogLine};
use crate::modem::BringupPlan;

/// The number of SIGTERM.
pub(crate) const SIGTERM: i32 = 15;

/// One attempt.
pub(crate) struct Attempt {
    pub(crate) context: Rc<Context>,
    pub(crate) plan: AttemptPlan,
    /// Becomes `Some` when the attempt is to end.
    pub(crate) stop: watch::Receiver<Option<Stop>>,
    /// What the supervisor is to know before the end: that the link is up, that the far end has answered.
    pub(crate) say: mpsc::UnboundedSender<Input>,
}

impl Attempt {
    /// Runs it. When this returns, the modem is on hook, the port as it was, and the interface gone and the routes back
    /// unless they are to stay.
    pub(crate) async fn run(mut self, mut interface: Interface) -> (LinkEnd, Interface) {
        let end = self.dial(&mut interface).await;
        interface.settle(&end).await;
        let surroundings = &self.context.surroundings;
        surroundings.down(None).await;
        surroundings.disconnected();
        (end, interface)
    }

    async fn dial(&mut self, interface: &mut Interface) -> LinkEnd {
        // Without TUN the tty is not even waited for. Once is enough: the interface of an attempt is made when the tty
        // is there, so that a site without its modem does not make and delete one at every look.
        if self.plan.number == 1
            && let Err(problem) = interface.check()
        {
            return LinkEnd::Network(problem);
        }
        let context = Rc::clone(&self.context);
        let now = context.clock.now();
        context
            .board
            .borrow_mut()
            .note_step(now, "looking for the modem");
        let config = context.config();
        let located = tokio::select! {
            biased;
            stop = stopped(&mut self.stop) => {
                context.say_signal();
                return stop.into();
            }
            located = meanwhile(interface, context.modem.locate(&config)) => match located {
                Ok(located) => located,
                Err(problem) => return LinkEnd::Line(problem),
            },
        };
        let port = Port::open(
            &located.dial,
            &context.port_settings(),
            &context.options.lock_dir,
        );
        let port = match port {
            Ok(port) => port,
            Err(problem) => return LinkEnd::Line(problem),
        };
        // Before the first byte to the modem: a dial without an interface is for nothing.
        if let Err(problem) = interface.make() {
            return LinkEnd::Network(problem);
        }
        context.modem.note_opened(&located);
        // Those of the former attempt; what still holds is said again.
        context.board.borrow_mut().forget_warnings();
        context.board.borrow_mut().note_place(
            &located.dial.display().to_string(),
            located
                .identity
                .as_ref()
                .map(|identity| identity.path.as_str()),
        );
        let reset_wait = context.modem.reset_settings().wait;
        let _ = self.say.send(Input::Modem { reset_wait });
        port.log().iter().for_each(emit);
        // What came in while nobody had the tty open is the end of a former call at best.
        let _ = port.discard_input();
        context
            .observer
            .progress(Progress::Dialing(self.plan.number));
        let machine = match self.machine(&located) {
            Ok(machine) => machine,
            Err(problem) => return LinkEnd::Network(problem),
        };
        let mut driver = Driver::new(
            &context,
            &port,
            &located.dial,
            machine,
            &self.say,
            self.plan.quiet,
        );
        driver.run(interface, &mut self.stop).await
    }

    /// Spec D5: a script that writes to a flash memory that wears out. As far as it is known what modem this is: a script
    /// does not ask it.
    fn warn_of_flash(&self, bringup: &BringupPlan, located: &Located) {
        let context = &self.context;
        if !context.config().dialer.sets_context() {
            return;
        }
        let Some(modem) = worn_by_settings(bringup, located) else {
            return;
        };
        let text = format!(
            "the connect script sets APN or account, and this modem ({modem}) rewrites its flash memory each time, which \
             wears out after 100,000 writes: take these lines out of the script, or leave PROVIDER empty and set APN, \
             ACCOUNT and PASSWORD"
        );
        context.board.borrow_mut().note_warning(&text);
        if context.modem.warns_of_flash() {
            emit(&LogLine::uplinkd(Level::Warning, text));
        }
    }

    fn machine(&self, located: &Located) -> Result<Machine, NetworkProblem> {
        let context = &self.context;
        let wall = Timestamp::now().as_second();
        let seed = rand::seed().map_err(|error| NetworkProblem::Failed {
            what: format!("the kernel gives no random numbers: {error}"),
        })?;
        let bringup = context.modem.bringup(&context.config(), located, wall);
        self.warn_of_flash(&bringup, located);
        let lookup: Rc<dyn Lookup> = Rc::new(SystemLookup);
        Ok(Machine::new(AttemptSetup {
            tty: located.dial.clone(),
            interface: context.config().interface.clone(),
            bringup,
            session: context.config().session(self.plan.empty_credentials),
            seed,
            dialer: context.config().attempt_dialer(&lookup),
            disconnect: context.config().attempt_disconnect(&lookup),
            modem_lines: context.config().modem_lines,
        }))
    }
}

/// The name of a modem whose flash memory wears out by such settings (spec D5): by its profile, or if its USB ids are those
/// of several, by all of them.
fn worn_by_settings(bringup: &BringupPlan, located: &Located) -> Option<String> {
    let profiles = match (&bringup.profile, &located.identity) {
        (Some(profile), _) => vec![Arc::clone(profile)],
        (None, Some(identity)) => bringup.profiles.by_usb(identity.vendor, identity.product),
        (None, None) => vec![],
    };
    let names: Vec<&str> = profiles
        .iter()
        .filter(|profile| profile.flash_wear)
        .map(|profile| profile.name.as_str())
        .collect();
    let all = !names.is_empty() && names.len() == profiles.len();
    all.then(|| names.join(", "))
}

/// Does `work`, and takes in what comes for the link meanwhile, if the interface is held.
async fn meanwhile<T>(interface: &mut Interface, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            held = interface.hold() => match held {
                Held::Packet(_) => {}
                Held::Lost(problem) => interface.lose(problem).await,
            },
        }
    }
}
