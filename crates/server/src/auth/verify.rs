//! Verifying credentials without a hash for every call.
//!
//! The slow hash is spared for a minute after a password was right, and the user's row is read once a second at most:
//! what another process changes of a user counts a second later, what this one changes counts at once.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};
use slacktide_store::{Store, User};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::{
    AuthError, Caller,
    basic::Credentials,
    lockout::{Client, Lockout},
};
use crate::{
    iam::{self, Grants},
    password::{self, Memory},
    users::MAX_NAME,
};

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
    /// Users who signed in.
    users: Mutex<HashMap<String, Arc<Known>>>,
    /// How often users of this process were changed: what was read before is not kept.
    changes: AtomicU64,
    lockout: Lockout,
    hashers: Arc<Semaphore>,
    /// Memory of hashers that do not hash now: as much as ever hashed at a time.
    memories: Arc<Mutex<Vec<Memory>>>,
}

/// A user whose row was read.
struct Known {
    user: User,
    grants: Grants,
    read: Instant,
}

/// When a row was about to be read.
#[derive(Clone, Copy)]
struct Reading {
    began: Instant,
    changes: u64,
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
            changes: AtomicU64::new(0),
            lockout: Lockout::default(),
            hashers: Arc::new(Semaphore::new(HASHERS)),
            memories: Arc::default(),
        }
    }

    /// Who presents these credentials, unless they are wrong, or too many were.
    pub(super) async fn verify(
        &self,
        credentials: Credentials,
        client: Client,
    ) -> Result<Caller, AuthError> {
        let Credentials {
            user: name,
            password,
        } = credentials;
        if name.chars().count() > MAX_NAME {
            // No user has such a name, and it is not to be remembered.
            return Err(AuthError::Wrong);
        }
        self.check_wait(&name, client)?;
        let digest = self.digest(&password);
        if let Some(known) = self.fresh(&name)
            && self.remembers(&known.user, digest)
        {
            return self.let_in(&known, client);
        }
        let reading = self.begin_reading();
        let user = self.store.user(&name).await?;
        if let Some(user) = &user
            && self.remembers(user, digest)
        {
            return self.let_in(&*self.keep(user, reading).await?, client);
        }
        let hashers = Arc::clone(&self.hashers);
        let permit = hashers
            .acquire_owned()
            .await
            .map_err(|_| AuthError::CutOff)?;
        // Of many calls that a client sends at once, one hash serves all; and of many guesses that wait here, those
        // beyond the limit cost none.
        if let Some(user) = &user
            && self.remembers(user, digest)
        {
            return self.let_in(&*self.keep(user, reading).await?, client);
        }
        self.check_wait(&name, client)?;
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
                self.let_in(&*self.keep(&user, reading).await?, client)
            }
            _ => {
                self.lockout.failed(&name, client, Instant::now());
                // Quoted: a name that is no user's may hold anything.
                tracing::warn!(user = ?name, %client, "a failed attempt to sign in");
                Err(AuthError::Wrong)
            }
        }
    }

    /// Forgets what is known of a user whom this process has changed: the next call finds the user as it is now.
    pub(crate) fn forget(&self, name: &str) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that a row that was read before is either kept and removed here, or not kept.
        self.changes.fetch_add(1, Ordering::Relaxed);
        users.remove(name);
    }

    /// Forgets the failed attempts on a user.
    pub(crate) fn forgive(&self, name: &str) {
        self.lockout.forget(name);
    }

    /// Whether this is the password of who calls. A wrong one is a failed attempt.
    pub(crate) async fn is_password(
        &self,
        caller: &Caller,
        password: &str,
    ) -> Result<bool, AuthError> {
        let credentials = Credentials {
            user: caller.name.clone(),
            password: password.to_owned(),
        };
        match self.verify(credentials, caller.client).await {
            Ok(_) => Ok(true),
            Err(AuthError::Wrong) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn check_wait(&self, name: &str, client: Client) -> Result<(), AuthError> {
        match self.lockout.wait(name, client, Instant::now()) {
            None => Ok(()),
            Some(wait) => Err(AuthError::TooManyFailures(wait)),
        }
    }

    /// The end of every way on which the password was right.
    fn let_in(&self, known: &Known, client: Client) -> Result<Caller, AuthError> {
        let user = &known.user;
        self.lockout.succeeded(&user.name, client, Instant::now());
        if user.locked {
            return Err(AuthError::Locked);
        }
        Ok(Caller {
            id: user.id,
            name: user.name.clone(),
            grants: known.grants.clone(),
            client,
        })
    }

    /// A user whose row was read just now.
    fn fresh(&self, name: &str) -> Option<Arc<Known>> {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let known = users.get(name)?;
        (known.read.elapsed() < FRESH).then(|| Arc::clone(known))
    }

    fn begin_reading(&self) -> Reading {
        Reading {
            began: Instant::now(),
            changes: self.changes.load(Ordering::Relaxed),
        }
    }

    /// Keeps a row for a second, with what its roles permit. Only of who has signed in: so there are no more than
    /// there are users.
    async fn keep(&self, user: &User, reading: Reading) -> Result<Arc<Known>, AuthError> {
        let known = Arc::new(Known {
            user: user.clone(),
            grants: iam::grants(&self.store, &user.roles).await?,
            read: reading.began,
        });
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if self.changes.load(Ordering::Relaxed) == reading.changes {
            users.insert(user.name.clone(), Arc::clone(&known));
        }
        Ok(known)
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
