//! One function a call: the request to the gRPC API, and its answer in REST's shape.

pub(crate) mod clusters;
pub(crate) mod commands;
pub(crate) mod download;
pub(crate) mod operations;
pub(crate) mod parts;
pub(crate) mod system;
pub(crate) mod tasks;
