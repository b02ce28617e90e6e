//! Channels: subscribing to them, publishing to them, and what is known of them.

use super::args::Args;
use super::help::help_command;
use super::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use super::{Command, Context, Entry, Found, SessionCommand};
use crate::encoding::glob::{self, Case};
use crate::error::{Error, Result};
use crate::instance::clients::ClientFlag;
use crate::instance::pubsub::Kind;
use crate::protocol::{Message, Reply};
use crate::session::{Dialect, Session};
use bytes::Bytes;
use std::sync::Arc;

pub static COMMANDS: &[Entry] = &[
    Entry::session::<Psubscribe>(),
    Entry::session::<Publish>(),
    Entry::container(
        Spec::new("PUBSUB", Group::PubSub, Arity::AtLeast(2)).doc(
            "2.8.0",
            "Depends on subcommand.",
            "A container for Pub/Sub commands.",
        ),
        SUBCOMMANDS,
    ),
    Entry::session::<Punsubscribe>(),
    Entry::session::<Spublish>(),
    Entry::session::<Ssubscribe>(),
    Entry::session::<Subscribe>(),
    Entry::session::<Sunsubscribe>(),
    Entry::session::<Unsubscribe>(),
];

static SUBCOMMANDS: &[Entry] = &[
    Entry::session::<Channels>(),
    Entry::session::<Help>(),
    Entry::session::<Numpat>(),
    Entry::session::<Numsub>(),
    Entry::session::<Shardchannels>(),
    Entry::session::<Shardnumsub>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    let flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE);
    Spec::new(name, Group::PubSub, arity).flags(flags)
}

/// The channels that a call names, and whether as patterns: what a user must be allowed to use. None for
/// a command that names none.
pub fn channels_of<'a>(found: &Found, words: &'a [Bytes]) -> Option<(Kind, &'a [Bytes])> {
    let rest = words.get(1..)?;
    match found.name.as_str() {
        "subscribe" => Some((Kind::Channel, rest)),
        "psubscribe" => Some((Kind::Pattern, rest)),
        "ssubscribe" => Some((Kind::Shard, rest)),
        "publish" => Some((Kind::Channel, rest.get(..1)?)),
        "spublish" => Some((Kind::Shard, rest.get(..1)?)),
        // Whoever leaves a channel need not be allowed to enter it.
        _ => None,
    }
}

/// The commands of a subscriber to whom messages look like replies.
const WHILE_SUBSCRIBED: [&str; 9] = [
    "ping",
    "subscribe",
    "ssubscribe",
    "psubscribe",
    "unsubscribe",
    "sunsubscribe",
    "punsubscribe",
    "quit",
    "reset",
];

fn messages_look_like_replies(session: &Session) -> bool {
    session.client.has_flag(ClientFlag::PubSub) && session.dialect != Dialect::Resp3
}

/// Why a subscriber cannot call the command.
pub(super) fn check_allowed(session: &Session, found: &Found) -> Result<()> {
    if !messages_look_like_replies(session) || WHILE_SUBSCRIBED.contains(&found.name.as_str()) {
        return Ok(());
    }
    Err(Error::err(format_args!(
        "Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this \
         context",
        found.name
    )))
}

/// How `PING` answers a subscriber to whom messages look like replies.
pub(super) fn pong(session: &Session, message: Option<&Bytes>) -> Option<Reply> {
    messages_look_like_replies(session)
        .then(|| Reply::Array(vec![Reply::text("pong"), Reply::Bulk(message.cloned().unwrap_or_default())]))
}

/// Delivers what the commands of a transaction have published; or forgets it, if they are to run again.
pub(super) fn end_transaction(context: &mut Context, runs_again: bool) {
    let published = std::mem::take(&mut context.session.published);
    if !published.is_empty() && !runs_again {
        context.instance.pubsub.deliver(published);
    }
}

/// Whether subscriptions begin or end.
#[derive(Clone, Copy, PartialEq)]
enum Change {
    Begin,
    End,
}

/// Changes subscriptions of the client. The confirmations are messages to it, so that they come in
/// order with the others; only in a transaction they are its reply.
fn change(context: &mut Context, change: Change, kind: Kind, names: &[Bytes]) -> Reply {
    let pubsub = &context.instance.pubsub;
    let client = &context.session.client;
    let run = |tell: &mut dyn FnMut(_)| match change {
        Change::Begin => pubsub.subscribe(client, kind, names, tell),
        Change::End => pubsub.unsubscribe(client, kind, names, tell),
    };
    if context.joined.is_none() {
        run(&mut |message| client.deliver(message));
        return Reply::Silence;
    }
    let mut told = Vec::new();
    run(&mut |message: Arc<Message>| told.push(message.reply().clone()));
    Reply::Sequence(told)
}

