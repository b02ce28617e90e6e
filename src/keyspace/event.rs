//! What a commit tells the observers.

use crate::keyspace::DbIndex;
use crate::storage::Seq;
use bytes::Bytes;
use smallvec::SmallVec;

/// The number of a client connection; 0 is the server itself.
pub type ClientId = u64;

/// The classes of keyspace notifications, one letter each in `notify-keyspace-events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventClass {
    Generic,
    String,
    List,
    Set,
    Hash,
    SortedSet,
    Stream,
    Array,
    Module,
    Expired,
    Evicted,
    /// Not among them: the value is another one only in how it is kept.
    Unpublished,
}

/// What happened to a key, in the words of Redis' keyspace notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    pub class: EventClass,
    pub name: &'static str,
}

impl Event {
    /// An event of the class and name.
    pub const fn new(class: EventClass, name: &'static str) -> Event {
        Event { class, name }
    }

    pub const DEL: Event = Event::new(EventClass::Generic, "del");
    pub const EXPIRE: Event = Event::new(EventClass::Generic, "expire");
    pub const PERSIST: Event = Event::new(EventClass::Generic, "persist");
    pub const RENAME_FROM: Event = Event::new(EventClass::Generic, "rename_from");
    pub const RENAME_TO: Event = Event::new(EventClass::Generic, "rename_to");
    pub const MOVE_FROM: Event = Event::new(EventClass::Generic, "move_from");
    pub const MOVE_TO: Event = Event::new(EventClass::Generic, "move_to");
    pub const COPY_TO: Event = Event::new(EventClass::Generic, "copy_to");
    pub const RESTORE: Event = Event::new(EventClass::Generic, "restore");
    pub const EXPIRED: Event = Event::new(EventClass::Expired, "expired");
    pub const EVICTED: Event = Event::new(EventClass::Evicted, "evicted");
    pub const SET: Event = Event::new(EventClass::String, "set");
    pub const APPEND: Event = Event::new(EventClass::String, "append");
    pub const SETRANGE: Event = Event::new(EventClass::String, "setrange");
    pub const SETBIT: Event = Event::new(EventClass::String, "setbit");
    pub const INCRBY: Event = Event::new(EventClass::String, "incrby");
    pub const INCRBYFLOAT: Event = Event::new(EventClass::String, "incrbyfloat");
    pub const SADD: Event = Event::new(EventClass::Set, "sadd");
    pub const SREM: Event = Event::new(EventClass::Set, "srem");
    pub const SPOP: Event = Event::new(EventClass::Set, "spop");
    pub const SINTERSTORE: Event = Event::new(EventClass::Set, "sinterstore");
    pub const SUNIONSTORE: Event = Event::new(EventClass::Set, "sunionstore");
    pub const SDIFFSTORE: Event = Event::new(EventClass::Set, "sdiffstore");
    pub const HSET: Event = Event::new(EventClass::Hash, "hset");
    pub const HDEL: Event = Event::new(EventClass::Hash, "hdel");
    pub const HINCRBY: Event = Event::new(EventClass::Hash, "hincrby");
    pub const HINCRBYFLOAT: Event = Event::new(EventClass::Hash, "hincrbyfloat");
    pub const HEXPIRE: Event = Event::new(EventClass::Hash, "hexpire");
    pub const HEXPIRED: Event = Event::new(EventClass::Hash, "hexpired");
    pub const HPERSIST: Event = Event::new(EventClass::Hash, "hpersist");
    pub const LPUSH: Event = Event::new(EventClass::List, "lpush");
    pub const RPUSH: Event = Event::new(EventClass::List, "rpush");
    pub const LPOP: Event = Event::new(EventClass::List, "lpop");
    pub const RPOP: Event = Event::new(EventClass::List, "rpop");
    pub const LINSERT: Event = Event::new(EventClass::List, "linsert");
    pub const LSET: Event = Event::new(EventClass::List, "lset");
    pub const LREM: Event = Event::new(EventClass::List, "lrem");
    pub const SORTSTORE: Event = Event::new(EventClass::List, "sortstore");
    pub const LTRIM: Event = Event::new(EventClass::List, "ltrim");
    pub const ZADD: Event = Event::new(EventClass::SortedSet, "zadd");
    pub const ZINCR: Event = Event::new(EventClass::SortedSet, "zincr");
    pub const ZREM: Event = Event::new(EventClass::SortedSet, "zrem");
    pub const ZREMRANGEBYRANK: Event = Event::new(EventClass::SortedSet, "zremrangebyrank");
    pub const ZREMRANGEBYSCORE: Event = Event::new(EventClass::SortedSet, "zremrangebyscore");
    pub const ZREMRANGEBYLEX: Event = Event::new(EventClass::SortedSet, "zremrangebylex");
    pub const ZPOPMIN: Event = Event::new(EventClass::SortedSet, "zpopmin");
    pub const XADD: Event = Event::new(EventClass::Stream, "xadd");
    pub const XDEL: Event = Event::new(EventClass::Stream, "xdel");
    pub const XTRIM: Event = Event::new(EventClass::Stream, "xtrim");
    pub const XCFGSET: Event = Event::new(EventClass::Stream, "xcfgset");
    pub const XSETID: Event = Event::new(EventClass::Stream, "xsetid");
    pub const XGROUP_CREATE: Event = Event::new(EventClass::Stream, "xgroup-create");
    pub const XGROUP_CREATECONSUMER: Event = Event::new(EventClass::Stream, "xgroup-createconsumer");
    pub const XGROUP_DELCONSUMER: Event = Event::new(EventClass::Stream, "xgroup-delconsumer");
    pub const XGROUP_DESTROY: Event = Event::new(EventClass::Stream, "xgroup-destroy");
    pub const XGROUP_SETID: Event = Event::new(EventClass::Stream, "xgroup-setid");
    pub const ZPOPMAX: Event = Event::new(EventClass::SortedSet, "zpopmax");
    pub const ARSET: Event = Event::new(EventClass::Array, "arset");
    pub const ARMSET: Event = Event::new(EventClass::Array, "armset");
    pub const ARDEL: Event = Event::new(EventClass::Array, "ardel");
    pub const ARDELRANGE: Event = Event::new(EventClass::Array, "ardelrange");
    pub const ARINSERT: Event = Event::new(EventClass::Array, "arinsert");
    pub const ARRING: Event = Event::new(EventClass::Array, "arring");
    pub const ARSEEK: Event = Event::new(EventClass::Array, "arseek");
}

/// One thing that happened to one key. A key may appear more than once in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub db: DbIndex,
    pub key: Bytes,
    pub event: Event,
    pub before: Before,
}

/// What was under a key before a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    Nothing,
    /// A value of the same type, if the key has one afterwards.
    Value,
    OtherType,
}

/// What happened in one commit, in order. Most commands change one key, which needs no allocation.
pub type Changes = SmallVec<[Change; 1]>;

/// Everything one command, or one transaction, changed.
#[derive(Debug)]
pub struct Commit {
    pub seq: Seq,
    pub origin: ClientId,
    pub changes: Changes,
    /// Databases whose whole content was emptied or exchanged.
    pub replaced: Vec<DbIndex>,
    /// Whether databases were emptied, if only of nothing.
    pub flushes: bool,
}

/// Told of every commit, and of a flush that found nothing to commit: in order per key, before the key is unlocked, before anyone is answered.
/// It never blocks, and never writes.
pub trait Observer: Send + Sync {
    fn committed(&self, commit: &Commit);

    /// A key that was to be read is not there. Told only while [`crate::keyspace::Keyspace::tells_misses`].
    fn missed(&self, _db: DbIndex, _key: &Bytes) {}
}
