//! The JSON that callers get, one type a shape.
//!
//! In every type the fields stand in alphabetical order, because that is how they are written; a member
//! whose value is unknown is left out, and an empty list is kept.

pub(crate) mod begun;
pub(crate) mod cluster;
pub(crate) mod info;
pub(crate) mod instance;
pub(crate) mod page;
pub(crate) mod task;
pub(crate) mod word;
