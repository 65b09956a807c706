//! Certificates and keys in PEM: what is wrong with them, in words, before a connection needs them.

use crate::model::Secret;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore};

/// Authorities in place of the system's.
#[derive(Clone, Debug)]
pub struct Authorities(Vec<CertificateDer<'static>>);

impl Authorities {
    /// Reads a PEM file's text.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let certificates = certificates(pem)?;
        let mut store = RootCertStore::empty();
        for (index, certificate) in certificates.iter().enumerate() {
            store
                .add(certificate.clone())
                .map_err(|error| format!("its certificate number {} cannot be used: {error}", index + 1))?;
        }
        Ok(Self(certificates))
    }

    pub(super) fn for_client(&self) -> reqwest::Result<Vec<reqwest::Certificate>> {
        self.0.iter().map(|certificate| reqwest::Certificate::from_der(certificate)).collect()
    }
}

/// Certificates that stand in a PEM file; there must be one.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Err(error) => Err(format!("it is not PEM: {error}")),
        Ok(found) if found.is_empty() => Err("it holds no certificate (-----BEGIN CERTIFICATE-----)".to_owned()),
        Ok(found) => Ok(found),
    }
}

/// Our certificate with its private key.
#[derive(Clone, Debug)]
pub struct Identity(Secret<Vec<u8>>);

impl Identity {
    /// Puts the two together, if they belong together.
    pub fn from_pem(certificate: &[u8], key: &Secret<String>) -> Result<Self, String> {
        let chain = certificates(certificate)?;
        let text = key.expose();
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
            return Err(
                "the private key is encrypted: decrypt it with `openssl pkey`, and keep it in mode 0600".to_owned()
            );
        }
        let parsed = PrivateKeyDer::from_pem_slice(text.as_bytes())
            .map_err(|_| "there is no private key in PEM (-----BEGIN PRIVATE KEY-----)".to_owned())?;
        match CertifiedKey::from_der(chain, parsed, &default_provider()) {
            Ok(_) => {}
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                return Err("the private key belongs to another certificate".to_owned());
            }
            Err(error) => return Err(format!("certificate and private key cannot be used: {error}")),
        }
        Ok(Self(Secret::new([certificate, b"\n", text.as_bytes()].concat())))
    }

    pub(super) fn for_client(&self) -> reqwest::Result<reqwest::Identity> {
        reqwest::Identity::from_pem(self.0.expose())
    }
}
