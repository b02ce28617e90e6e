//! `CLIENT KILL`.

use super::{ClientType, admin};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Spec};
use crate::commands::{Command, Context, SessionCommand};
use crate::error::{Error, Result};
use crate::instance::clients::Client;
use crate::protocol::Reply;
use bytes::Bytes;

/// Which clients are meant: those that pass every filter given.
#[derive(Debug, Default)]
pub struct Filter {
    id: Option<u64>,
    kind: Option<ClientType>,
    user: Option<Bytes>,
    peer: Option<Bytes>,
    local: Option<Bytes>,
    min_age_s: Option<u64>,
    skips_me: bool,
}

impl Filter {
    fn parse(args: &mut Args) -> Result<Filter> {
        let mut filter = Filter { skips_me: true, ..Filter::default() };
        while !args.is_empty() {
            if args.remaining() < 2 {
                return Err(Error::Syntax);
            }
            if args.take("ID") {
                let id = args.integer().ok().filter(|id| *id > 0);
                filter.id = Some(id.ok_or(Error::text("ERR client-id should be greater than 0"))? as u64);
            } else if args.take("TYPE") {
                filter.kind = Some(ClientType::parse(args)?);
            } else if args.take("USER") {
                filter.user = Some(args.bytes()?);
            } else if args.take("ADDR") {
                filter.peer = Some(args.bytes()?);
            } else if args.take("LADDR") {
                filter.local = Some(args.bytes()?);
            } else if args.take("MAXAGE") {
                let age = args
                    .integer()
                    .map_err(|_| Error::text("ERR maxage is not an integer or out of range"))?;
                let age = u64::try_from(age).ok().filter(|age| *age > 0);
                filter.min_age_s = Some(age.ok_or(Error::text("ERR maxage should be greater than 0"))?);
            } else if args.take("SKIPME") {
                filter.skips_me = args.take_one(&[("yes", true), ("no", false)]).ok_or(Error::Syntax)?;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(filter)
    }

    fn lets_pass(&self, client: &Client, now_ms: u64) -> bool {
        let is = |wanted: &Option<Bytes>, text: &str| wanted.as_deref().is_none_or(|w| w == text.as_bytes());
        let age_s = now_ms.saturating_sub(client.created_at_ms) / 1000;
        self.id.is_none_or(|id| id == client.id)
            && self.min_age_s.is_none_or(|min| age_s >= min)
            && self.kind.is_none_or(|kind| kind == ClientType::of(client))
            && is(&self.peer, &client.address.peer)
            && is(&self.local, &client.address.local)
            && (self.user.is_none() || is(&self.user, &client.details().user))
    }
}

/// Killing by address alone, or by filters.
pub enum Kill {
    /// `CLIENT KILL ip:port`: the client asking may be meant.
    Address(Bytes),
    Filtered(Box<Filter>),
}

impl Command for Kill {
    const SPEC: Spec = admin("CLIENT|KILL", Arity::AtLeast(3))
        .syntax(
            "<ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | \
             [USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME <YES | NO>] | [MAXAGE maxage] ...>>",
        )
        .doc("2.4.0", "O(N) where N is the number of client connections", "Terminates open connections.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        if args.remaining() == 1 {
            return Ok(Kill::Address(args.bytes()?));
        }
        Ok(Kill::Filtered(Box::new(Filter::parse(args)?)))
    }
}

impl SessionCommand for Kill {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        match self {
            Kill::Address(peer) => {
                let filter = Filter { peer: Some(peer), ..Filter::default() };
                match kill(context, &filter) {
                    0 => Err(Error::text("ERR No such client")),
                    _ => Ok(Reply::Ok),
                }
            }
            Kill::Filtered(filter) => {
                if let Some(user) = &filter.user
                    && context.instance.acl.user(user).is_none()
                {
                    let user = String::from_utf8_lossy(user);
                    return Err(Error::err(format_args!("No such user '{user}'")));
                }
                Ok(Reply::Integer(kill(context, &filter)))
            }
        }
    }
}

/// Kills every client that passes; who kills itself, still gets its reply.
fn kill(context: &mut Context<'_>, filter: &Filter) -> i64 {
    let now_ms = context.instance.keyspace.clock().now_ms();
    let mut killed = 0;
    for client in context.instance.clients.all() {
        let is_me = client.id == context.session.id;
        if is_me && filter.skips_me || client.is_killed() || !filter.lets_pass(&client, now_ms) {
            continue;
        }
        killed += 1;
        if is_me {
            context.session.close_after_reply();
        } else {
            client.kill();
        }
    }
    killed
}
