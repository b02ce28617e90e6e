//! Users: made, changed, deleted, shown.

use super::{admin, all_channels, disconnect, disconnect_barred, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Spec};
use crate::commands::{Command, Context, SessionCommand};
use crate::error::{Error, Result};
use crate::instance::acl::DEFAULT_USER;
use crate::instance::acl::rule::merge_selectors;
use crate::instance::acl::selector::{Selector, has_spaces};
use crate::protocol::{Reply, fields};
use bytes::Bytes;

pub struct SetUser {
    pub user: Bytes,
    pub rules: Vec<Bytes>,
}

impl Command for SetUser {
    const SPEC: Spec = admin("ACL|SETUSER", Arity::AtLeast(3))
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .syntax("username [rule [rule ...]]")
        .doc(
            "6.0.0",
            "O(N). Where N is the number of rules provided.",
            "Creates and modifies an ACL user and its rules.",
        );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(SetUser { user: args.bytes()?, rules: args.rest().to_vec() })
    }
}

impl SessionCommand for SetUser {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        if has_spaces(&self.user) {
            return Err(Error::text("ERR Usernames can't contain spaces or null characters"));
        }
        let rules = merge_selectors(&self.rules).map_err(|place| {
            let selector = String::from_utf8_lossy(&self.rules[place]);
            Error::err(format_args!("Unmatched parenthesis in acl selector starting at '{selector}'."))
        })?;
        let channels = all_channels(&context.instance.settings());
        context.instance.acl.change(&self.user, &rules, channels).map_err(|(place, error)| {
            let rule = String::from_utf8_lossy(&rules[place]);
            Error::err(format_args!("Error in ACL SETUSER modifier '{rule}': {error}"))
        })?;
        disconnect_barred(context, Some(&self.user));
        Ok(())
    }
}

pub struct DelUser {
    pub users: Vec<Bytes>,
}

impl Command for DelUser {
    const SPEC: Spec = admin("ACL|DELUSER", Arity::AtLeast(3))
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .syntax("username [username ...]")
        .doc(
            "6.0.0",
            "O(1) amortized time considering the typical user.",
            "Deletes ACL users, and terminates their connections.",
        );
    type Output = usize;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(DelUser { users: args.rest().to_vec() })
    }
}

impl SessionCommand for DelUser {
    fn run(mut self, context: &mut Context<'_>) -> Result<usize> {
        if self.users.iter().any(|user| user == DEFAULT_USER) {
            return Err(Error::text("ERR The 'default' user cannot be removed"));
        }
        self.users.retain(|user| context.instance.acl.remove(user));
        disconnect(context, &self.users);
        Ok(self.users.len())
    }
}

pub struct GetUser {
    pub user: Bytes,
}

impl Command for GetUser {
    const SPEC: Spec = admin("ACL|GETUSER", Arity::Exactly(3)).syntax("username").doc(
        "6.0.0",
        "O(N). Where N is the number of password, command and pattern rules that the user has.",
        "Lists the ACL rules of a user.",
    );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(GetUser { user: args.bytes()? })
    }
}

impl SessionCommand for GetUser {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let Some(user) = context.instance.acl.user(&self.user) else { return Ok(Reply::NullArray) };
        let rights = user.rights();
        let flags = rights.flags().into_iter().map(Reply::text).collect();
        let mut shown =
            fields([("flags", Reply::Set(flags)), ("passwords", rights.password_hashes().into())]);
        let mut selectors = rights.all_selectors().map(self::shown);
        shown.extend(selectors.next().unwrap_or_default());
        shown.extend(fields([("selectors", Reply::Array(selectors.map(Reply::Map).collect()))]));
        Ok(Reply::Map(shown))
    }
}

fn shown(selector: &Selector) -> Vec<(Reply, Reply)> {
    fields([
        ("commands", selector.command_rules().into()),
        ("keys", Reply::bulk(selector.key_rules())),
        ("channels", Reply::bulk(selector.channel_rules())),
    ])
}

pub struct List;

impl Command for List {
    const SPEC: Spec = admin("ACL|LIST", Arity::Exactly(2)).doc(
        "6.0.0",
        "O(N). Where N is the number of configured users.",
        "Dumps the effective rules in ACL file format.",
    );
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(List)
    }
}

impl SessionCommand for List {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        Ok(Reply::Array(context.instance.acl.lines().into_iter().map(Reply::bulk).collect()))
    }
}

pub struct Users;

impl Command for Users {
    const SPEC: Spec = admin("ACL|USERS", Arity::Exactly(2)).doc(
        "6.0.0",
        "O(N). Where N is the number of configured users.",
        "Lists all ACL users.",
    );
    type Output = Vec<Bytes>;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Users)
    }
}

impl SessionCommand for Users {
    fn run(self, context: &mut Context<'_>) -> Result<Vec<Bytes>> {
        Ok(context.instance.acl.users().iter().map(|user| user.name.clone()).collect())
    }
}

pub struct WhoAmI;

impl Command for WhoAmI {
    const SPEC: Spec = spec("ACL|WHOAMI", Arity::Exactly(2)).doc(
        "6.0.0",
        "O(1)",
        "Returns the authenticated username of the current connection.",
    );
    type Output = Bytes;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(WhoAmI)
    }
}

impl SessionCommand for WhoAmI {
    fn run(self, context: &mut Context<'_>) -> Result<Bytes> {
        Ok(context.session.user.name.clone())
    }
}
