//! Passwords, hashed with argon2id. Slow by design: call from a thread that may block.

use argon2::{
    Argon2,
    password_hash::{self, PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};

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

/// Whether this is the password that was hashed. `false` also for a hash that cannot be read.
pub fn verify(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    password.len() <= MAX_LEN
        && Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hashed_password_verifies() {
        let hashed = hash("tide").unwrap();
        assert!(hashed.starts_with("$argon2id$"), "{hashed}");
        assert!(verify("tide", &hashed));
        for wrong in ["", "Tide", "tide "] {
            assert!(!verify(wrong, &hashed), "{wrong:?}");
        }
        assert!(!verify("tide", "not a hash"));
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
