//! What the Redis types mean: functions over transactions. No command names, no replies.

pub mod digest;
pub mod hyperloglog;
pub mod key;
pub mod pages;
pub mod string;
pub mod tree;
pub mod walk;
