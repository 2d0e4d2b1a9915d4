//! Trace context: where a trace begins, and how it travels (W3C `traceparent`).
//!
//! A trace that begins here has an id whose upper 64 bits are zero, so the 16 digits that an answer shows
//! as `traceId` are the whole id and find the trace in any backend.

mod ids;

use std::collections::HashMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{TraceContextExt, TraceId, TracerProvider},
};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider, TracerProviderBuilder},
};
use tracing::{Level, Metadata, Span, Subscriber, error_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

/// Target of the spans that carry ids.
pub(crate) const TARGET: &str = module_path!();

/// A caller's own trace id, as OCP's clients send it.
const X_TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

const TRACEPARENT: &str = "traceparent";

/// The span of one request, with `protocol`, `method` and `trace_id` on every log line inside it.
///
/// Its trace is the one of a W3C `traceparent`; else the one that `x-trace-id` names, if that is exactly
/// 16 or 32 hexadecimal digits; else a new one. `method` must be bounded: the route's template or the RPC's
/// name, never a path with ids in it.
pub fn request_span(protocol: &'static str, method: &str, headers: &HeaderMap) -> Span {
    let origin = Origin::of_parent(&Headers(headers)).unwrap_or_else(|| {
        let named = headers.get(X_TRACE_ID).and_then(|id| id.to_str().ok());
        Origin::Root(named.and_then(ids::parse).unwrap_or_else(ids::originate))
    });
    // ERROR is not a judgement: at that level no log filter takes the ids off a line.
    let span = error_span!(
        target: TARGET, parent: None, "request",
        protocol, method, trace_id = ids::short(origin.trace_id()),
    );
    origin.begin(&span, method);
    span
}

/// The span of one run of a subtask. `traceparent` is the task row's, so the run belongs to the trace of
/// the request that asked for the task; without one it begins a trace.
pub fn run_span(
    traceparent: Option<&str>,
    task_id: i64,
    subtask_id: i64,
    name: &str,
    epoch: i64,
) -> Span {
    let origin = traceparent
        .and_then(|parent| {
            let carrier = HashMap::from([(TRACEPARENT.to_owned(), parent.to_owned())]);
            Origin::of_parent(&carrier)
        })
        .unwrap_or_else(|| Origin::Root(ids::originate()));
    let span = error_span!(
        target: TARGET, parent: None, "run",
        task_id, subtask_id, subtask = name, epoch, trace_id = ids::short(origin.trace_id()),
    );
    origin.begin(&span, name);
    span
}

/// The span's trace as an answer shows it: 16 lower-case hexadecimal digits, the lower half of the id.
///
/// Without a subscriber a span has no trace; each call then makes up an id, so keep the first one.
pub fn trace_id(span: &Span) -> String {
    let context = span.context();
    let trace_id = match context.span().span_context().trace_id() {
        TraceId::INVALID => ids::originate(),
        known => known,
    };
    ids::short(trace_id)
}

/// The span as a W3C `traceparent`, to be stored with work that others will do. None without a subscriber.
pub fn traceparent(span: &Span) -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Writes the span into the headers (or gRPC metadata) of a call that is made inside it.
pub fn inject(span: &Span, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&span.context(), &mut HeadersMut(headers));
}

/// Gives spans their ids. Where traces are exported it takes in this project's own spans and events from
/// INFO up; else only the spans that carry a context from hop to hop.
pub(crate) fn layer<S>(provider: &SdkTracerProvider, exporting: bool) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let wanted = move |metadata: &Metadata<'_>| {
        let own = exporting
            && *metadata.level() <= Level::INFO
            && metadata.target().starts_with("slacktide");
        own || (metadata.is_span() && metadata.target() == TARGET)
    };
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("slacktide"))
        .with_context_activation(false)
        .with_tracked_inactivity(false)
        .with_location(false)
        .with_threads(false)
        .with_filter(filter_fn(wanted))
}

/// A provider with this project's ids. Without an exporter it records nothing, but a caller's wish to have
/// its trace sampled still travels on.
pub(crate) fn provider_builder(exporting: bool) -> TracerProviderBuilder {
    let root = if exporting {
        Sampler::AlwaysOn
    } else {
        Sampler::AlwaysOff
    };
    SdkTracerProvider::builder()
        .with_id_generator(ids::Generator::default())
        .with_sampler(Sampler::ParentBased(Box::new(root)))
}

/// Where a span's trace comes from.
enum Origin {
    /// From a caller's span.
    Parent(Context),
    /// It begins here, under this id.
    Root(TraceId),
}

impl Origin {
    fn of_parent(carrier: &dyn Extractor) -> Option<Self> {
        let context = TraceContextPropagator::new().extract_with_context(&Context::new(), carrier);
        let valid = context.span().span_context().is_valid();
        valid.then_some(Self::Parent(context))
    }

    fn trace_id(&self) -> TraceId {
        match self {
            Self::Parent(context) => context.span().span_context().trace_id(),
            Self::Root(trace_id) => *trace_id,
        }
    }

    /// Fixes the span's ids, and names it in the exported trace.
    fn begin(self, span: &Span, name: &str) {
        let begun = match self {
            Self::Parent(context) => {
                // Refused only where there is no layer to take it, and then there is no trace at all.
                let _ = span.set_parent(context);
                span.context()
            }
            Self::Root(trace_id) => ids::with_root(trace_id, || span.context()),
        };
        begun.span().update_name(name.to_owned());
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests;
