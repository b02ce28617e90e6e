//! What the Redis types mean: functions over transactions. No command names, no replies.

pub mod array;
pub mod check;
pub mod dense;
pub mod digest;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
pub mod key;
pub mod list;
pub mod pages;
pub mod set;
pub mod sort;
pub mod sorted_set;
pub mod stream;
pub mod string;
pub mod tree;
pub mod walk;
