//! The option that makes a request harmless to repeat.

/// An idempotency key.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RequestKey {
    /// Idempotency key: the same request under the same key is carried out once
    #[arg(
        long,
        value_name = "KEY",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) request_id: String,
}
