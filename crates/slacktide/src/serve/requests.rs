//! The requests of one connection: whether one is open, and since when none is.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;

/// The requests of one connection. Clones count together.
#[derive(Clone)]
pub(super) struct Requests(Arc<Mutex<Counts>>);

struct Counts {
    open: usize,
    begun: u64,
    idle_since: Instant,
}

/// A request that is open until this is dropped.
pub(super) struct OpenRequest(Requests);

impl Requests {
    /// Those of a new connection: none.
    pub(super) fn none() -> Self {
        Self(Arc::new(Mutex::new(Counts {
            open: 0,
            begun: 0,
            idle_since: Instant::now(),
        })))
    }

    /// Counts one that begins.
    pub(super) fn begin(&self) -> OpenRequest {
        let mut counts = self.counts();
        counts.open += 1;
        counts.begun += 1;
        drop(counts);
        OpenRequest(self.clone())
    }

    /// How many have begun so far.
    pub(super) fn begun(&self) -> u64 {
        self.counts().begun
    }

    /// Since when there is none. `None` while one is open.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let counts = self.counts();
        (counts.open == 0).then_some(counts.idle_since)
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Each change is whole before anything could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut counts = self.0.counts();
        counts.open = counts.open.saturating_sub(1);
        counts.idle_since = Instant::now();
    }
}

/// The body of an answer. Its request is open until all of it is handed over, or nobody wants it any more.
pub(super) struct Answer<B> {
    body: B,
    _request: OpenRequest,
}

impl<B> Answer<B> {
    pub(super) fn new(body: B, request: OpenRequest) -> Self {
        Self {
            body,
            _request: request,
        }
    }
}

impl<B: Body + Unpin> Body for Answer<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