/// Declares a command that changes subscriptions.
macro_rules! subscription_command {
    ($type:ident, $spec:expr, $change:expr, $kind:expr) => {
        pub struct $type(Vec<Bytes>);

        impl Command for $type {
            const SPEC: Spec = $spec.flags(Flags::NOSCRIPT);
            type Output = Reply;

            fn parse(args: &mut Args) -> Result<Self> {
                Ok($type(args.rest().to_vec()))
            }
        }

        impl SessionCommand for $type {
            fn run(self, context: &mut Context<'_>) -> Result<Reply> {
                Ok(change(context, $change, $kind, &self.0))
            }
        }
    };
}

const SHARD_CHANNELS: &[KeySpec] = &[KeySpec::range(1, -1, 1, KeyFlags::NOT_KEY)];

subscription_command!(
    Subscribe,
    spec("SUBSCRIBE", Arity::AtLeast(2)).flags(Flags::DENYOOM).syntax("channel [channel ...]").doc(
        "2.0.0",
        "O(N) where N is the number of channels to subscribe to.",
        "Listens for messages published to channels.",
    ),
    Change::Begin,
    Kind::Channel
);

subscription_command!(
    Psubscribe,
    spec("PSUBSCRIBE", Arity::AtLeast(2)).flags(Flags::DENYOOM).syntax("pattern [pattern ...]").doc(
        "2.0.0",
        "O(N) where N is the number of patterns to subscribe to.",
        "Listens for messages published to channels that match one or more patterns.",
    ),
    Change::Begin,
    Kind::Pattern
);

subscription_command!(
    Ssubscribe,
    spec("SSUBSCRIBE", Arity::AtLeast(2))
        .flags(Flags::DENYOOM)
        .keys(SHARD_CHANNELS)
        .syntax("shardchannel [shardchannel ...]")
        .doc(
            "7.0.0",
            "O(N) where N is the number of shard channels to subscribe to.",
            "Listens for messages published to shard channels.",
        ),
    Change::Begin,
    Kind::Shard
);

subscription_command!(
    Unsubscribe,
    spec("UNSUBSCRIBE", Arity::AtLeast(1)).syntax("[channel [channel ...]]").doc(
        "2.0.0",
        "O(N) where N is the number of channels to unsubscribe.",
        "Stops listening to messages posted to channels.",
    ),
    Change::End,
    Kind::Channel
);

subscription_command!(
    Punsubscribe,
    spec("PUNSUBSCRIBE", Arity::AtLeast(1)).syntax("[pattern [pattern ...]]").doc(
        "2.0.0",
        "O(N) where N is the number of patterns to unsubscribe.",
        "Stops listening to messages published to channels that match one or more patterns.",
    ),
    Change::End,
    Kind::Pattern
);

subscription_command!(
    Sunsubscribe,
    spec("SUNSUBSCRIBE", Arity::AtLeast(1))
        .keys(SHARD_CHANNELS)
        .syntax("[shardchannel [shardchannel ...]]")
        .doc(
            "7.0.0",
            "O(N) where N is the number of shard channels to unsubscribe.",
            "Stops listening to messages posted to shard channels.",
        ),
    Change::End,
    Kind::Shard
);

/// Publishes; in a transaction, when it has been committed.
fn publish(context: &mut Context, kind: Kind, channel: &Bytes, payload: &Bytes) -> i64 {
    let pubsub = &context.instance.pubsub;
    let delivered = if context.joined.is_none() {
        pubsub.publish(kind, channel, payload)
    } else {
        let deliveries = pubsub.prepare(kind, channel, payload);
        let count = deliveries.len();
        context.session.published.extend(deliveries);
        count
    };
    delivered as i64
}

/// Declares a command that publishes.
macro_rules! publish_command {
    ($type:ident, $spec:expr, $kind:expr) => {
        pub struct $type {
            channel: Bytes,
            payload: Bytes,
        }

        impl Command for $type {
            const SPEC: Spec = $spec.flags(Flags::FAST.and(Flags::MAY_REPLICATE));
            type Output = i64;

            fn parse(args: &mut Args) -> Result<Self> {
                Ok($type { channel: args.bytes()?, payload: args.bytes()? })
            }
        }

        impl SessionCommand for $type {
            fn run(self, context: &mut Context<'_>) -> Result<i64> {
                Ok(publish(context, $kind, &self.channel, &self.payload))
            }
        }
    };
}

publish_command!(
    Publish,
    spec("PUBLISH", Arity::Exactly(3)).syntax("channel message").doc(
        "2.0.0",
        "O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of \
         subscribed patterns (by any client).",
        "Posts a message to a channel.",
    ),
    Kind::Channel
);

