//! Which servers a client of TLS takes for genuine.

use std::path::Path;

use anyhow::{Context, ensure};
use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tonic::transport::{Certificate, ClientTlsConfig};

/// Those with a certificate that is signed by one in the file `ca`, which the setting or flag `named` names; without a
/// file, by one that the machine trusts.
///
/// # Errors
/// That the file cannot be read, or holds no certificates.
pub(crate) fn roots(named: &str, ca: Option<&Path>) -> anyhow::Result<ClientTlsConfig> {
    let Some(ca) = ca else {
        return Ok(ClientTlsConfig::new().with_native_roots());
    };
    let file = ca.display();
    let pem = std::fs::read(ca).with_context(|| format!("{named}: cannot read {file}"))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    ensure!(
        certificates.is_ok_and(|certificates| !certificates.is_empty()),
        "{named}: {file} holds no certificates in PEM"
    );
    Ok(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem)))
}
