//! Whether a client's user may make a call.

use crate::commands::client;
use crate::commands::keys;
use crate::commands::pubsub;
use crate::commands::spec::{Flags, KeyFlags};
use crate::commands::{Context, Found, find};
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::acl::User;
use crate::instance::acl::log::{Place, Reason, Refusal};
use crate::instance::acl::rights::Rights;
use crate::instance::acl::selector::{Access, Call, Denied, Selector};
use crate::instance::clients::Client;
use crate::instance::pubsub::Kind;
use bytes::Bytes;

impl KeyFlags {
    /// What access control asks of who uses such a key.
    fn access(self) -> Access {
        let changes = KeyFlags::UPDATE.and(KeyFlags::INSERT).and(KeyFlags::DELETE);
        Access { reads: self.has(KeyFlags::ACCESS), writes: self.0 & changes.0 != 0 }
    }
}

/// The channels that a call names: the words, and whether they are patterns.
fn channels_of(found: &Found, words: &[Bytes]) -> Vec<(usize, bool)> {
    let Some((kind, channels)) = pubsub::channels_of(found, words) else { return Vec::new() };
    (1..=channels.len()).map(|word| (word, kind == Kind::Pattern)).collect()
}

/// Asks `f` about a call, of which it is told what `rights` can forbid.
fn with_call<T>(rights: &Rights, found: &Found, words: &[Bytes], f: impl FnOnce(&Call) -> T) -> T {
    let minds_keys = rights.all_selectors().any(Selector::minds_keys);
    // A call that makes no sense touches nothing.
    let keys = if minds_keys { keys::keys_of(found, words).unwrap_or_default() } else { Vec::new() };
    let keys: Vec<_> = keys.into_iter().map(|(word, flags)| (word, flags.access())).collect();
    let minds_channels = rights.all_selectors().any(Selector::minds_channels);
    let channels = if minds_channels { channels_of(found, words) } else { Vec::new() };
    let is_free = found.entry.spec.flags.has(Flags::NO_AUTH);
    f(&Call { command: found.id, is_free, words, keys: &keys, channels: &channels })
}

/// Why a user may not make a call; none: it may.
pub(in crate::commands) fn denied(user: &User, found: &Found, words: &[Bytes]) -> Option<Denied> {
    if user.is_unrestricted() {
        return None;
    }
    let rights = user.rights();
    with_call(&rights, found, words, |call| rights.check(call).err())
}

/// Whether the call, which is allowed, may read whatever keys it is led to (`SORT ... BY`).
pub(in crate::commands) fn may_read_all_keys(user: &User, found: &Found, words: &[Bytes]) -> bool {
    if user.is_unrestricted() {
        return true;
    }
    let rights = user.rights();
    with_call(&rights, found, words, |call| rights.may_read_all_keys(call))
}

/// Refuses a call that the client's user may not make, and notes it in `ACL LOG`.
pub(in crate::commands) fn admit(context: &Context, found: &Found, words: &[Bytes]) -> Result<()> {
    let session = &*context.session;
    let Some(denied) = denied(&session.user, found, words) else { return Ok(()) };
    let place = if session.transaction.is_some() { Place::Multi } else { Place::TopLevel };
    note(context.instance, &session.client, &session.user, place, denied, (found, words));
    Err(refusal(denied, found))
}

/// What `EXEC` says in the place of a command that is not allowed any more.
pub(in crate::commands) fn no_longer_allowed(denied: Denied) -> Error {
    let reason = match denied {
        Denied::Command => "no permission to execute the command or subcommand",
        Denied::Key(_) => "no permission to touch the specified keys",
        Denied::Channel(_) => "no permission to access one of the channels used as arguments to the command",
    };
    Error::Text(
        format!(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. \
             This command is no longer allowed for the following reason: {reason}"
        )
        .into(),
    )
}

/// Refuses a call that has waited, if its client's user may not make it any more.
pub(in crate::commands) fn admit_again(
    instance: &Instance,
    client: &Client,
    user: &User,
    words: &[Bytes],
) -> Result<()> {
    if user.is_unrestricted() {
        return Ok(());
    }
    let (found, _) = find(words)?;
    let Some(denied) = denied(user, found, words) else { return Ok(()) };
    note(instance, client, user, Place::TopLevel, denied, (found, words));
    Err(refusal(denied, found))
}

/// What a client is told whose call is not allowed.
fn refusal(denied: Denied, found: &Found) -> Error {
    match denied {
        Denied::Command => {
            let name = &found.name;
            Error::Text(format!("NOPERM this user has no permissions to run the '{name}' command").into())
        }
        Denied::Key(_) => {
            Error::text("NOPERM this user has no permissions to access one of the keys used as arguments")
        }
        Denied::Channel(_) => {
            Error::text("NOPERM this user has no permissions to access one of the channels used as arguments")
        }
    }
}

/// Notes in `ACL LOG` that a call was refused.
pub(in crate::commands) fn note(
    instance: &Instance,
    client: &Client,
    user: &User,
    place: Place,
    denied: Denied,
    (found, words): (&Found, &[Bytes]),
) {
    let (reason, object) = match denied {
        Denied::Command => (Reason::Command, Bytes::copy_from_slice(found.name.as_bytes())),
        // Copies: what the client sent may be part of a large buffer.
        Denied::Key(word) => (Reason::Key, Bytes::copy_from_slice(&words[word])),
        Denied::Channel(word) => (Reason::Channel, Bytes::copy_from_slice(&words[word])),
    };
    push(instance, client, Refusal { reason, place, object, user: user.name.clone(), client: String::new() });
}

/// Notes in `ACL LOG` that a client has tried to be `user` in vain, by the command `typed`.
pub(in crate::commands) fn note_failed_login(context: &Context, user: &[u8], typed: &str) {
    let session = &*context.session;
    let is_in_transaction = session.transaction.is_some() || context.joined.is_some();
    let place = if is_in_transaction { Place::Multi } else { Place::TopLevel };
    let object = Bytes::copy_from_slice(typed.as_bytes());
    let user = Bytes::copy_from_slice(user);
    let refusal = Refusal { reason: Reason::Auth, place, object, user, client: String::new() };
    push(context.instance, &session.client, refusal);
}

/// Notes in `ACL LOG` that a client's certificate names no user that could log in.
pub(super) fn note_unknown_certificate(instance: &Instance, client: &Client, name: &str) {
    let user = Bytes::copy_from_slice(name.as_bytes());
    let (reason, place) = (Reason::TlsCertificate, Place::TopLevel);
    push(instance, client, Refusal { reason, place, object: Bytes::new(), user, client: String::new() });
}

fn push(instance: &Instance, client: &Client, refusal: Refusal) {
    let now_ms = instance.keyspace.clock().now_ms();
    let client = client::line(client, now_ms);
    instance.acl.log.push(Refusal { client, ..refusal }, now_ms);
}
