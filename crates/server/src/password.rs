//! Passwords, hashed with argon2id. Slow by design: call from a thread that may block.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{self, PasswordHasher as _, phc::PasswordHash},
};
use subtle::ConstantTimeEq as _;

/// The longest password, in bytes. Longer ones would let a caller without credentials cost more.
pub const MAX_LEN: usize = 1024;

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It is empty.
    #[error("a password must not be empty")]
    Empty,
    /// It is longer than [`MAX_LEN`].
    #[error("a password must not be longer than {MAX_LEN} bytes")]
    TooLong,
    /// The machine gave no random salt.
    #[error("could not hash the password")]
    Hash(#[from] password_hash::Error),
}

/// Hashes a new password with a random salt, in PHC format.
///
/// # Errors
/// [`PasswordError`].
pub fn hash(password: &str) -> Result<String, PasswordError> {
    match password.len() {
        0 => Err(PasswordError::Empty),
        1..=MAX_LEN => {
            let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes())?;
            Ok(hash.to_string())
        }
        _ => Err(PasswordError::TooLong),
    }
}

/// The memory that a hash works in: 19 MiB. To be used again: an allocator gives what many threads took
/// for a moment back late or never.
#[derive(Default)]
pub struct Memory(Vec<Block>);

/// Whether this is the password that was hashed. `false` also for a hash that cannot be read.
pub fn verify(password: &str, hash: &str, memory: &mut Memory) -> bool {
    password.len() <= MAX_LEN && matches(password, hash, memory).unwrap_or(false)
}

/// `None` for a hash that cannot be read.
fn matches(password: &str, hash: &str, Memory(memory): &mut Memory) -> Option<bool> {
    let stored = PasswordHash::new(hash).ok()?;
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).ok()?;
    let version = Version::try_from(stored.version?).ok()?;
    let params = Params::try_from(&stored).ok()?;
    let (salt, expected) = (stored.salt?, stored.hash?);

    let blocks = params.block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::default());
    }
    let mut output = vec![0; expected.as_bytes().len()];
    Argon2::new(algorithm, version, params)
        .hash_password_into_with_memory(
            password.as_bytes(),
            salt.as_ref(),
            &mut output,
            &mut memory[..blocks],
        )
        .ok()?;
    Some(output.ct_eq(expected.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hashed_password_verifies() {
        let hashed = hash("tide").unwrap();
        assert!(hashed.starts_with("$argon2id$"), "{hashed}");
        // One memory for all: what an earlier hash left in it changes nothing.
        let memory = &mut Memory::default();
        assert!(verify("tide", &hashed, memory));
        for wrong in ["", "Tide", "tide "] {
            assert!(!verify(wrong, &hashed, memory), "{wrong:?}");
        }
        assert!(verify("tide", &hashed, memory));
        assert!(!verify("tide", "not a hash", memory));
    }

    #[test]
    fn one_password_has_many_hashes() {
        assert_ne!(hash("tide").unwrap(), hash("tide").unwrap());
    }

    #[test]
    fn empty_and_endless_passwords_are_refused() {
        assert!(matches!(hash(""), Err(PasswordError::Empty)));
        let long = "x".repeat(MAX_LEN + 1);
        assert!(matches!(hash(&long), Err(PasswordError::TooLong)));
    }
}
