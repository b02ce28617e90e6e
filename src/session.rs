//! One client's state, no socket.

use crate::keyspace::DbIndex;
use crate::keyspace::event::ClientId;
use crate::storage::{ReadTier, Seq};

pub use crate::protocol::Dialect;

/// What the server knows of one client between two commands.
#[derive(Debug)]
pub struct Session {
    pub id: ClientId,
    pub db: DbIndex,
    pub dialect: Dialect,
    /// Whether the client may do more than authenticate.
    pub authenticated: bool,
    /// The client's last commit, for `WAITAOF`.
    pub last_write: Option<Seq>,
    /// How far the current command may go for its data.
    pub tier: ReadTier,
}

impl Session {
    /// A client that has just arrived.
    pub fn new(id: ClientId) -> Session {
        Session {
            id,
            db: 0,
            dialect: Dialect::Resp2,
            authenticated: true,
            last_write: None,
            tier: ReadTier::Disk,
        }
    }
}
