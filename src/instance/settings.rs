//! The settings of a running database: read by everybody, changed all at once or not at all.

use crate::config::Settings;
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;

/// Told of the settings before and after a change; may refuse the change with a reason. Called once
/// more with the two swapped when a later listener refuses: it must not refuse that.
pub type Listener = Box<dyn Fn(&Settings, &Settings) -> Result<(), String> + Send + Sync>;

/// The values of all directives, and who is told when they change.
pub struct CurrentSettings {
    current: RwLock<Arc<Settings>>,
    listeners: RwLock<Vec<Listener>>,
    /// Held for the whole of a change: changes come one after the other.
    changing: Mutex<()>,
}

impl CurrentSettings {
    /// Settings that nobody listens to yet.
    pub fn new(settings: Settings) -> CurrentSettings {
        CurrentSettings {
            current: RwLock::new(Arc::new(settings)),
            listeners: RwLock::default(),
            changing: Mutex::default(),
        }
    }

    /// The values as of now.
    pub fn get(&self) -> Arc<Settings> {
        self.current.read().clone()
    }

    /// Tells `listener` of every change from now on. A listener must not change settings itself.
    pub fn listen(&self, listener: Listener) {
        self.listeners.write().push(listener);
    }

    /// Changes a copy of the settings, tells the listeners, and makes the copy the settings of now;
    /// then calls `applied` with the settings before and after, while no other change can come
    /// between.
    ///
    /// # Errors
    /// When `edit` fails, when the values make no sense together, or when a listener refuses; the
    /// settings are what they were then.
    pub fn change(
        &self,
        edit: impl FnOnce(&mut Settings) -> Result<(), String>,
        applied: impl FnOnce(&Settings, &Settings),
    ) -> Result<(), String> {
        let _changing = self.changing.lock();
        let old = self.get();
        let mut new = Settings::clone(&old);
        edit(&mut new)?;
        new.check()?;
        let listeners = self.listeners.read();
        for (index, listener) in listeners.iter().enumerate() {
            if let Err(reason) = listener(&old, &new) {
                for told in listeners[..index].iter().rev() {
                    if let Err(refusal) = told(&new, &old) {
                        tracing::warn!("could not go back to the settings before: {refusal}");
                    }
                }
                return Err(reason);
            }
        }
        let new = Arc::new(new);
        *self.current.write() = new.clone();
        applied(&old, &new);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_change_is_taken_back_everywhere() {
        let settings = CurrentSettings::new(Settings::default());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = heard.clone();
        settings.listen(Box::new(move |old, new| {
            log.lock().push((old.timeout, new.timeout));
            Ok(())
        }));
        settings.listen(Box::new(|_, new| if new.timeout > 5 { Err("too long".into()) } else { Ok(()) }));
        let set = |timeout| {
            let edit = |settings: &mut Settings| {
                settings.timeout = timeout;
                Ok(())
            };
            settings.change(edit, |_, _| {})
        };
        assert_eq!(set(3), Ok(()));
        assert_eq!(set(9), Err("too long".into()));
        assert_eq!(settings.get().timeout, 3);
        assert_eq!(*heard.lock(), [(0, 3), (3, 9), (9, 3)]);
    }

    #[test]
    fn a_failed_edit_changes_nothing_and_tells_nobody() {
        let settings = CurrentSettings::new(Settings::default());
        settings.listen(Box::new(|_, _| panic!("told of a change that failed")));
        let fail = |settings: &mut Settings| {
            settings.timeout = 7;
            Err("no".into())
        };
        let failed = settings.change(fail, |_, _| panic!("applied"));
        assert_eq!((failed, settings.get().timeout), (Err("no".into()), 0));
        let contradict = |settings: &mut Settings| {
            settings.cache_size = 1 << 30;
            settings.value_cache_size = u64::MAX;
            Ok(())
        };
        assert!(settings.change(contradict, |_, _| panic!("applied")).is_err());
    }
}
