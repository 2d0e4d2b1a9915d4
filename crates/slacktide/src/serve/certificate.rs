//! The certificate that connections are served with, which may be renewed while they are open.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context, anyhow, ensure};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        Error, InconsistentKeys, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};
use tokio_util::sync::CancellationToken;

use crate::config::Tls;

/// How often the files are looked at, unless SIGHUP asks for it.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The certificate in use, and the files that it is read from.
pub(super) struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    in_use: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads the certificate of the settings, if they name one.
    ///
    /// # Errors
    /// Which setting names a file that cannot be used, and why.
    pub(super) fn read(settings: &Tls) -> anyhow::Result<Option<Arc<Self>>> {
        let Some((cert, key)) = settings.cert.clone().zip(settings.key.clone()) else {
            return Ok(None);
        };
        let in_use = RwLock::new(Arc::new(load(&cert, &key)?));
        Ok(Some(Arc::new(Self { cert, key, in_use })))
    }

    /// Does the TLS handshakes of a listener for one application protocol.
    ///
    /// # Errors
    /// None that is known: the versions of TLS are those of the library itself.
    pub(super) fn acceptor(self: &Arc<Self>, protocol: &[u8]) -> anyhow::Result<TlsAcceptor> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .context("cannot set up TLS")?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Self>::clone(self));
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Uses for new connections what the files hold, as soon as it is usable, until the process drains. Open
    /// connections go on as they are.
    pub(super) async fn follow(self: Arc<Self>, mut hangup: Hangup, drain: CancellationToken) {
        let mut complaint = None;
        let following = async {
            loop {
                tokio::select! {
                    () = hangup.next() => {
                        // Asked by somebody who waits for the outcome.
                        complaint = None;
                    }
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
                let told = self.renew().err().map(|error| format!("{error:#}"));
                if let Some(told) = told
                    .as_ref()
                    .filter(|told| complaint.as_ref() != Some(*told))
                {
                    tracing::warn!("going on with the certificate that was read before: {told}");
                }
                complaint = told;
            }
        };
        drain.run_until_cancelled(following).await;
    }

    fn renew(&self) -> anyhow::Result<()> {
        let read = load(&self.cert, &self.key)?;
        let mut in_use = self.in_use.write().unwrap_or_else(PoisonError::into_inner);
        // The key goes with the certificate: neither changes alone.
        if in_use.cert != read.cert {
            *in_use = Arc::new(read);
            tracing::info!(cert = %self.cert.display(), "new connections get the new certificate");
        }
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let in_use = self.in_use.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&in_use))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("cert", &self.cert)
            .finish_non_exhaustive()
    }
}

/// SIGHUP, which from now on does not end the process.
pub(super) struct Hangup(Signal);

impl Hangup {
    pub(super) fn listen() -> anyhow::Result<Self> {
        let hangup = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
        Ok(Self(hangup))
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

fn load(cert: &Path, key: &Path) -> anyhow::Result<CertifiedKey> {
    let read = |setting, file: &Path| {
        std::fs::read(file).with_context(|| format!("{setting}: cannot read {}", file.display()))
    };
    let chain = read("tls.cert", cert)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&chain).collect();
    let chain = chain.unwrap_or_default();
    ensure!(
        !chain.is_empty(),
        "tls.cert: {} holds no certificates in PEM",
        cert.display()
    );
    // What the parser has to say of it is left out: it may quote the key.
    let private = PrivateKeyDer::from_pem_slice(&read("tls.key", key)?)
        .map_err(|_| anyhow!("tls.key: {} holds no private key in PEM", key.display()))?;
    CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider()).map_err(|error| {
        match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => anyhow!(
                "tls.key: the key in {} is not that of the certificate in {} (tls.cert)",
                key.display(),
                cert.display()
            ),
            other => anyhow!(
                "tls.cert and tls.key: {} and {} cannot be used: {other}",
                cert.display(),
                key.display()
            ),
        }
    })
}

#[cfg(test)]
mod tests;
