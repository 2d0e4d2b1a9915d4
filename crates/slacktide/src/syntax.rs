//! What keeps a text from being TOML, and where.

/// The fault on one line: `line 2: key with no value`.
pub(crate) fn fault(text: &str, error: &toml::de::Error) -> String {
    let line = line_of(text, error.span().unwrap_or_default().start);
    format!("line {line}: {}", error.message().replace('\n', "; "))
}

/// The line, from 1, of the byte at `position`.
pub(crate) fn line_of(text: &str, position: usize) -> usize {
    let before = text.as_bytes().get(..position).unwrap_or_default();
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}
