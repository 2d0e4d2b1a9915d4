//! What is shown in place of secrets.

/// What stands in place of a secret.
pub(super) const MASK: &str = "********";

/// Addresses, with commas between them, without what stands before their hosts: a password, or a token.
pub(super) fn addresses(urls: &str) -> String {
    let masked: Vec<_> = urls
        .split(',')
        .map(|url| address(url, |_| MASK.to_owned()))
        .collect();
    masked.join(",")
}

/// The URL of a database without its passwords.
pub(super) fn database(url: &str) -> String {
    address(url, |account| match account.split_once(':') {
        Some((user, _)) => format!("{user}:{MASK}"),
        None => account.to_owned(),
    })
}

fn address(url: &str, account: impl Fn(&str) -> String) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        // No account can be told from anything else in it. A file has none.
        return if url.contains('@') {
            MASK.to_owned()
        } else {
            url.to_owned()
        };
    };
    // The last one: a password may hold an `@` that should have been escaped.
    let (account, rest) = match rest.rsplit_once('@') {
        Some((before, rest)) => (format!("{}@", account(before)), rest),
        None => (String::new(), rest),
    };
    let (place, options) = match rest.split_once('?') {
        Some((place, options)) => (place, format!("?{}", without_secrets(options))),
        None => (rest, String::new()),
    };
    format!("{scheme}://{account}{place}{options}")
}

fn without_secrets(options: &str) -> String {
    let option = |option: &str| match option.split_once('=') {
        Some((key, _)) if key.to_ascii_lowercase().contains("pass") => format!("{key}={MASK}"),
        _ => option.to_owned(),
    };
    options.split('&').map(option).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_shown_with_its_user_and_without_its_passwords() {
        for (url, shown) in [
            ("sqlite:/var/lib/a@b.db", MASK),
            (
                "sqlite:/var/lib/slacktide.db",
                "sqlite:/var/lib/slacktide.db",
            ),
            ("postgres://u:hush@h:1/d", "postgres://u:********@h:1/d"),
            ("postgres://u:hu@sh@h/d", "postgres://u:********@h/d"),
            ("postgres://u:hu/s?h@h/d", "postgres://u:********@h/d"),
            (
                "postgres://u@h/d?sslmode=require",
                "postgres://u@h/d?sslmode=require",
            ),
            (
                "mysql://h/d?user=u&password=hush",
                "mysql://h/d?user=u&password=********",
            ),
            ("hush@h", MASK),
        ] {
            assert_eq!(database(url), shown, "{url}");
        }
    }

    #[test]
    fn an_address_is_shown_without_password_and_token() {
        assert_eq!(
            addresses("nats://u:hush@a:4222,nats://token@b:4222,nats://c:4222"),
            "nats://********@a:4222,nats://********@b:4222,nats://c:4222"
        );
    }
}
