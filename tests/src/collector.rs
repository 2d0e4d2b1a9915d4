use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// A collector that keeps the spans which it receives by OTLP over gRPC. Ends on drop.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    received: Received,
    _server: JoinSet<Result<(), tonic::transport::Error>>,
}

/// A span as it was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedSpan {
    /// What was done.
    pub name: String,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// Id of the span in which this one was begun; empty for a root.
    pub parent: String,
    /// Details, each value as text.
    pub attributes: BTreeMap<String, String>,
    /// Attributes of the program that exported the span.
    pub resource: BTreeMap<String, String>,
}

impl Collector {
    /// Starts to listen on a free port of the loopback interface.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("listen for spans")?;
        let address = listener.local_addr()?;
        let received = Received::default();
        let service = TraceServiceServer::new(received.clone());
        let serving = Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpIncoming::from(listener));
        let mut server = JoinSet::new();
        server.spawn(serving);
        Ok(Self {
            address,
            received,
            _server: server,
        })
    }

    /// Where to export to.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans so far, in the order in which they arrived.
    #[must_use]
    pub fn spans(&self) -> Vec<ExportedSpan> {
        let of_resource = |exported: ResourceSpans| {
            let attributes = exported.resource.unwrap_or_default().attributes;
            let resource = texts(&attributes);
            let spans = exported
                .scope_spans
                .into_iter()
                .flat_map(|scope| scope.spans);
            spans
                .map(|span| exported_span(span, resource.clone()))
                .collect::<Vec<_>>()
        };
        self.received
            .all()
            .into_iter()
            .flat_map(of_resource)
            .collect()
    }

    /// Whatever arrived so far, events and all, as one text to search for what must not be in it.
    #[must_use]
    pub fn everything(&self) -> String {
        format!("{:?}", self.received.all())
    }
}

#[derive(Clone, Debug, Default)]
struct Received(Arc<Mutex<Vec<ResourceSpans>>>);

impl Received {
    fn all(&self) -> Vec<ResourceSpans> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(request.into_inner().resource_spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn exported_span(span: Span, resource: BTreeMap<String, String>) -> ExportedSpan {
    ExportedSpan {
        name: span.name,
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent: hex(&span.parent_span_id),
        attributes: texts(&span.attributes),
        resource,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| match attribute.value.clone().and_then(|any| any.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes
        .iter()
        .map(|attribute| (attribute.key.clone(), text(attribute)))
        .collect()
}
