//! NATS carries wake-ups by plain publish and subscribe: nothing is stored, nothing is confirmed.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Message, ServerAddr, Subscriber};
use futures::StreamExt as _;
use tokio::sync::mpsc;

use super::link::{Broken, Link, LinkError, Session};

/// How often the client asks a silent server whether it is there. It takes the second silence for its end.
const PING: Duration = Duration::from_secs(5);

pub(super) struct NatsLink {
    servers: Vec<ServerAddr>,
    subject: String,
}

pub(super) struct NatsSession {
    client: Client,
    subscriber: Subscriber,
    /// The subject of what this process sends. It comes back, too.
    own: String,
    /// The first that says that messages are lost.
    lost: mpsc::UnboundedReceiver<Event>,
}

impl NatsLink {
    /// To the servers of a list of addresses, with commas between.
    pub(super) fn new(urls: &str, identity: i64) -> Result<Self, LinkError> {
        let servers = urls.split(',').map(|url| {
            let address = url.trim().parse::<ServerAddr>();
            address.map_err(|error| LinkError::Address {
                url: without_password(url),
                reason: error.to_string(),
            })
        });
        Ok(Self {
            servers: servers.collect::<Result<_, _>>()?,
            subject: format!("slacktide.{identity:x}"),
        })
    }
}

impl Link for NatsLink {
    const NAME: &'static str = "NATS";
    type Session = NatsSession;

    async fn connect(&self) -> Result<NatsSession, Broken> {
        let (tell, lost) = mpsc::unbounded_channel();
        let client = ConnectOptions::new()
            .name("slacktide wake-ups")
            .ping_interval(PING)
            // A client that connects again by itself does not say what it missed; this link does.
            .max_reconnects(1)
            .event_callback(move |event| {
                let loses = matches!(
                    event,
                    Event::Disconnected | Event::Closed | Event::SlowConsumer(_)
                );
                if loses {
                    let _ = tell.send(event);
                }
                std::future::ready(())
            })
            .connect(self.servers.as_slice())
            .await?;
        let subscriber = client.subscribe(format!("{}.*", self.subject)).await?;
        let mut session = NatsSession {
            client,
            subscriber,
            own: format!("{}.{:x}", self.subject, getrandom::u64()?),
            lost,
        };
        session.hear_oneself().await?;
        Ok(session)
    }
}

impl NatsSession {
    /// The server confirms no subscription. Once this process hears itself, it hears the others, too.
    async fn hear_oneself(&mut self) -> Result<(), Broken> {
        self.publish(String::new()).await?;
        while self.next().await?.subject.as_str() != self.own {}
        Ok(())
    }

    async fn next(&mut self) -> Result<Message, Broken> {
        tokio::select! {
            Some(event) = self.lost.recv() => Err(event.to_string().into()),
            message = self.subscriber.next() => {
                message.ok_or_else(|| "the connection was closed".into())
            }
        }
    }
}

impl Session for NatsSession {
    async fn publish(&mut self, message: String) -> Result<(), Broken> {
        self.client
            .publish(self.own.clone(), message.into())
            .await?;
        Ok(self.client.flush().await?)
    }

    async fn receive(&mut self) -> Result<String, Broken> {
        loop {
            let message = self.next().await?;
            if message.subject.as_str() != self.own {
                return Ok(String::from_utf8_lossy(&message.payload).into_owned());
            }
        }
    }

    /// The client asks the server by itself, and tells of its end.
    async fn check(&mut self) -> Result<(), Broken> {
        Ok(())
    }
}

/// For messages: what may be a user and a password is left out.
fn without_password(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_refused_without_its_password() {
        let refused = NatsLink::new("http://me:secret@host:4222", 1).map(|_| ());
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("host:4222"), "{text}");
        assert!(!text.contains("secret"), "{text}");
        assert!(NatsLink::new("nats://one:4222, nats://two:4222", 1).is_ok());
    }
}
