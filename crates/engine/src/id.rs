//! Identifiers, one type a kind. All are int64, as the contract has them (`docs/contract.md`).

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A cluster in slacktide; not the cluster id of OceanBase itself.
    ClusterId;
    /// A zone.
    ZoneId;
    /// A server.
    ServerId;
    /// A task.
    TaskId;
    /// A subtask. Unique over all tasks.
    SubtaskId;
    /// A user.
    UserId;
}
