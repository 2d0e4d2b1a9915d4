//! How long a connection may do nothing.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    sync::Semaphore,
    time::{Instant, Sleep, sleep},
};

use super::requests::Requests;
use crate::config::{Grpc, Rest};

/// What a listener bears from those who connect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// How many connections may be open.
    pub(super) connections: usize,
    /// How long the TLS handshake may take, and then what the client must send by itself.
    pub(super) first: Duration,
    /// What that is.
    pub(super) owed: Owed,
    /// How long a connection may be without a request.
    pub(super) idle: Duration,
    /// How long a client may take nothing of what it is sent.
    pub(super) stall: Duration,
}

impl Limits {
    /// Those of the gRPC listener.
    pub(super) fn of_grpc(settings: &Grpc) -> Self {
        Self {
            connections: settings.max_connections,
            first: settings.header_timeout.duration(),
            owed: Owed::FirstBytes,
            idle: settings.idle_timeout.duration(),
            // Who takes nothing answers no probe either.
            stall: settings.keepalive_interval.duration() + settings.keepalive_timeout.duration(),
        }
    }

    /// Those of the REST listener.
    pub(super) fn of_rest(settings: &Rest) -> Self {
        Self {
            connections: settings.max_connections,
            first: settings.header_timeout.duration(),
            owed: Owed::EachHead,
            idle: settings.idle_timeout.duration(),
            stall: settings.idle_timeout.duration(),
        }
    }
}

/// What a client must send in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owed {
    /// The head of each request, once it is begun: HTTP/1.
    EachHead,
    /// The first bytes. From then on the protocol has probes of its own: HTTP/2.
    FirstBytes,
}

/// The patience with one connection.
pub(super) struct Patience {
    limits: Limits,
    requests: Requests,
    slots: Arc<Semaphore>,
    debt: Option<Debt>,
    timer: Pin<Box<Sleep>>,
}

/// Something that the client has not sent yet.
struct Debt {
    since: Instant,
    /// How many requests had begun: with one more it is paid.
    begun: u64,
}

impl Patience {
    /// With a connection that begins now. `slots` are those of its listener.
    pub(super) fn new(limits: Limits, requests: Requests, slots: Arc<Semaphore>) -> Self {
        let debt = Some(Debt {
            since: Instant::now(),
            begun: 0,
        });
        Self {
            limits,
            requests,
            slots,
            debt,
            timer: Box::pin(sleep(limits.first)),
        }
    }

    /// Takes note that the client sent something.
    pub(super) fn received(&mut self) {
        match self.limits.owed {
            Owed::FirstBytes => self.debt = None,
            Owed::EachHead => {
                let begun = self.requests.begun();
                let owes = self.debt.as_ref().is_some_and(|debt| debt.begun == begun);
                if !owes && self.requests.idle_since().is_some() {
                    let since = Instant::now();
                    self.debt = Some(Debt { since, begun });
                }
            }
        }
    }

    /// Whether the patience is over. Wakes the task when it may be.
    pub(super) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            // Looks again before any deadline that may come up until then.
            let mut next = now + self.limits.first;
            if let Some(end) = self.end() {
                if end <= now {
                    return Poll::Ready(());
                }
                next = next.min(end);
            }
            self.timer.as_mut().reset(next);
        }
    }

    /// When the patience is over, unless something happens. `None` while a request is open.
    fn end(&self) -> Option<Instant> {
        let idle = if self.is_crowded() {
            self.limits.idle.min(self.limits.first)
        } else {
            self.limits.idle
        };
        let end = self.requests.idle_since()? + idle;
        let debt = self.debt.as_ref();
        let debt = debt.filter(|debt| debt.begun == self.requests.begun());
        Some(debt.map_or(end, |debt| end.min(debt.since + self.limits.first)))
    }

    /// Whether so many connections are open that those without a request must make room.
    fn is_crowded(&self) -> bool {
        self.slots.available_permits() <= self.limits.connections / 10
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const LIMITS: Limits = Limits {
        connections: 100,
        first: Duration::from_secs(10),
        owed: Owed::EachHead,
        idle: Duration::from_secs(75),
        stall: Duration::from_secs(75),
    };

    fn with(limits: Limits, free: usize) -> (Patience, Requests) {
        let requests = Requests::none();
        let slots = Arc::new(Semaphore::new(free));
        (Patience::new(limits, requests.clone(), slots), requests)
    }

    /// After how many seconds from now the patience is over.
    async fn over(patience: &mut Patience) -> u64 {
        let begin = Instant::now();
        poll_fn(|cx| patience.poll_over(cx)).await;
        // To the millisecond, to which timers are exact.
        (begin.elapsed() + Duration::from_millis(500)).as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_no_request_is_given_up_however_many_bytes_it_sends() {
        let (mut silent, _requests) = with(LIMITS, 100);
        assert_eq!(over(&mut silent).await, 10);

        let (mut dripping, _requests) = with(LIMITS, 100);
        for _ in 0..9 {
            tokio::time::advance(Duration::from_secs(1)).await;
            dripping.received();
        }
        assert_eq!(over(&mut dripping).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_waits_long_for_its_next_request_and_not_for_the_rest_of_one() {
        let (mut kept, requests) = with(LIMITS, 100);
        kept.received();
        drop(requests.begin());
        assert_eq!(over(&mut kept).await, 75);

        let (mut slow, requests) = with(LIMITS, 100);
        slow.received();
        drop(requests.begin());
        tokio::time::advance(Duration::from_secs(30)).await;
        slow.received();
        assert_eq!(over(&mut slow).await, 10);
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_request_may_take_any_time() {
        let (mut patience, requests) = with(LIMITS, 100);
        let open = requests.begin();
        let waiting = tokio::time::timeout(Duration::from_secs(3_600), over(&mut patience));
        waiting.await.unwrap_err();
        drop(open);
        assert_eq!(over(&mut patience).await, 75);
    }

    #[tokio::test(start_paused = true)]
    async fn http2_owes_its_first_bytes_alone() {
        let limits = Limits {
            owed: Owed::FirstBytes,
            ..LIMITS
        };
        assert_eq!(over(&mut with(limits, 100).0).await, 10);
        let (mut patience, _requests) = with(limits, 100);
        patience.received();
        assert_eq!(over(&mut patience).await, 75);
    }

    #[tokio::test(start_paused = true)]
    async fn where_it_is_crowded_idle_connections_make_room() {
        let (mut patience, requests) = with(LIMITS, 10);
        patience.received();
        drop(requests.begin());
        assert_eq!(over(&mut patience).await, 10);
    }
}
