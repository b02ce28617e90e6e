//! The server: sockets, threads and everything asynchronous. From `commands` down it is plain
//! functions.
//!
//! One control thread accepts clients and deals them to the workers; each worker is a thread with
//! an event loop of its own, where each client is a task ([`connection`]). Replies that speak of
//! commits leave after one flush per turn of the loop ([`turn`]). What would wait for the disk runs
//! on a pool of threads ([`pool`]).

mod accept;
mod background;
mod connection;
mod executor;
mod listen;
mod options;
mod pool;
mod shared;
mod stream;
mod tls;
mod turn;
mod worker;

use crate::api::Db;
use crate::config::Settings;
use crate::error::{Error, Result};
use accept::Dealer;
use background::Background;
use options::Options;
use shared::Shared;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use worker::{Mailbox, Manner, Message};

/// The TCP ports to listen on; none: not at all, 0: one that the system picks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    pub tcp: Option<u16>,
    pub tls: Option<u16>,
    pub text: Option<u16>,
}

impl Ports {
    /// The ports of the directives, where 0 means none.
    pub fn configured(settings: &Settings) -> Ports {
        let port = |number: u16| (number != 0).then_some(number);
        Ports { tcp: port(settings.port), tls: port(settings.tls_port), text: port(settings.text_port) }
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    pub tcp: Vec<SocketAddr>,
    pub tls: Vec<SocketAddr>,
    pub text: Vec<SocketAddr>,
    pub unix: Option<PathBuf>,
}

/// What the control thread is told.
enum Control {
    Stop,
}

/// A server that runs. Dropping it stops the server.
pub struct Server {
    addresses: Addresses,
    control: mpsc::UnboundedSender<Control>,
    thread: Option<JoinHandle<Result<()>>>,
}

/// The listening sockets.
#[derive(Default)]
struct Listeners {
    tcp: Vec<(TcpListener, Manner)>,
    unix: Option<UnixListener>,
}

impl Server {
    /// Serves a database where its directives say.
    ///
    /// # Errors
    /// When an address cannot be had, a file of TLS does not fit, or the system gives no thread.
    pub fn start(db: &Db) -> Result<Server> {
        Server::start_on(db, Ports::configured(&db.instance().settings()))
    }

    /// As [`Server::start`], on these ports.
    pub fn start_on(db: &Db, ports: Ports) -> Result<Server> {
        let instance = db.instance().clone();
        let settings = instance.settings();
        let options = Options::new(&settings);
        let workers = options.workers;
        let shared = Arc::new(Shared::new(instance, options));
        if let Some(tls) = options::tls(&settings) {
            shared.tls.load(&tls).map_err(Error::err)?;
        }
        let (listeners, addresses) = listen(&settings, ports).map_err(Error::err)?;
        let (control, inbox) = mpsc::unbounded_channel();
        let on_shutdown = control.clone();
        shared.instance.lifecycle.on_shutdown(move || drop(on_shutdown.send(Control::Stop)));
        let started = Started { shared, workers: Vec::new(), threads: Vec::new(), addresses };
        let thread = started.run(listeners, workers, inbox)?;
        Ok(Server { addresses: thread.1, control, thread: Some(thread.0) })
    }

    /// Where the server listens.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Stops the server: no new clients; what runs ends, replies are written (as long as
    /// `shutdown-timeout` allows), and everything is on disk when this returns.
    ///
    /// # Errors
    /// When the last synchronization with the disk failed.
    pub fn stop(mut self) -> Result<()> {
        let _ = self.control.send(Control::Stop);
        self.join()
    }

    /// Waits until the server has stopped, for whatever reason.
    ///
    /// # Errors
    /// As [`Server::stop`].
    pub fn wait(mut self) -> Result<()> {
        self.join()
    }

