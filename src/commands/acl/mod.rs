//! `ACL` and its subcommands: who may log in, and what they may do.

mod check;
mod file;
mod inspect;
mod log;
mod users;

pub(super) use check::{
    admit, admit_again, denied, may_read_all_keys, no_longer_allowed, note, note_failed_login,
};

use super::help::help_command;
use super::spec::{Arity, Categories, Flags, Group, Spec};
use super::{Context, Entry, all_found};
use crate::config::Settings;
use crate::config::values::AclPubsubDefault;
use crate::instance::Instance;
use crate::instance::acl::catalog::{Catalog, Facts};
use crate::instance::acl::{Acl, Named, file as users_file};
use crate::instance::clients::{Client, ClientFlag};
use crate::instance::pubsub::Kind;
use crate::session::Session;
use bytes::Bytes;
use std::sync::LazyLock;

pub static COMMANDS: &[Entry] = &[Entry::container(
    Spec::new("ACL", Group::Server, Arity::AtLeast(2)).doc(
        "6.0.0",
        "Depends on subcommand.",
        "A container for Access List Control commands.",
    ),
    &[
        Entry::session::<inspect::Cat>(),
        Entry::session::<users::DelUser>(),
        Entry::session::<inspect::DryRun>(),
        Entry::session::<inspect::GenPass>(),
        Entry::session::<users::GetUser>(),
        Entry::session::<Help>(),
        Entry::session::<users::List>(),
        Entry::session::<file::Load>(),
        Entry::session::<log::Log>(),
        Entry::session::<file::Save>(),
        Entry::session::<users::SetUser>(),
        Entry::session::<users::Users>(),
        Entry::session::<users::WhoAmI>(),
    ],
)];

/// A subcommand for everybody.
const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(name, Group::Server, arity).flags(Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE))
}

/// A subcommand for administrators.
const fn admin(name: &'static str, arity: Arity) -> Spec {
    spec(name, arity).flags(Flags::ADMIN)
}

/// The table of commands as access control knows it.
pub fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
        let facts = |found: &&super::Found| Facts {
            name: found.name.clone(),
            categories: found.entry.spec.acl_categories().0,
            is_subcommand: found.name.contains('|'),
            subcommands: found.subcommands.values().map(|subcommand| subcommand.id).collect(),
        };
        let categories = Categories::NAMES.iter().map(|(bit, name)| (bit.0, *name)).collect();
        Catalog::new(all_found().iter().map(facts).collect(), categories)
    });
    &CATALOG
}

/// Whether new users may use all channels.
fn all_channels(settings: &Settings) -> bool {
    settings.acl_pubsub_default == AclPubsubDefault::AllChannels
}

/// Makes a client that has just come the user that its certificate names, if there is one that is on.
pub fn log_in_by_certificate(instance: &Instance, session: &mut Session, name: &str) {
    let user = instance.acl.user(name.as_bytes()).filter(|user| user.rights().enabled);
    if !user.is_some_and(|user| session.log_in(&instance.acl, user)) {
        check::note_unknown_certificate(instance, &session.client, name);
    }
}

/// The users that the settings name, in the conf file or in one of their own; none: nothing is said
/// about users.
///
/// # Errors
/// What is wrong with them.
pub fn configured_users(settings: &Settings) -> Result<Option<Named>, String> {
    let channels = all_channels(settings);
    if !settings.aclfile.is_empty() {
        if !settings.users.is_empty() {
            return Err(
                "Configuring users in the conf file and at the same time setting an ACL file path is \
                        invalid. There are two major ways to configure ACLs in DiskDB: a file of users \
                        (aclfile), or lines of the conf file."
                    .into(),
            );
        }
        return file::read(&settings.aclfile, channels).map(Some);
    }
    if settings.users.is_empty() {
        return Ok(None);
    }
    let default = Acl::new(catalog(), "").plain_default(&settings.requirepass);
    users_file::parse_lines(&settings.users, catalog(), channels, default).map(Some)
}

/// The users that `CONFIG REWRITE` writes into the conf file: none where a file of their own has them,
/// or where `requirepass` says all there is to say.
///
/// # Errors
/// When a conf file cannot hold one.
pub(super) fn users_for_conf_file(
    instance: &Instance,
    settings: &Settings,
) -> Result<Vec<Vec<String>>, String> {
    let acl = &instance.acl;
    let is_plain =
        acl.users().len() == 1 && *acl.default_user().rights() == acl.plain_default(&settings.requirepass);
    if is_plain || !settings.aclfile.is_empty() {
        return Ok(Vec::new());
    }
    let words = |line: Vec<u8>| {
        let line = String::from_utf8(line).map_err(|_| "a user that is not UTF-8 needs an aclfile")?;
        Ok(line.split(' ').skip(1).map(str::to_owned).collect())
    };
    acl.lines().into_iter().map(words).collect()
}

/// Closes the connections of those who are one of these users. The one who asks still gets its reply.
fn disconnect(context: &mut Context<'_>, users: &[Bytes]) {
    disconnect_those(context, |client| {
        let user = client.details().user;
        users.iter().any(|gone| *gone == user.as_bytes())
    });
}

/// Closes the connections of subscribers who are one of these users, or any if none is named, and may
/// not use a channel any more that they are subscribed to.
fn disconnect_barred(context: &mut Context<'_>, user: Option<&Bytes>) {
    let instance = context.instance;
    disconnect_those(context, |client| {
        if !client.has_flag(ClientFlag::PubSub) {
            return false;
        }
        let name = client.details().user;
        if user.is_some_and(|user| *user != name.as_bytes()) {
            return false;
        }
        let Some(user) = instance.acl.user(name.as_bytes()) else { return false };
        let rights = user.rights();
        !instance.pubsub.all_allowed(client, |kind, name| rights.allows_channel(name, kind == Kind::Pattern))
    });
}

fn disconnect_those(context: &mut Context<'_>, is_meant: impl Fn(&Client) -> bool) {
    for client in context.instance.clients.all() {
        if !is_meant(&client) {
            continue;
        }
        if client.id == context.session.id {
            context.session.close_after_reply();
        } else {
            client.kill();
        }
    }
}

help_command!(
    Help,
    Spec::new("ACL|HELP", Group::Server, Arity::Exactly(2)),
    "6.0.0",
    &[
        "CAT [<category>]",
        "    List all commands that belong to <category>, or all command categories",
        "    when no category is specified.",
        "DELUSER <username> [<username> ...]",
        "    Delete a list of users.",
        "DRYRUN <username> <command> [<arg> ...]",
        "    Returns whether the user can execute the given command without executing the command.",
        "GETUSER <username>",
        "    Get the user's details.",
        "GENPASS [<bits>]",
        "    Generate a secure 256-bit user password. The optional `bits` argument can",
        "    be used to specify a different size.",
        "LIST",
        "    Show users details in config file format.",
        "LOAD",
        "    Reload users from the ACL file.",
        "LOG [<count> | RESET]",
        "    Show the ACL log entries.",
        "SAVE",
        "    Save the current config to the ACL file.",
        "SETUSER <username> <attribute> [<attribute> ...]",
        "    Create or modify a user with the specified attributes.",
        "USERS",
        "    List all the registered usernames.",
        "WHOAMI",
        "    Return the current connection username.",
    ]
);
