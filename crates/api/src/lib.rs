//! The wire: code generated from `proto/`, its file descriptor set, and how messages are encoded. Nothing else.

mod codec;
mod task_changes;

/// `slacktide.v1`: clusters, tasks and the services over them.
#[allow(missing_docs, unreachable_pub, clippy::all)]
pub mod v1 {
    tonic::include_proto!("slacktide.v1");

    pub use crate::task_changes::TaskChanges;
}

/// The descriptors of `proto/`, encoded, comments included: what reflection serves and the JSON mapping reads.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/slacktide.bin"));
