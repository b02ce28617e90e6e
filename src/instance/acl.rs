//! Who may log in. For now there is one user, `default`, whose password is `requirepass`.

use parking_lot::RwLock;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The user that clients are before they say who they are.
pub const DEFAULT_USER: &str = "default";

type Hash = [u8; 32];

/// A user. Never changes: a changed one takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub enabled: bool,
    /// Whether any password will do.
    pub no_password: bool,
    /// SHA-256 of each password.
    passwords: Vec<Hash>,
}

impl User {
    /// Whether the user logs in with this password. How long that takes does not depend on how
    /// much of it is right.
    pub fn accepts(&self, password: &[u8]) -> bool {
        let given = hash(password);
        let known = self.passwords.iter().fold(false, |found, known| found | is_same(known, &given));
        self.enabled && (self.no_password | known)
    }

    /// Whether clients are this user without having logged in.
    fn is_open(&self) -> bool {
        self.enabled && self.no_password
    }
}

fn hash(password: &[u8]) -> Hash {
    Sha256::digest(password).into()
}

/// Compares without stopping at the first difference.
fn is_same(a: &Hash, b: &Hash) -> bool {
    std::hint::black_box(a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b))) == 0
}

/// Every user.
pub struct Acl {
    users: RwLock<HashMap<String, Arc<User>>>,
    default_is_open: AtomicBool,
}

impl Acl {
    /// The user `default` alone, with this password; without one if it is empty.
    pub fn new(requirepass: &str) -> Acl {
        let acl = Acl { users: RwLock::default(), default_is_open: AtomicBool::new(false) };
        acl.set_requirepass(requirepass);
        acl
    }

    /// Gives the user `default` this password instead of all it has; none if it is empty.
    pub fn set_requirepass(&self, password: &str) {
        let no_password = password.is_empty();
        let passwords = if no_password { Vec::new() } else { vec![hash(password.as_bytes())] };
        let user = User { name: DEFAULT_USER.to_owned(), enabled: true, no_password, passwords };
        let is_open = user.is_open();
        let mut users = self.users.write();
        users.insert(user.name.clone(), Arc::new(user));
        self.default_is_open.store(is_open, Ordering::Release);
    }

    /// Whether clients need not log in.
    pub fn default_is_open(&self) -> bool {
        self.default_is_open.load(Ordering::Acquire)
    }

    /// The user with this name.
    pub fn user(&self, name: &[u8]) -> Option<Arc<User>> {
        self.users.read().get(std::str::from_utf8(name).ok()?).cloned()
    }

    /// The user, if there is one and this is a password of it.
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<Arc<User>> {
        self.user(name).filter(|user| user.accepts(password))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirepass_is_the_password_of_the_default_user() {
        let acl = Acl::new("");
        assert!(acl.default_is_open());
        assert!(acl.authenticate(b"default", b"anything").is_some());
        acl.set_requirepass("secret");
        assert!(!acl.default_is_open());
        assert!(acl.authenticate(b"default", b"secret").is_some());
        for (name, password) in [("default", "secre"), ("default", ""), ("Default", "secret"), ("", "secret")]
        {
            assert!(acl.authenticate(name.as_bytes(), password.as_bytes()).is_none());
        }
        assert!(acl.authenticate(b"\xff", b"secret").is_none());
        acl.set_requirepass("");
        assert!(acl.default_is_open());
    }

    #[test]
    fn a_disabled_user_accepts_nothing() {
        let user =
            User { name: "x".to_owned(), enabled: false, no_password: true, passwords: vec![hash(b"p")] };
        assert!(!user.accepts(b"p") && !user.is_open());
        assert!(User { enabled: true, no_password: false, ..user }.accepts(b"p"));
    }
}
