//! Clients that are told of every command that runs (`MONITOR`).

use super::clients::{Client, ClientFlag};
use crate::protocol::{Message, Reply};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// All of them.
#[derive(Default)]
pub struct Monitors {
    clients: Mutex<Vec<Arc<Client>>>,
    count: AtomicUsize,
}

impl Monitors {
    /// Whether nobody is to be told. One load.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Tells a client from here on. Nothing happens if it is told already.
    pub fn enter(&self, client: &Arc<Client>) {
        let clients = &mut *self.clients.lock();
        if !clients.iter().any(|other| other.id == client.id) {
            clients.push(client.clone());
            client.set_flag(ClientFlag::Monitor, true);
            self.count.store(clients.len(), Ordering::Release);
        }
    }

    /// Tells a client no more. Nothing happens if it was not told.
    pub fn leave(&self, client: &Client) {
        if !client.has_flag(ClientFlag::Monitor) {
            return;
        }
        let clients = &mut *self.clients.lock();
        clients.retain(|other| other.id != client.id);
        client.set_flag(ClientFlag::Monitor, false);
        self.count.store(clients.len(), Ordering::Release);
    }

    /// Tells everybody. O(clients).
    pub fn tell(&self, line: String) {
        let line = Message::new(Reply::Simple(line.into()));
        self.clients.lock().iter().for_each(|client| client.deliver(line.clone()));
    }
}