    fn join(&mut self) -> Result<()> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(Error::text("ERR the control thread panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.control.send(Control::Stop);
        let _ = self.join();
    }
}

fn listen(settings: &Settings, ports: Ports) -> std::result::Result<(Listeners, Addresses), String> {
    let backlog = i32::try_from(settings.tcp_backlog).unwrap_or(i32::MAX);
    let mut listeners = Listeners::default();
    let mut addresses = Addresses::default();
    let of_manner = [
        (ports.tcp, Manner::Plain, &mut addresses.tcp),
        (ports.tls, Manner::Tls, &mut addresses.tls),
        (ports.text, Manner::Text, &mut addresses.text),
    ];
    for (port, manner, addresses) in of_manner {
        let Some(port) = port else { continue };
        for listener in listen::tcp(&settings.bind, port, backlog)? {
            addresses.extend(listener.local_addr());
            listeners.tcp.push((listener, manner));
        }
    }
    if !settings.unixsocket.is_empty() {
        let path = PathBuf::from(&settings.unixsocket);
        listeners.unix = Some(listen::unix(&path, settings.unixsocketperm, backlog)?);
        addresses.unix = Some(path);
    }
    if listeners.tcp.is_empty() && listeners.unix.is_none() {
        return Err("Configured to not listen anywhere, exiting.".into());
    }
    Ok((listeners, addresses))
}

/// The threads of a server, as the control thread holds them.
struct Started {
    shared: Arc<Shared>,
    workers: Vec<Mailbox>,
    threads: Vec<JoinHandle<()>>,
    addresses: Addresses,
}

impl Started {
    fn run(
        mut self,
        listeners: Listeners,
        workers: usize,
        inbox: mpsc::UnboundedReceiver<Control>,
    ) -> Result<(JoinHandle<Result<()>>, Addresses)> {
        let failed = |error| Error::err(format!("cannot start the server's threads: {error}"));
        for number in 0..workers {
            let (mailbox, messages) = mpsc::unbounded_channel();
            self.threads.push(worker::start(number, self.shared.clone(), messages).map_err(failed)?);
            self.workers.push(mailbox);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let addresses = self.addresses.clone();
        let thread = std::thread::Builder::new()
            .name("control".into())
            .spawn(move || LocalSet::new().block_on(&runtime, self.control(listeners, inbox)))
            .map_err(failed)?;
        Ok((thread, addresses))
    }

    async fn control(self, listeners: Listeners, mut inbox: mpsc::UnboundedReceiver<Control>) -> Result<()> {
        let background = Background::start(self.shared.clone());
        let accepting = self.accept(listeners);
        // None: the server's handle is gone.
        let _: Option<Control> = inbox.recv().await;
        tracing::info!("stopping: no new clients from here on");
        for acceptor in accepting {
            acceptor.abort();
            // Its listener is closed when this returns.
            let _ = acceptor.await;
        }
        self.stop(background)
    }

    fn accept(&self, listeners: Listeners) -> Vec<tokio::task::JoinHandle<()>> {
        let dealer = Dealer::new(self.shared.clone(), self.workers.clone());
        let mut tasks = Vec::new();
        for (listener, manner) in listeners.tcp {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => {
                    tasks.push(tokio::task::spawn_local(dealer.clone().accept_tcp(listener, manner)))
                }
                Err(error) => tracing::error!("a listening socket cannot be used: {error}"),
            }
        }
        match listeners.unix.map(tokio::net::UnixListener::from_std) {
            Some(Ok(listener)) => tasks.push(tokio::task::spawn_local(dealer.accept_unix(listener))),
            Some(Err(error)) => tracing::error!("the Unix socket cannot be used: {error}"),
            None => {}
        }
        tasks
    }

    fn stop(self, background: Background) -> Result<()> {
        for worker in &self.workers {
            let _ = worker.send(Message::Stop);
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
        self.shared.pool.close();
        background.stop();
        if let Some(path) = &self.addresses.unix {
            let _ = std::fs::remove_file(path);
        }
        self.shared.instance.keyspace.engine().sync()?;
        tracing::info!("everything is on disk, bye");
        Ok(())
    }
}
