//! What the Redis types mean: functions over transactions. No command names, no replies.

pub mod string;
