//! Refuses to serve to other hosts what should not be, unless that is asked for.

use std::{net::SocketAddr, path::Path};

use anyhow::ensure;
use slacktide_server::{
    bootstrap::{ADMIN, PASSWORD_FILE},
    password::{self, Memory},
};
use slacktide_store::Store;

use crate::config::{Role, Settings};

/// The addresses at which callers sign in, by setting, which other hosts can reach.
fn exposed(settings: &Settings) -> impl Iterator<Item = (&'static str, SocketAddr)> + use<> {
    let listeners = [
        ("grpc.listen", settings.grpc.listen, Role::Server),
        ("rest.listen", settings.rest.listen, Role::Gateway),
    ];
    let roles = settings.roles.clone();
    listeners
        .into_iter()
        .filter(move |(_, address, role)| roles.has(*role) && is_exposed(*address))
        .map(|(setting, address, _)| (setting, address))
}

fn is_exposed(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// Refuses to serve without TLS on an address that other hosts can reach, unless the settings allow it; warns if
/// they do. Nobody signs in at the admin listener: about that one it only warns.
///
/// # Errors
/// Which address, and what to do.
pub(super) fn check_plaintext(settings: &Settings) -> anyhow::Result<()> {
    if is_exposed(settings.admin.listen) {
        tracing::warn!(
            address = %settings.admin.listen,
            "admin.listen can be reached from other hosts and asks nobody who they are: keep it on a private network"
        );
    }
    if settings.tls.cert.is_some() {
        return Ok(());
    }
    for (setting, address) in exposed(settings) {
        ensure!(
            settings.allow_plaintext,
            "{setting} is {address}, which other hosts can reach, and without TLS passwords cross the network as they \
             are: set tls.cert and tls.key, listen on 127.0.0.1, or accept it with --allow-plaintext"
        );
        tracing::warn!(
            %address,
            "{setting} can be reached from other hosts without TLS: passwords cross the network as they are"
        );
    }
    Ok(())
}

/// Refuses to serve on an address that other hosts can reach while `admin` has the password that was generated into
/// `data_dir`, unless the settings allow it; warns if they do. Once its file is deleted, nobody knows that it was
/// generated.
///
/// # Errors
/// Which address, and what to do; or that the user cannot be looked at.
pub(super) async fn check_password(
    settings: &Settings,
    store: &Store,
    data_dir: &Path,
) -> anyhow::Result<()> {
    let Some((setting, address)) = exposed(settings).next() else {
        return Ok(());
    };
    let file = data_dir.join(PASSWORD_FILE);
    let Ok(generated) = std::fs::read_to_string(&file) else {
        return Ok(());
    };
    let Some(admin) = store.user(ADMIN).await? else {
        return Ok(());
    };
    let has_it = move || {
        password::verify(
            generated.trim_end(),
            &admin.password_hash,
            &mut Memory::default(),
        )
    };
    if !tokio::task::spawn_blocking(has_it).await? {
        return Ok(());
    }
    let file = file.display();
    ensure!(
        settings.allow_generated_password,
        "{setting} is {address}, which other hosts can reach, while {ADMIN} still has the password that was generated \
         into {file}: change it, delete the file once the password is kept elsewhere, or accept it with \
         --allow-generated-password"
    );
    tracing::warn!(
        %address,
        "{setting} can be reached from other hosts while {ADMIN} still has the password that was generated into {file}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use slacktide_server::bootstrap;
    use slacktide_store::Location;

    use super::*;

    fn listening(grpc: &str, rest: &str) -> Settings {
        let mut settings = Settings::default();
        settings.grpc.listen = grpc.parse().unwrap();
        settings.rest.listen = rest.parse().unwrap();
        settings
    }

    #[test]
    fn without_tls_only_this_host_is_served_unless_that_is_allowed() {
        for loopback in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            check_plaintext(&listening(loopback, loopback)).unwrap();
        }
        for address in ["0.0.0.0:1", "10.0.0.1:1", "[::]:1"] {
            let mut settings = listening("127.0.0.1:1", address);
            let told = check_plaintext(&settings).unwrap_err().to_string();
            assert!(
                told.starts_with(&format!(
                    "rest.listen is {address}, which other hosts can reach"
                )),
                "{told}"
            );
            settings.allow_plaintext = true;
            check_plaintext(&settings).unwrap();
            settings.allow_plaintext = false;
            settings.tls.cert = Some("cert.pem".into());
            check_plaintext(&settings).unwrap();
            settings.tls.cert = None;
            settings.roles = "server,executor".parse().unwrap();
            check_plaintext(&settings).unwrap();
        }
    }

    #[tokio::test]
    async fn the_generated_password_opens_nothing_to_other_hosts() {
        let home = tempfile::tempdir().unwrap();
        let location = Location::sqlite(home.path().join("slacktide.db"));
        let store = Store::open(&location).await.unwrap();
        bootstrap::ensure_admin(&store, None, home.path())
            .await
            .unwrap();
        let check = async |settings: &Settings| check_password(settings, &store, home.path()).await;

        let at_home = listening("127.0.0.1:1", "127.0.0.1:2");
        check(&at_home).await.unwrap();
        let mut open = listening("0.0.0.0:1", "127.0.0.1:2");
        let told = check(&open).await.unwrap_err().to_string();
        assert!(
            told.starts_with("grpc.listen is 0.0.0.0:1") && told.contains(PASSWORD_FILE),
            "{told}"
        );
        open.allow_generated_password = true;
        check(&open).await.unwrap();

        open.allow_generated_password = false;
        std::fs::write(home.path().join(PASSWORD_FILE), "an earlier one\n").unwrap();
        check(&open).await.unwrap();
    }
}
