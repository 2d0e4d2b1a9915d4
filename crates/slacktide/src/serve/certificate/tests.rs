use std::fs;

use rcgen::{CertifiedKey as Generated, generate_simple_self_signed};

use super::*;

struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        files.renew();
        files
    }

    fn cert(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.dir.path().join("key.pem")
    }

    fn renew(&self) {
        let Generated { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(self.cert(), cert.pem()).unwrap();
        fs::write(self.key(), signing_key.serialize_pem()).unwrap();
    }

    fn read(&self) -> anyhow::Result<Arc<Certificate>> {
        let read = Certificate::read(&Tls {
            cert: Some(self.cert()),
            key: Some(self.key()),
        });
        Ok(read?.unwrap())
    }

    fn refused(&self) -> String {
        format!("{:#}", self.read().err().unwrap())
    }
}

#[test]
fn what_cannot_be_used_is_told_with_its_setting_and_file() {
    let files = Files::new();
    let key = fs::read(files.key()).unwrap();
    let (cert_file, key_file) = (files.cert(), files.key());
    let (cert_file, key_file) = (cert_file.display(), key_file.display());

    fs::remove_file(files.key()).unwrap();
    let told = files.refused();
    assert!(
        told.starts_with(&format!("tls.key: cannot read {key_file}: ")),
        "{told}"
    );

    fs::write(files.key(), "hush").unwrap();
    assert_eq!(
        files.refused(),
        format!("tls.key: {key_file} holds no private key in PEM")
    );

    files.renew();
    fs::write(files.key(), key).unwrap();
    assert_eq!(
        files.refused(),
        format!(
            "tls.key: the key in {key_file} is not that of the certificate in {cert_file} (tls.cert)"
        )
    );

    fs::write(files.cert(), "no certificate").unwrap();
    assert_eq!(
        files.refused(),
        format!("tls.cert: {cert_file} holds no certificates in PEM")
    );

    let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(files.cert(), cut).unwrap();
    let told = files.refused();
    assert!(
        told.starts_with(&format!("tls.cert and tls.key: {cert_file} and ")),
        "{told}"
    );
}

#[test]
fn a_new_certificate_is_used_once_its_key_is_there_too() {
    let files = Files::new();
    let certificate = files.read().unwrap();
    let in_use = || certificate.in_use.read().unwrap().cert.clone();
    let first = in_use();
    certificate.renew().unwrap();
    assert_eq!(in_use(), first);

    let old_key = fs::read(files.key()).unwrap();
    files.renew();
    let new_key = fs::read(files.key()).unwrap();
    fs::write(files.key(), old_key).unwrap();
    certificate.renew().unwrap_err();
    assert_eq!(in_use(), first);

    fs::write(files.key(), new_key).unwrap();
    certificate.renew().unwrap();
    assert_ne!(in_use(), first);
}
