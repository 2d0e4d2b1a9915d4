//! What callers send: path, query, body and headers, read into messages of the gRPC API.

pub(crate) mod accept;
pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod fields;
pub(crate) mod filter;
pub(crate) mod list;
mod messages;
pub(crate) mod path;
pub(crate) mod query;
pub(crate) mod schema;
