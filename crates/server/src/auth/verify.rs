//! Verifying credentials without a hash for every call.
//!
//! The slow hash is spared for a minute after a password was right, and the user's row is read once a second at most:
//! a changed password or role counts a second later.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};
use slacktide_store::{Store, User};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::{AuthError, Caller, basic::Credentials};
use crate::password::{self, Memory};

/// How long a verified password need not be hashed again.
const REMEMBERED: Duration = Duration::from_secs(60);

/// How long a user's row that was read is good for. Whoever loses a role or a password keeps it that much longer.
const FRESH: Duration = Duration::from_secs(1);

/// How many passwords may be hashed at a time: each takes 19 MiB and a core for tens of milliseconds.
const HASHERS: usize = 2;

/// What the password of an unknown user is compared with, so that it takes as long as a known user's. It is
/// the hash of nothing anybody could send: the output was chosen, not computed.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGhlcmU$\
     AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Verifies credentials against the users in the store.
pub(crate) struct Authenticator {
    store: Store,
    /// Random and of this process alone: what is remembered is worthless outside it. Without one, nothing is
    /// remembered.
    key: Option<[u8; 32]>,
    verified: Mutex<HashMap<String, Verified>>,
    /// Users who signed in, and when their rows were read.
    users: Mutex<HashMap<String, (User, Instant)>>,
    hashers: Arc<Semaphore>,
    /// Memory of hashers that do not hash now: as much as ever hashed at a time.
    memories: Arc<Mutex<Vec<Memory>>>,
}

/// A password that was right.
struct Verified {
    digest: [u8; 32],
    /// The stored hash against which it was right.
    hash: String,
    at: Instant,
}

impl Authenticator {
    pub(crate) fn new(store: Store) -> Self {
        let mut key = [0; 32];
        let key = match getrandom::fill(&mut key) {
            Ok(()) => Some(key),
            Err(error) => {
                tracing::warn!(%error, "no random numbers: every call costs a password hash");
                None
            }
        };
        Self {
            store,
            key,
            verified: Mutex::default(),
            users: Mutex::default(),
            hashers: Arc::new(Semaphore::new(HASHERS)),
            memories: Arc::default(),
        }
    }

    pub(super) async fn verify(&self, credentials: Credentials) -> Result<Caller, AuthError> {
        let Credentials {
            user: name,
            password,
        } = credentials;
        let digest = self.digest(&password);
        if let Some(user) = self.fresh(&name)
            && self.remembers(&user, digest)
        {
            return Ok(Caller::from(user));
        }
        let read = Instant::now();
        let user = self.store.user(&name).await?;
        if let Some(user) = &user
            && self.remembers(user, digest)
        {
            self.keep(user, read);
            return Ok(Caller::from(user.clone()));
        }
        let hashers = Arc::clone(&self.hashers);
        let permit = hashers
            .acquire_owned()
            .await
            .map_err(|_| AuthError::CutOff)?;
        // Of many calls that a client sends at once, one hash serves all.
        if let Some(user) = &user
            && self.remembers(user, digest)
        {
            return Ok(Caller::from(user.clone()));
        }
        let hash = user
            .as_ref()
            .map_or(NOBODY, |user| &user.password_hash)
            .to_owned();
        let memories = Arc::clone(&self.memories);
        let hashing = tokio::task::spawn_blocking(move || {
            // Held by the hash and not by the call: a client that goes away frees no place.
            let _permit = permit;
            let take = || memories.lock().unwrap_or_else(PoisonError::into_inner);
            let mut memory = take().pop().unwrap_or_default();
            let right = password::verify(&password, &hash, &mut memory);
            take().push(memory);
            right
        });
        let right = hashing.await.map_err(|_| AuthError::CutOff)?;
        match user {
            Some(user) if right => {
                self.remember(&user, digest);
                self.keep(&user, read);
                Ok(Caller::from(user))
            }
            _ => Err(AuthError::Wrong),
        }
    }

    /// A user whose row was read just now.
    fn fresh(&self, name: &str) -> Option<User> {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let (user, read) = users.get(name)?;
        (read.elapsed() < FRESH).then(|| user.clone())
    }

    /// Keeps a row for a second. Only of who has signed in: so there are no more than there are users.
    fn keep(&self, user: &User, read: Instant) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        users.insert(user.name.clone(), (user.clone(), read));
    }

    fn digest(&self, password: &str) -> Option<[u8; 32]> {
        let keyed = Sha256::new_with_prefix(self.key?);
        Some(keyed.chain_update(password).finalize().into())
    }

    fn remembers(&self, user: &User, digest: Option<[u8; 32]>) -> bool {
        let Some(digest) = digest else { return false };
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.get(&user.name).is_some_and(|known| {
            known.at.elapsed() < REMEMBERED
                && known.hash == user.password_hash
                && bool::from(known.digest.ct_eq(&digest))
        })
    }

    fn remember(&self, user: &User, digest: Option<[u8; 32]>) {
        let Some(digest) = digest else { return };
        let known = Verified {
            digest,
            hash: user.password_hash.clone(),
            at: Instant::now(),
        };
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        verified.insert(user.name.clone(), known);
    }
}

#[cfg(test)]
mod tests {
    use argon2::{Argon2, Params, password_hash::phc::PasswordHash};

    use super::*;

    #[test]
    fn an_unknown_user_costs_the_same_hash_as_a_known_one() {
        let params = |hash: &str| Params::try_from(&PasswordHash::new(hash).unwrap()).unwrap();
        let known = params(&password::hash("tide").unwrap());
        assert_eq!(params(NOBODY), known);
        assert_eq!(Argon2::default().params(), &Params::default());
        assert!(!password::verify("", NOBODY, &mut Memory::default()));
    }
}
