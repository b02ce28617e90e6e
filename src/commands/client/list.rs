//! `CLIENT INFO` and `CLIENT LIST`.

use super::{ClientType, admin, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Spec};
use crate::commands::{Command, Context, SessionCommand, name_of};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::instance::clients::{Client, ClientFlag, Transport};
use crate::protocol::Reply;
use std::fmt::Write;
use std::sync::atomic::Ordering::Relaxed;

pub struct Info;

impl Command for Info {
    const SPEC: Spec = spec("CLIENT|INFO", Arity::Exactly(2)).tips(&["nondeterministic_output"]).doc(
        "6.2.0",
        "O(1)",
        "Returns information about the connection.",
    );
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Info)
    }
}

impl SessionCommand for Info {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let mut out = String::new();
        describe(&mut out, &context.session.client, context.instance.keyspace.clock().now_ms());
        Ok(Reply::Verbatim("txt", out.into()))
    }
}

pub enum List {
    All,
    OfType(ClientType),
    WithIds(Vec<u64>),
}

impl Command for List {
    const SPEC: Spec = admin("CLIENT|LIST", Arity::AtLeast(2))
        .syntax("[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]")
        .tips(&["nondeterministic_output"])
        .doc("2.4.0", "O(N) where N is the number of client connections", "Lists open connections.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        if args.is_empty() {
            Ok(List::All)
        } else if args.remaining() == 2 && args.take("TYPE") {
            Ok(List::OfType(ClientType::parse(args)?))
        } else if args.remaining() > 1 && args.take("ID") {
            let id = |word: &bytes::Bytes| {
                text::parse_i64(word).map(|id| id as u64).ok_or(Error::text("ERR Invalid client ID"))
            };
            Ok(List::WithIds(args.rest().iter().map(id).collect::<Result<_>>()?))
        } else {
            Err(Error::Syntax)
        }
    }
}

impl SessionCommand for List {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let clients = &context.instance.clients;
        let now_ms = context.instance.keyspace.clock().now_ms();
        let listed = match &self {
            List::WithIds(ids) => ids.iter().filter_map(|id| clients.get(*id)).collect(),
            _ => clients.all(),
        };
        let mut out = String::new();
        for client in &listed {
            if !matches!(&self, List::OfType(kind) if *kind != ClientType::of(client)) {
                describe(&mut out, client, now_ms);
            }
        }
        Ok(Reply::Verbatim("txt", out.into()))
    }
}

/// Appends a client's line.
pub(super) fn describe(out: &mut String, client: &Client, now_ms: u64) {
    let details = client.details();
    let counters = &client.counters;
    let seconds_since = |then_ms: u64| now_ms.saturating_sub(then_ms) / 1000;
    let query = counters.query_buffer_bytes.load(Relaxed);
    let query_free = counters.query_buffer_free_bytes.load(Relaxed);
    let pieces_bytes = counters.output_pieces_bytes.load(Relaxed);
    let output = counters.output_bytes.load(Relaxed);
    let output_buffer = counters.output_buffer_bytes.load(Relaxed);
    let queued = counters.queued.load(Relaxed).to_string();
    let multi = if client.has_flag(ClientFlag::Transaction) { &queued } else { "-1" };
    let (queued_bytes, watched) = (counters.queued_bytes.load(Relaxed), counters.watched.load(Relaxed));
    let events = if output > 0 { "rw" } else { "r" };
    let total = client.memory_bytes();
    // Writing to a String does not fail.
    let _ = writeln!(
        out,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={multi} \
         watch={watched} qbuf={query} qbuf-free={query_free} argv-mem=0 multi-mem={queued_bytes} rbs={output_buffer} rbp={} obl={} \
         oll={} omem={pieces_bytes} tot-mem={total} events={events} cmd={} user={} redir={} resp={} \
         lib-name={} lib-ver={} io-thread=0 tot-net-in={} tot-net-out={} tot-cmds={}",
        client.id,
        client.address.peer,
        client.address.local,
        client.address.descriptor,
        details.name,
        seconds_since(client.created_at_ms),
        seconds_since(client.last_interaction_ms()),
        flags(client),
        client.db(),
        counters.channels.load(Relaxed),
        counters.patterns.load(Relaxed),
        counters.shard_channels.load(Relaxed),
        counters.output_peak_bytes.load(Relaxed),
        output.saturating_sub(pieces_bytes),
        counters.output_pieces.load(Relaxed),
        name_of(client.last_command()),
        details.user,
        client.redirect(),
        client.resp_version(),
        details.library_name,
        details.library_version,
        counters.net_in_bytes.load(Relaxed),
        counters.net_out_bytes.load(Relaxed),
        counters.commands.load(Relaxed),
    );
}

fn flags(client: &Client) -> String {
    let letters = [
        (client.has_flag(ClientFlag::Monitor), 'O'),
        (client.has_flag(ClientFlag::Replica), 'S'),
        (client.has_flag(ClientFlag::PubSub), 'P'),
        (client.has_flag(ClientFlag::Transaction), 'x'),
        (client.has_flag(ClientFlag::Blocked), 'b'),
        (client.has_flag(ClientFlag::Tracking), 't'),
        (client.has_flag(ClientFlag::BrokenRedirect), 'R'),
        (client.has_flag(ClientFlag::Broadcast), 'B'),
        (client.has_flag(ClientFlag::DirtyWatch), 'd'),
        (client.has_flag(ClientFlag::CloseAfterReply), 'c'),
        (client.is_killed(), 'A'),
        (client.address.transport == Transport::Unix, 'U'),
        (client.has_flag(ClientFlag::NoEvict), 'e'),
        (client.has_flag(ClientFlag::NoTouch), 'T'),
    ];
    let set: String = letters.iter().filter(|(set, _)| *set).map(|(_, letter)| *letter).collect();
    if set.is_empty() { "N".to_owned() } else { set }
}
