//! Trace ids: made here, read from callers, and shown.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

thread_local! {
    /// The id that the next root span on this thread takes.
    static ROOT: Cell<Option<TraceId>> = const { Cell::new(None) };
}

/// A new trace id: upper half zero, lower half random and not zero.
pub(super) fn originate() -> TraceId {
    // A span id is exactly that: 64 random bits, not all zero.
    let lower = RandomIdGenerator::default().new_span_id();
    TraceId::from(u128::from(u64::from_be_bytes(lower.to_bytes())))
}

/// Reads a trace id of exactly 16 or 32 hexadecimal digits. Zero is none.
pub(super) fn parse(digits: &str) -> Option<TraceId> {
    let all_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !all_hex || !matches!(digits.len(), 16 | 32) {
        return None;
    }
    let trace_id = TraceId::from(u128::from_str_radix(digits, 16).ok()?);
    (trace_id != TraceId::INVALID).then_some(trace_id)
}

/// The lower half as 16 lower-case hexadecimal digits.
pub(super) fn short(trace_id: TraceId) -> String {
    let [.., a, b, c, d, e, f, g, h] = trace_id.to_bytes();
    format!("{:016x}", u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

/// Runs `begin`, in which a root span gets `trace_id`. The SDK takes a root's id from its generator alone.
pub(super) fn with_root<T>(trace_id: TraceId, begin: impl FnOnce() -> T) -> T {
    ROOT.set(Some(trace_id));
    let begun = begin();
    ROOT.set(None);
    begun
}

/// Gives a root span the id that [`with_root`] names, else a new one.
#[derive(Debug, Default)]
pub(super) struct Generator(RandomIdGenerator);

impl IdGenerator for Generator {
    fn new_trace_id(&self) -> TraceId {
        ROOT.get().unwrap_or_else(originate)
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}