publish_command!(
    Spublish,
    spec("SPUBLISH", Arity::Exactly(3))
        .keys(&[KeySpec::at(1, KeyFlags::NOT_KEY)])
        .syntax("shardchannel message")
        .doc(
            "7.0.0",
            "O(N) where N is the number of clients subscribed to the receiving shard channel.",
            "Posts a message to a shard channel.",
        ),
    Kind::Shard
);

/// The names of a kind that have subscribers and match the pattern.
fn names(context: &Context, kind: Kind, pattern: Option<&Bytes>) -> Reply {
    let mut names = context.instance.pubsub.names(kind);
    names.retain(|name| pattern.is_none_or(|pattern| glob::matches(pattern, name, Case::Sensitive)));
    names.into()
}

/// Each name with the number of its subscribers.
fn numbers(context: &Context, kind: Kind, names: &[Bytes]) -> Reply {
    let pubsub = &context.instance.pubsub;
    let number = |name: &Bytes| [Reply::Bulk(name.clone()), pubsub.subscribers(kind, name).into()];
    Reply::Array(names.iter().flat_map(number).collect())
}

/// Declares a subcommand about one kind of channels.
macro_rules! query_command {
    ($type:ident, $words:ty, $parse:expr, $answer:expr, $spec:expr) => {
        pub struct $type($words);

        impl Command for $type {
            const SPEC: Spec = $spec;
            type Output = Reply;

            fn parse(args: &mut Args) -> Result<Self> {
                Ok($type($parse(args)?))
            }
        }

        impl SessionCommand for $type {
            fn run(self, context: &mut Context<'_>) -> Result<Reply> {
                Ok($answer(context, self.0))
            }
        }
    };
}

fn pattern(args: &mut Args) -> Result<Option<Bytes>> {
    match args.rest() {
        [] => Ok(None),
        [pattern] => Ok(Some(pattern.clone())),
        _ => Err(args.subcommand_error()),
    }
}

fn all_words(args: &mut Args) -> Result<Vec<Bytes>> {
    Ok(args.rest().to_vec())
}

query_command!(
    Channels,
    Option<Bytes>,
    pattern,
    |context: &Context, pattern: Option<Bytes>| names(context, Kind::Channel, pattern.as_ref()),
    spec("PUBSUB|CHANNELS", Arity::AtLeast(2)).syntax("[pattern]").doc(
        "2.8.0",
        "O(N) where N is the number of active channels.",
        "Returns the active channels.",
    )
);

query_command!(
    Shardchannels,
    Option<Bytes>,
    pattern,
    |context: &Context, pattern: Option<Bytes>| names(context, Kind::Shard, pattern.as_ref()),
    spec("PUBSUB|SHARDCHANNELS", Arity::AtLeast(2)).syntax("[pattern]").doc(
        "7.0.0",
        "O(N) where N is the number of active shard channels.",
        "Returns the active shard channels.",
    )
);

query_command!(
    Numsub,
    Vec<Bytes>,
    all_words,
    |context: &Context, names: Vec<Bytes>| numbers(context, Kind::Channel, &names),
    spec("PUBSUB|NUMSUB", Arity::AtLeast(2)).syntax("[channel [channel ...]]").doc(
        "2.8.0",
        "O(N) for the NUMSUB subcommand, where N is the number of requested channels.",
        "Returns a count of subscribers to channels.",
    )
);

query_command!(
    Shardnumsub,
    Vec<Bytes>,
    all_words,
    |context: &Context, names: Vec<Bytes>| numbers(context, Kind::Shard, &names),
    spec("PUBSUB|SHARDNUMSUB", Arity::AtLeast(2)).syntax("[shardchannel [shardchannel ...]]").doc(
        "7.0.0",
        "O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels.",
        "Returns the count of subscribers of shard channels.",
    )
);

query_command!(
    Numpat,
    (),
    |_: &mut Args| Result::Ok(()),
    |context: &Context, ()| Reply::from(context.instance.pubsub.count(Kind::Pattern)),
    spec("PUBSUB|NUMPAT", Arity::Exactly(2)).doc(
        "2.8.0",
        "O(1)",
        "Returns a count of unique pattern subscriptions.",
    )
);

help_command!(
    Help,
    Spec::new("PUBSUB|HELP", Group::PubSub, Arity::Exactly(2)),
    "6.2.0",
    &[
        "CHANNELS [<pattern>]",
        "    Return the currently active channels matching a <pattern> (default: '*').",
        "NUMPAT",
        "    Return number of subscriptions to patterns.",
        "NUMSUB [<channel> ...]",
        "    Return the number of subscribers for the specified channels, excluding",
        "    pattern subscriptions(default: no channels).",
        "SHARDCHANNELS [<pattern>]",
        "    Return the currently active shard level channels matching a <pattern> (default: '*').",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Return the number of subscribers for the specified shard level channel(s)",
    ]
);
