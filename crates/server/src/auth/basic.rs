//! HTTP Basic credentials (RFC 7617).

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::AuthError;

/// What a caller presents. Without `Debug`, so that it is never logged.
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: String,
}

pub(super) fn parse(header: &[u8]) -> Result<Credentials, AuthError> {
    let text = std::str::from_utf8(header).map_err(|_| AuthError::Malformed)?;
    let (scheme, encoded) = text.trim().split_once(' ').ok_or(AuthError::Malformed)?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Err(AuthError::Malformed);
    }
    let decoded = STANDARD
        .decode(encoded.trim_start())
        .map_err(|_| AuthError::Malformed)?;
    let decoded = String::from_utf8(decoded).map_err(|_| AuthError::Malformed)?;
    let (user, password) = decoded.split_once(':').ok_or(AuthError::Malformed)?;
    Ok(Credentials {
        user: user.to_owned(),
        password: password.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(scheme: &str, decoded: &str) -> String {
        format!("{scheme} {}", STANDARD.encode(decoded))
    }

    #[test]
    fn the_first_colon_ends_the_name() {
        for scheme in ["Basic", "basic", "BASIC"] {
            let found = parse(header(scheme, "admin:a:b").as_bytes()).ok().unwrap();
            assert_eq!((&*found.user, &*found.password), ("admin", "a:b"));
        }
        let found = parse(header("Basic", "ä:ö").as_bytes()).ok().unwrap();
        assert_eq!((&*found.user, &*found.password), ("ä", "ö"));
    }

    #[test]
    fn anything_else_is_malformed() {
        let bearer = header("Bearer", "admin:x");
        let no_colon = header("Basic", "admin");
        for bad in ["", "Basic", "Basic %%", &bearer, &no_colon, "Basic /w=="] {
            assert!(
                matches!(parse(bad.as_bytes()), Err(AuthError::Malformed)),
                "{bad:?}"
            );
        }
    }
}
