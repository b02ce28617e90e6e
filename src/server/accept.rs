//! Takes clients in and deals them to the workers.

use super::plan::{Listeners, Listening};
use super::shared::Shared;
use super::worker::{Accepted, Mailbox, Manner, Message};
use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::JoinHandle;

const TOO_MANY: &[u8] = b"-ERR max number of clients reached\r\n";

const DENIED: &[u8] = b"-DENIED Redis is running in protected mode because protected mode is enabled and no \
password is set for the default user. In this mode connections are only accepted from the loopback \
interface. If you want to connect from external computers to Redis you may adopt one of the following \
solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the \
loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis \
is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) \
Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting \
the protected mode option to 'no', and then restarting the server. 3) If you started the server manually \
just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password \
for the default user. NOTE: You only need to do one of the above things in order for the server to start \
accepting connections from the outside.\r\n";

/// How long the acceptor rests when the system has no descriptor left.
const REST: Duration = Duration::from_millis(100);

/// Deals clients to the workers, one after the other.
pub struct Dealer {
    shared: Arc<Shared>,
    workers: Vec<Mailbox>,
    next: Cell<usize>,
}

impl Dealer {
    /// A dealer for these workers.
    pub fn new(shared: Arc<Shared>, workers: Vec<Mailbox>) -> Rc<Dealer> {
        Rc::new(Dealer { shared, workers, next: Cell::new(0) })
    }

    fn deal(&self, socket: Accepted, manner: Manner) {
        let worker = self.next.get();
        self.next.set((worker + 1) % self.workers.len());
        if self.workers[worker].send(Message::Serve { socket, manner }).is_err() {
            self.shared.left();
        }
    }

    /// Accepts TCP clients for ever.
    pub async fn accept_tcp(self: Rc<Self>, listener: TcpListener, manner: Manner) {
        loop {
            match listener.accept().await {
                Ok((socket, _)) => {
                    if let Err(error) = self.admit_tcp(socket, manner) {
                        tracing::debug!("a client was gone before it was served: {error}");
                    }
                }
                Err(error) => rest_after(error).await,
            }
        }
    }

    fn admit_tcp(&self, socket: TcpStream, manner: Manner) -> io::Result<()> {
        let options = self.shared.options();
        socket.set_nodelay(true)?;
        if options.keepalive_s > 0 {
            let every = Duration::from_secs(u64::from(options.keepalive_s));
            let probes = socket2::TcpKeepalive::new()
                .with_time(every)
                .with_interval((every / 3).max(Duration::from_secs(1)))
                .with_retries(3);
            socket2::SockRef::from(&socket).set_tcp_keepalive(&probes)?;
        }
        let instance = &self.shared.instance;
        instance.stats.connections_received.increment();
        let protected = options.protected && instance.acl.default_is_open();
        let refusal = if protected && !socket.peer_addr()?.ip().to_canonical().is_loopback() {
            Some(DENIED)
        } else if self.shared.arrived() {
            None
        } else {
            Some(TOO_MANY)
        };
        let Some(text) = refusal else {
            self.deal(Accepted::Tcp(socket.into_std()?), manner);
            return Ok(());
        };
        instance.stats.connections_rejected.increment();
        // Before the handshake a TLS client would not understand a word.
        if manner != Manner::Tls {
            refuse(socket, text);
        }
        Ok(())
    }

    /// Accepts clients of a Unix socket for ever.
    pub async fn accept_unix(self: Rc<Self>, listener: UnixListener) {
        loop {
            match listener.accept().await {
                Ok((mut socket, _)) => {
                    let stats = &self.shared.instance.stats;
                    stats.connections_received.increment();
                    if !self.shared.arrived() {
                        stats.connections_rejected.increment();
                        let _ = socket.write_all(TOO_MANY).await;
                    } else if let Ok(socket) = socket.into_std() {
                        self.deal(Accepted::Unix(socket), Manner::Plain);
                    } else {
                        self.shared.left();
                    }
                }
                Err(error) => rest_after(error).await,
            }
        }
    }
}

/// The tasks that accept.
pub struct Acceptors {
    dealer: Rc<Dealer>,
    tcp: Vec<(Listening, JoinHandle<()>)>,
    unix: Option<JoinHandle<()>>,
}

impl Acceptors {
    /// None yet.
    pub fn new(dealer: Rc<Dealer>) -> Acceptors {
        Acceptors { dealer, tcp: Vec::new(), unix: None }
    }

    /// Accepts clients on these sockets.
    pub fn start(&mut self, listeners: Listeners) {
        for (listener, listening) in listeners.tcp {
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    let accept = self.dealer.clone().accept_tcp(listener, listening.manner);
                    self.tcp.push((listening, tokio::task::spawn_local(accept)));
                }
                Err(error) => tracing::error!("a listening socket cannot be used: {error}"),
            }
        }
        match listeners.unix.map(UnixListener::from_std) {
            Some(Ok(listener)) => {
                self.unix = Some(tokio::task::spawn_local(self.dealer.clone().accept_unix(listener)));
            }
            Some(Err(error)) => tracing::error!("the Unix socket cannot be used: {error}"),
            None => {}
        }
    }

    /// Closes the TCP sockets that `which` names.
    pub async fn stop(&mut self, which: impl Fn(&Listening) -> bool) {
        for (_, task) in self.tcp.extract_if(.., |(listening, _)| which(listening)) {
            end(task).await;
        }
    }

    /// Closes every socket.
    pub async fn stop_all(&mut self) {
        self.stop(|_| true).await;
        if let Some(task) = self.unix.take() {
            end(task).await;
        }
    }
}

async fn end(task: JoinHandle<()>) {
    task.abort();
    // The task's listener is closed when this returns.
    let _ = task.await;
}

/// Tells a client why, and closes. The text fits every send buffer, so that nobody waits.
fn refuse(socket: TcpStream, text: &'static [u8]) {
    tokio::task::spawn_local(async move {
        let mut socket = socket;
        if socket.write_all(text).await.is_ok() {
            let _ = socket.shutdown().await;
        }
    });
}

async fn rest_after(error: io::Error) {
    let transient =
        [io::ErrorKind::ConnectionAborted, io::ErrorKind::ConnectionReset, io::ErrorKind::Interrupted];
    if !transient.contains(&error.kind()) {
        tracing::warn!("accepting a client failed: {error}");
        tokio::time::sleep(REST).await;
    }
}
