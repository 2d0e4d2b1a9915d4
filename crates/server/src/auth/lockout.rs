//! Who has to wait after too many failed attempts to sign in.
//!
//! Failures count per user and per client address. A pair of both that has signed in is judged by its own failures
//! alone: whoever guesses a user's password, from wherever, does not keep the user out of where the user is at home.
//! A success wipes no count away, or a guesser would have a try for each call of the user. Counts lie in this
//! process: a guess must not cost the database a write.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How many failures are too many: OCP's number, for users and for clients.
const TOO_MANY: u32 = 20;

/// How long a user is waited for after the last failure, as in OCP.
const USER_WAITS: Duration = Duration::from_secs(30 * 60);

/// How long a client, or a user where the user is at home, has to wait, as in OCP.
const CLIENT_WAITS: Duration = Duration::from_secs(10 * 60);

/// How many names, and how many addresses, are kept an eye on. Beyond this the oldest is forgotten.
const MOST: usize = 10_000;

/// From how many addresses a user is known at most.
const MOST_HOMES: usize = 64;

/// The network of a caller; none for callers in this process who name none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Client(Option<IpAddr>);

impl Client {
    /// Of IPv6 the network of 64 bits, in which one machine has any address that it likes.
    pub(crate) fn of(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| match address.to_canonical() {
            IpAddr::V6(v6) => {
                let network = v6.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            v4 => v4,
        }))
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("unknown"),
        }
    }
}

/// The failures so far.
#[derive(Default)]
pub(super) struct Lockout(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    users: HashMap<String, Failures>,
    clients: HashMap<Client, Failures>,
    /// Where users have signed in.
    homes: HashMap<String, HashMap<Client, Failures>>,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn none(now: Instant) -> Self {
        Self {
            count: 0,
            last: now,
        }
    }

    fn add(&mut self, now: Instant, waits: Duration) {
        if self.is_over(now, waits) {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.last = now;
    }

    fn is_over(&self, now: Instant, waits: Duration) -> bool {
        now.duration_since(self.last) >= waits
    }

    /// How long there is still to wait, if there is.
    fn wait(&self, now: Instant, waits: Duration) -> Option<Duration> {
        let over = waits.checked_sub(now.duration_since(self.last))?;
        (self.count >= TOO_MANY && !over.is_zero()).then_some(over)
    }
}

impl Lockout {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long whoever signs in has to wait, if that is so.
    pub(super) fn wait(&self, user: &str, client: Client, now: Instant) -> Option<Duration> {
        let counts = self.lock();
        let home = counts.homes.get(user).and_then(|homes| homes.get(&client));
        if let Some(own) = home {
            return own.wait(now, CLIENT_WAITS);
        }
        let of_user = counts.users.get(user);
        let of_client = counts.clients.get(&client);
        let user_waits = of_user.and_then(|failures| failures.wait(now, USER_WAITS));
        let client_waits = of_client.and_then(|failures| failures.wait(now, CLIENT_WAITS));
        user_waits.max(client_waits)
    }

    /// Counts a failure.
    pub(super) fn failed(&self, user: &str, client: Client, now: Instant) {
        let mut counts = self.lock();
        let homes = counts.homes.get_mut(user);
        if let Some(own) = homes.and_then(|homes| homes.get_mut(&client)) {
            own.add(now, CLIENT_WAITS);
        }
        count(&mut counts.users, user, now, USER_WAITS);
        // Callers that name no address are no one client.
        if client.0.is_some() {
            count(&mut counts.clients, &client, now, CLIENT_WAITS);
        }
    }

    /// Remembers where a user is at home.
    pub(super) fn succeeded(&self, user: &str, client: Client, now: Instant) {
        let mut counts = self.lock();
        let homes = match counts.homes.get_mut(user) {
            Some(homes) => homes,
            None => counts.homes.entry(user.to_owned()).or_default(),
        };
        if !homes.contains_key(&client) {
            make_room(homes, MOST_HOMES);
            homes.insert(client, Failures::none(now));
        }
    }

    /// Forgets the failures of a user, and where the user is at home.
    pub(super) fn forget(&self, user: &str) {
        let mut counts = self.lock();
        counts.users.remove(user);
        counts.homes.remove(user);
    }
}

fn count<K, Q>(all: &mut HashMap<K, Failures>, key: &Q, now: Instant, waits: Duration)
where
    K: std::borrow::Borrow<Q> + Clone + Eq + Hash,
    Q: ToOwned<Owned = K> + Eq + Hash + ?Sized,
{
    if !all.contains_key(key) && all.len() >= MOST {
        all.retain(|_, failures| !failures.is_over(now, waits));
        make_room(all, MOST);
    }
    let failures = all
        .entry(key.to_owned())
        .or_insert_with(|| Failures::none(now));
    failures.add(now, waits);
}

/// Forgets the oldest if there are too many for one more.
fn make_room<K: Clone + Eq + Hash>(all: &mut HashMap<K, Failures>, most: usize) {
    if all.len() < most {
        return;
    }
    let oldest = all.iter().min_by_key(|(_, failures)| failures.last);
    if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
        all.remove(&oldest);
    }
}

#[cfg(test)]
mod tests;
