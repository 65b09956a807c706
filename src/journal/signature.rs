//! Ed25519 over the head of an audit file: who holds the key says that the file was so when the run ended.
//!
//! The chain finds a file that was changed; it does not find one that was made anew as a whole. A signature does.

use super::chain::{Head, sha256_hex};
use crate::event::{SignatureAlgorithm, Signed};
use crate::model::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use std::fmt;
use std::sync::Arc;

/// In front of what is signed: no signature of something else can be taken for one of a head.
const DOMAIN: &str = "bridgebook audit head v1\n";
/// A `SubjectPublicKeyInfo` of Ed25519 in front of the 32 bytes of the key (RFC 8410 section 4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A private key. It cannot be printed.
#[derive(Clone)]
pub struct SigningKey(Arc<Ed25519KeyPair>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

impl SigningKey {
    /// Reads PEM with a PKCS#8 private key, version 1 (as openssl writes it) or 2. The error says nothing of its text.
    pub fn from_pem(pem: &Secret<String>) -> Result<Self, String> {
        let text = pem.expose();
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
            return Err(
                "the private key is encrypted: decrypt it with `openssl pkey`, and keep it in mode 0600".to_owned()
            );
        }
        let key = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes())
            .map_err(|_| "there is no private key in PEM (-----BEGIN PRIVATE KEY-----)".to_owned())?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_pkcs8_der());
        let other = |_| "it is no Ed25519 key: make one with `openssl genpkey -algorithm ed25519`".to_owned();
        Ok(Self(Arc::new(pair.map_err(other)?)))
    }

    /// The key that others check with.
    pub fn public(&self) -> PublicKey {
        let mut key = [0; 32];
        key.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(key)
    }

    /// Signs a head.
    pub(super) fn sign(&self, head: Head) -> Signed {
        Signed {
            algorithm: SignatureAlgorithm::Ed25519,
            public_key: self.public().to_string(),
            head: head.to_string(),
            signature: STANDARD.encode(self.0.sign(message(head).as_bytes())),
        }
    }
}

/// A public key. Shown as base64 of its `SubjectPublicKeyInfo`: the one line between BEGIN and END of its PEM file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads PEM as `openssl pkey -pubout` writes it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let key = SubjectPublicKeyInfoDer::from_pem_slice(pem)
            .map_err(|_| "there is no public key in PEM (-----BEGIN PUBLIC KEY-----)".to_owned())?;
        Self::from_der(&key).ok_or_else(|| "it is no Ed25519 key".to_owned())
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        der.strip_prefix(&SPKI)?.try_into().ok().map(Self)
    }

    fn der(&self) -> Vec<u8> {
        [SPKI.as_slice(), &self.0].concat()
    }

    /// SHA-256 of its `SubjectPublicKeyInfo` in hex: `openssl pkey -pubin -in KEY -outform DER | sha256sum`.
    pub fn fingerprint(&self) -> String {
        sha256_hex(&self.der())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.der()))
    }
}

/// The key by which a signature of this head is good.
pub(super) fn check(signed: &Signed, head: Head) -> Result<PublicKey, String> {
    let SignatureAlgorithm::Ed25519 = signed.algorithm;
    if signed.head != head.to_string() {
        return Err("the signature is not of the lines before it".to_owned());
    }
    let key = STANDARD.decode(&signed.public_key).ok().and_then(|der| PublicKey::from_der(&der));
    let key = key.ok_or_else(|| "the public key is no Ed25519 key".to_owned())?;
    let signature = STANDARD.decode(&signed.signature).unwrap_or_default();
    UnparsedPublicKey::new(&ED25519, key.0)
        .verify(message(head).as_bytes(), &signature)
        .map_err(|_| "the signature is wrong".to_owned())?;
    Ok(key)
}

fn message(head: Head) -> String {
    format!("{DOMAIN}{head}")
}
