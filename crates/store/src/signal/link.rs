//! Keeps a link to the other processes: carries wake-ups while it holds, and makes it anew when it breaks.

use std::time::Duration;

use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};

use super::{local::Local, message, outgoing::Outbox};
use crate::error::StoreError;

/// How long anything may take that is sent over a link, or the making of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// After how long without a message a link is tried: one that lost its other end may say nothing for minutes.
const SILENCE: Duration = Duration::from_secs(10);

/// How long the first new attempt waits after a link broke. Later ones wait twice as long each, up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Why wake-ups can't be shared.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address is none.
    #[error("{url:?} is no address of a NATS server: {reason}; write nats://HOST:PORT")]
    Address {
        /// What was given, without a password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What ended a link, for the log.
pub(super) type Broken = Box<dyn std::error::Error + Send + Sync>;

/// A way to the other processes.
pub(super) trait Link: Send + 'static {
    /// What it is called in the log.
    const NAME: &'static str;
    type Session: Session;

    fn connect(&self) -> impl Future<Output = Result<Self::Session, Broken>> + Send;
}

/// A link that holds.
pub(super) trait Session: Send {
    /// Sends a message to all other processes.
    fn publish(&mut self, message: String) -> impl Future<Output = Result<(), Broken>> + Send;

    /// The next message of another process. What was received is not lost if this is given up.
    fn receive(&mut self) -> impl Future<Output = Result<String, Broken>> + Send;

    /// Fails if the other end is gone.
    fn check(&mut self) -> impl Future<Output = Result<(), Broken>> + Send;
}

/// Keeps a link until nobody can send wake-ups any more. Tells when the first attempt is over, whatever its end.
pub(super) async fn keep<L: Link>(
    link: L,
    local: Local,
    mut outbox: Outbox,
    tried: oneshot::Sender<()>,
) {
    let mut tried = Some(tried);
    let mut delay = SHORTEST;
    let mut told = false;
    loop {
        let broken = match in_time(link.connect()).await {
            Ok(mut session) => {
                if told {
                    tracing::info!(link = L::NAME, "wake-ups from other processes arrive again");
                }
                (told, delay) = (false, SHORTEST);
                // Nobody knows what was sent before.
                local.deliver_all();
                tried.take().map(|tried| tried.send(()));
                match carry(&mut session, &local, &mut outbox).await {
                    Ok(()) => return,
                    Err(broken) => {
                        outbox.lose();
                        broken
                    }
                }
            }
            Err(broken) => broken,
        };
        tried.take().map(|tried| tried.send(()));
        if !told {
            tracing::warn!(
                link = L::NAME,
                error = %broken,
                "wake-ups from other processes do not arrive, so changes are seen later; trying again until they do"
            );
            told = true;
        }
        tokio::select! {
            () = closed(&mut outbox) => return,
            () = sleep(delay) => {}
        }
        delay = (delay * 2).min(LONGEST);
    }
}

/// Carries wake-ups in both directions until the link breaks (an error) or is not needed any more.
async fn carry(
    session: &mut impl Session,
    local: &Local,
    outbox: &mut Outbox,
) -> Result<(), Broken> {
    // What came up while there was no link.
    publish(session, outbox).await?;
    loop {
        tokio::select! {
            needed = outbox.wait() => {
                publish(session, outbox).await?;
                if !needed {
                    return Ok(());
                }
            }
            message = session.receive() => message::deliver(&message?, local),
            () = sleep(SILENCE) => in_time(session.check()).await?,
        }
    }
}

async fn publish(session: &mut impl Session, outbox: &Outbox) -> Result<(), Broken> {
    let pending = outbox.take();
    if pending.is_empty() {
        return Ok(());
    }
    for message in message::write(&pending) {
        in_time(session.publish(message)).await?;
    }
    Ok(())
}

async fn closed(outbox: &mut Outbox) {
    while outbox.wait().await {}
}

async fn in_time<T>(work: impl Future<Output = Result<T, Broken>>) -> Result<T, Broken> {
    match timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(format!("no answer within {PATIENCE:?}").into()),
    }
}

#[cfg(test)]
mod tests;
