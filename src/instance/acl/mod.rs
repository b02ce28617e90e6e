//! Who may log in, and what they may do.

pub mod catalog;
pub mod file;
pub mod log;
pub mod password;
pub mod rights;
pub mod rule;
pub mod selector;

use bytes::Bytes;
use catalog::Catalog;
use log::AclLog;
use parking_lot::{Mutex, RwLock};
use rights::Rights;
use rule::RuleError;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The user that clients are before they say who they are.
pub const DEFAULT_USER: &str = "default";

/// Users by their names.
pub type Named = BTreeMap<Bytes, Rights>;

/// A user. Clients that are it see at once what becomes of it.
#[derive(Debug)]
pub struct User {
    pub name: Bytes,
    rights: RwLock<Arc<Rights>>,
    /// Whether nothing is forbidden, which commands ask for instead of the rights.
    is_unrestricted: AtomicBool,
}

impl User {
    /// A user that no table of users has.
    pub fn new(name: Bytes, rights: Rights) -> Arc<User> {
        let is_unrestricted = AtomicBool::new(rights.is_everything());
        Arc::new(User { name, rights: RwLock::new(Arc::new(rights)), is_unrestricted })
    }

    /// What the user may do as of now.
    pub fn rights(&self) -> Arc<Rights> {
        self.rights.read().clone()
    }

    /// Whether nothing is forbidden to the user. One load.
    pub fn is_unrestricted(&self) -> bool {
        self.is_unrestricted.load(Ordering::Relaxed)
    }

    fn set(&self, rights: Rights) {
        let mut current = self.rights.write();
        self.is_unrestricted.store(rights.is_everything(), Ordering::Relaxed);
        *current = Arc::new(rights);
    }
}

/// Every user.
pub struct Acl {
    catalog: &'static Catalog,
    users: RwLock<BTreeMap<Bytes, Arc<User>>>,
    /// Held for the whole of a change: changes come one after the other.
    changing: Mutex<()>,
    default: Arc<User>,
    default_is_open: AtomicBool,
    pub log: AclLog,
}

impl Acl {
    /// The user `default` alone, with this password; without one if it is empty.
    pub fn new(catalog: &'static Catalog, requirepass: &str) -> Acl {
        let name = Bytes::from_static(DEFAULT_USER.as_bytes());
        let default = User::new(name.clone(), Rights::everything(catalog.len()));
        let acl = Acl {
            catalog,
            users: RwLock::new(BTreeMap::from([(name, default.clone())])),
            changing: Mutex::default(),
            default,
            default_is_open: AtomicBool::new(true),
            log: AclLog::default(),
        };
        acl.set_requirepass(requirepass);
        acl
    }

    /// The commands that rules are about.
    pub fn catalog(&self) -> &'static Catalog {
        self.catalog
    }

    /// Gives the user `default` this password instead of all it has; none if it is empty.
    pub fn set_requirepass(&self, password: &str) {
        let _changing = self.changing.lock();
        let mut rights = Rights::clone(&self.default.rights());
        rights.set_only_password(password.as_bytes());
        self.set(&self.default, rights);
    }

    /// The user `default` as it is when `requirepass` is all that is said about it.
    pub fn plain_default(&self, requirepass: &str) -> Rights {
        let mut rights = Rights::everything(self.catalog.len());
        rights.set_only_password(requirepass.as_bytes());
        rights
    }

    fn set(&self, user: &Arc<User>, rights: Rights) {
        if Arc::ptr_eq(user, &self.default) {
            self.default_is_open.store(rights.is_open(), Ordering::Release);
        }
        user.set(rights);
    }

    /// Whether clients need not log in.
    pub fn default_is_open(&self) -> bool {
        self.default_is_open.load(Ordering::Acquire)
    }

    /// The user `default`.
    pub fn default_user(&self) -> Arc<User> {
        self.default.clone()
    }

    /// The user with this name.
    pub fn user(&self, name: &[u8]) -> Option<Arc<User>> {
        self.users.read().get(name).cloned()
    }

    /// Whether the user has not been deleted.
    pub fn knows(&self, user: &Arc<User>) -> bool {
        self.users.read().get(&user.name).is_some_and(|known| Arc::ptr_eq(known, user))
    }

    /// Every user, by name.
    pub fn users(&self) -> Vec<Arc<User>> {
        self.users.read().values().cloned().collect()
    }

    /// The user, if there is one and this is a password of it.
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<Arc<User>> {
        self.user(name).filter(|user| user.rights().accepts(password))
    }

    /// Applies rules to a user, which is made if there is none; all of them or none. `all_channels` is
    /// `acl-pubsub-default`.
    ///
    /// # Errors
    /// At the first rule that makes no sense: its place, and why.
    pub fn change(
        &self,
        name: &Bytes,
        rules: &[Bytes],
        all_channels: bool,
    ) -> Result<(), (usize, RuleError)> {
        let _changing = self.changing.lock();
        let user = self.user(name);
        let mut rights = match &user {
            Some(user) => Rights::clone(&user.rights()),
            None => Rights::none(all_channels),
        };
        for (place, rule) in rules.iter().enumerate() {
            rights.apply(rule, self.catalog, all_channels).map_err(|error| (place, error))?;
        }
        match user {
            Some(user) => self.set(&user, rights),
            None => {
                // Copies: what the client sent may be part of a large buffer.
                let name = Bytes::copy_from_slice(name);
                self.users.write().insert(name.clone(), User::new(name, rights));
            }
        }
        Ok(())
    }

    /// Deletes a user; whether there was one. Who is it, is to be disconnected. `default` stays.
    pub fn remove(&self, name: &[u8]) -> bool {
        let _changing = self.changing.lock();
        name != DEFAULT_USER.as_bytes() && self.users.write().remove(name).is_some()
    }

    /// Makes `users`, of which `default` is one, the only ones there are; the names of those that are
    /// gone.
    pub fn replace(&self, users: Named) -> Vec<Bytes> {
        let _changing = self.changing.lock();
        let gone: Vec<Bytes> =
            self.users.read().keys().filter(|name| !users.contains_key(*name)).cloned().collect();
        for (name, rights) in users {
            match self.user(&name) {
                Some(user) => self.set(&user, rights),
                None => {
                    self.users.write().insert(name.clone(), User::new(name, rights));
                }
            }
        }
        let mut known = self.users.write();
        known.retain(|name, _| name == DEFAULT_USER || !gone.contains(name));
        gone
    }

    /// The lines of a file of users.
    pub fn lines(&self) -> Vec<Vec<u8>> {
        let line = |user: Arc<User>| [b"user ", &user.name[..], b" ", &user.rights().describe()].concat();
        self.users().into_iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests;
