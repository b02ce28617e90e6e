//! A worker: one thread with an event loop of its own, and the connections dealt to it.

use super::connection::Connection;
use super::options::Options;
use super::shared::Shared;
use super::stream::{Socket, Stream};
use super::turn::{self, Turn};
use crate::instance::clients::Client;
use crate::instance::waiters::Ticket;
use crate::protocol::{Dialect, Limits};
use crate::session::Session;
use crate::storage::ReadTier;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, coop};

/// How often idle clients, soft limits and the like are looked at.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A socket just accepted.
pub enum Accepted {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// How a client on a listener speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Plain,
    Tls,
    /// Plain lines for people.
    Text,
}

/// What a worker is told.
pub enum Message {
    Serve {
        socket: Accepted,
        manner: Manner,
    },
    /// Close everything: what runs ends, replies are written.
    Stop,
}

/// The way to tell a worker.
pub type Mailbox = mpsc::UnboundedSender<Message>;

/// What the tasks of one worker share. Never leaves its thread.
pub struct Worker {
    pub shared: Arc<Shared>,
    pub turn: Turn,
    options: RefCell<Arc<Options>>,
    /// Which change of the options that is.
    generation: Cell<u64>,
    connections: RefCell<HashMap<u64, Rc<Connection>>>,
    stopping: Cell<bool>,
}

/// Starts a worker's thread; it ends some time after [`Message::Stop`].
///
/// # Errors
/// When the system gives no thread or no event loop.
pub fn start(
    number: usize,
    shared: Arc<Shared>,
    messages: mpsc::UnboundedReceiver<Message>,
) -> io::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        LocalSet::new().block_on(&runtime, run(shared, messages));
    })
}

async fn run(shared: Arc<Shared>, mut messages: mpsc::UnboundedReceiver<Message>) {
    let worker = Rc::new(Worker {
        options: RefCell::new(shared.options()),
        generation: Cell::new(0),
        shared,
        turn: Turn::default(),
        connections: RefCell::default(),
        stopping: Cell::new(false),
    });
    // The budget that tokio gives a task would make sockets look busy halfway through a turn.
    tokio::task::spawn_local(coop::unconstrained(turn::commit_turns(worker.clone())));
    let sweeper = tokio::task::spawn_local(sweep(worker.clone()));
    while let Some(message) = messages.recv().await {
        match message {
            Message::Serve { socket, manner } => worker.serve(socket, manner),
            Message::Stop => break,
        }
    }
    worker.stopping.set(true);
    worker.connections.borrow().values().for_each(|connection| connection.close());
    let deadline = tokio::time::Instant::now() + worker.options.borrow().shutdown_timeout;
    while !worker.connections.borrow().is_empty() && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    sweeper.abort();
}

async fn sweep(worker: Rc<Worker>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        worker.refresh();
        let options = worker.options.borrow().clone();
        for connection in worker.connections.borrow().values() {
            connection.swept(&worker, &options);
        }
    }
}

/// A client's place on the worker; given up when its task ends, by a panic as well.
struct Presence {
    worker: Rc<Worker>,
    connection: Rc<Connection>,
    id: u64,
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.connection.ended(&self.worker);
        self.worker.connections.borrow_mut().remove(&self.id);
        self.worker.shared.left();
    }
}

impl Worker {
    fn serve(self: &Rc<Self>, socket: Accepted, manner: Manner) {
        match self.stream(socket, manner) {
            Ok(Some(stream)) => self.spawn(stream, manner),
            Ok(None) => {
                tracing::warn!("a TLS client was refused: there is no certificate");
                self.shared.left();
            }
            Err(error) => {
                tracing::warn!("a client could not be served: {error}");
                self.shared.left();
            }
        }
    }

    fn stream(&self, socket: Accepted, manner: Manner) -> io::Result<Option<Stream>> {
        let socket = match socket {
            Accepted::Tcp(socket) => Socket::Tcp(tokio::net::TcpStream::from_std(socket)?),
            Accepted::Unix(socket) => Socket::Unix(tokio::net::UnixStream::from_std(socket)?),
        };
        Ok(match manner {
            Manner::Plain | Manner::Text => Some(Stream::plain(socket)),
            Manner::Tls => self.shared.tls.accept().map(|connection| Stream::tls(socket, connection)),
        })
    }

    fn spawn(self: &Rc<Self>, stream: Stream, manner: Manner) {
        let instance = &*self.shared.instance;
        let mut session = Session::open(instance, stream.address(manner == Manner::Tls));
        if manner == Manner::Text {
            session.speak(Dialect::Text);
        }
        let id = session.id;
        let connection = Connection::new(stream, session);
        self.connections.borrow_mut().insert(id, connection.clone());
        let presence = Presence { worker: self.clone(), connection, id };
        tokio::task::spawn_local(coop::unconstrained(async move {
            presence.connection.clone().serve(presence.worker.clone()).await;
        }));
    }

    /// Has a command that waits tried once more, and who came before it.
    pub fn retry(&self, ticket: &Ticket) {
        let instance = &self.shared.instance;
        instance.waiters.touch(ticket);
        // What needs the disk is left to the pool.
        let _ = instance.waiters.serve(instance, ReadTier::Memory);
        self.serve_waiters();
    }

    /// Has those who wait for keys served on the pool, where that needs the disk.
    pub fn serve_waiters(&self) {
        if self.shared.instance.waiters.take_stalled() {
            let instance = self.shared.instance.clone();
            // Nobody waits for the end of it.
            drop(self.shared.pool.run(move || instance.waiters.serve(&instance, ReadTier::Disk)));
        }
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        self.shared.instance.keyspace.clock().now_ms()
    }

    /// Takes over changed directives. One load when nothing has changed.
    pub fn refresh(&self) {
        let generation = self.shared.generation();
        if generation != self.generation.replace(generation) {
            *self.options.borrow_mut() = self.shared.options();
        }
    }

    /// `appendfsync always`.
    pub fn syncs_each_turn(&self) -> bool {
        self.options.borrow().sync_each_turn
    }

    /// Whether so much output closes the client at once.
    pub fn is_over_hard_limit(&self, client: &Client, output_bytes: usize) -> bool {
        let hard_bytes = self.options.borrow().output_limit(client).hard_bytes;
        hard_bytes > 0 && output_bytes as u64 > hard_bytes
    }

    /// What clients may send.
    pub fn limits(&self) -> Limits {
        self.options.borrow().limits
    }
}
