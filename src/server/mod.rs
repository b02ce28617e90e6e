//! The server: sockets, threads and everything asynchronous. From `commands` down it is plain
//! functions.
//!
//! One control thread accepts clients and deals them to the workers; each worker is a thread with
//! an event loop of its own, where each client is a task (`connection`). Replies that speak of
//! commits leave after one flush per turn of the loop (`turn`). What would wait for the disk runs
//! on a pool of threads (`pool`).

mod accept;
mod certificate;
mod connection;
mod executor;
mod flusher;
mod follow;
mod listen;
mod options;
mod plan;
mod pool;
mod requests;
mod shared;
mod stream;
mod tls;
mod turn;
mod worker;

use crate::api::Db;
use crate::error::{Error, Result};
use accept::{Acceptors, Dealer};
use flusher::Flusher;
use follow::{Follower, Rebind};
use options::Options;
pub use plan::{Addresses, Ports};
use plan::{Listeners, Plan};
use shared::Shared;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use worker::{Mailbox, Message};

/// What the control thread is told.
enum Control {
    /// `bind` or a port was changed: these listeners go and these come.
    Rebind(Rebind),
    Stop,
}

/// A server that runs. Dropping it stops the server.
pub struct Server {
    addresses: Addresses,
    control: mpsc::UnboundedSender<Control>,
    thread: Option<JoinHandle<Result<()>>>,
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
        instance.start_background()?;
        let settings = instance.settings();
        let options = Options::new(&settings);
        let workers = options.workers;
        let flusher = Flusher::start(instance.clone()).map_err(no_threads)?;
        let shared = Arc::new(Shared::new(instance, flusher, options));
        if let Some(tls) = options::tls(&settings) {
            shared.tls.replace(tls::server_config(&tls).map_err(Error::err)?);
        }
        let plan = Plan::new(&settings, ports);
        let (listeners, addresses) = plan.listen(&settings).map_err(Error::err)?;
        let (control, inbox) = mpsc::unbounded_channel();
        let on_shutdown = control.clone();
        shared.instance.lifecycle.on_shutdown(move || drop(on_shutdown.send(Control::Stop)));
        let follower = Follower::new(&shared, plan, control.clone());
        shared.instance.on_settings_change(Box::new(move |old, new| follower.changed(old, new)));
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

fn no_threads(error: std::io::Error) -> Error {
    Error::err(format!("cannot start the server's threads: {error}"))
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
        for number in 0..workers {
            let (mailbox, messages) = mpsc::unbounded_channel();
            self.threads.push(worker::start(number, self.shared.clone(), messages).map_err(no_threads)?);
            self.workers.push(mailbox);
        }
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_threads)?;
        let addresses = self.addresses.clone();
        let thread = std::thread::Builder::new()
            .name("control".into())
            .spawn(move || LocalSet::new().block_on(&runtime, self.control(listeners, inbox)))
            .map_err(no_threads)?;
        Ok((thread, addresses))
    }

    async fn control(self, listeners: Listeners, mut inbox: mpsc::UnboundedReceiver<Control>) -> Result<()> {
        let mut acceptors = Acceptors::new(Dealer::new(self.shared.clone(), self.workers.clone()));
        acceptors.start(listeners);
        // None: the server's handle is gone.
        while let Some(Control::Rebind(rebind)) = inbox.recv().await {
            acceptors.stop(|listening| rebind.gone.contains(listening)).await;
            acceptors.start(rebind.come);
        }
        tracing::info!("stopping: no new clients from here on");
        acceptors.stop_all().await;
        self.stop()
    }

    fn stop(self) -> Result<()> {
        for worker in &self.workers {
            let _ = worker.send(Message::Stop);
        }
        let running = &self.shared.instance.running;
        if running.busy().is_some() {
            // It may never end.
            running.end_all();
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
        // The others had the time that clients have.
        self.shared.instance.running.end_all();
        self.shared.pool.close();
        self.shared.flusher.stop();
        if let Some(path) = &self.addresses.unix {
            let _ = std::fs::remove_file(path);
        }
        self.shared.instance.keyspace.engine().sync()?;
        tracing::info!("everything is on disk, bye");
        Ok(())
    }
}
