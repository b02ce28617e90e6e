//! Lets the server follow `CONFIG SET`.

use super::Control;
use super::options::{self, Options};
use super::plan::{self, Listeners, Listening, Plan, Ports};
use super::shared::Shared;
use super::worker::Manner;
use crate::config::Settings;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use tokio::sync::mpsc;

/// A change of where the server listens.
pub struct Rebind {
    pub gone: Vec<Listening>,
    pub come: Listeners,
}

/// Told of every change of the settings.
pub struct Follower {
    /// The instance holds the follower, so that the follower must not hold the instance.
    shared: Weak<Shared>,
    listening: Mutex<Plan>,
    control: mpsc::UnboundedSender<Control>,
}

impl Follower {
    /// Follows for this server, which listens as planned.
    pub fn new(shared: &Arc<Shared>, plan: Plan, control: mpsc::UnboundedSender<Control>) -> Follower {
        Follower { shared: Arc::downgrade(shared), listening: Mutex::new(plan), control }
    }

    /// Takes a change over.
    ///
    /// # Errors
    /// When a certificate does not fit, or an address cannot be had; then all is as it was.
    pub fn changed(&self, old: &Settings, new: &Settings) -> Result<(), String> {
        let Some(shared) = self.shared.upgrade() else { return Ok(()) };
        let tls = options::tls(new);
        let certificates = match &tls {
            Some(tls) if options::tls(old).as_ref() != Some(tls) => Some(super::tls::server_config(tls)?),
            _ => None,
        };
        let places = |settings: &Settings| (settings.bind.clone(), Ports::configured(settings));
        if places(old) != places(new) {
            self.rebind(old, new)?;
        }
        if let Some(certificates) = certificates {
            shared.tls.replace(certificates);
        }
        shared.set_options(Options::new(new));
        Ok(())
    }

    /// Opens what is new before anything old is closed: a change that fails changes nothing.
    fn rebind(&self, old: &Settings, new: &Settings) -> Result<(), String> {
        let mut listening = self.listening.lock();
        let mut wanted = Plan::new(new, Ports::configured(new));
        if old.bind == new.bind {
            // A server that was started on other ports than configured keeps those that were not
            // changed.
            let (before, after) = (Ports::configured(old), Ports::configured(new));
            let kept = |manner: Manner| match manner {
                Manner::Plain => before.tcp == after.tcp,
                Manner::Tls => before.tls == after.tls,
                Manner::Text => before.text == after.text,
            };
            wanted.0.retain(|listening| !kept(listening.manner));
            wanted.0.extend(listening.0.iter().filter(|listening| kept(listening.manner)).cloned());
        }
        let gone = listening.0.iter().filter(|old| !wanted.0.contains(old)).cloned().collect();
        let come: Vec<Listening> =
            wanted.0.iter().filter(|new| !listening.0.contains(new)).cloned().collect();
        let tcp = plan::open_tcp(&come, new).map_err(|error| {
            tracing::warn!("{error}");
            let all_addresses = "Failed to bind to specified addresses.";
            let one_port = "Unable to listen on this port. Check server logs.";
            if old.bind == new.bind { one_port } else { all_addresses }.to_owned()
        })?;
        let come = Listeners { tcp, unix: None };
        *listening = wanted;
        let _ = self.control.send(Control::Rebind(Rebind { gone, come }));
        Ok(())
    }
}
