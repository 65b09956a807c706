//! The signature of an audit file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How it is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub enum SignatureAlgorithm {
    /// RFC 8032, without a context.
    Ed25519,
}

/// See [`super::Event::Signed`]. The signed message is the line `bridgebook audit head v1`, a newline, and the 64 digits of
/// `head`; no newline after them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Signed {
    /// How it is signed.
    pub algorithm: SignatureAlgorithm,
    /// The public key: base64 of its `SubjectPublicKeyInfo`, which is what stands between BEGIN and END in a PEM file.
    #[schemars(regex(pattern = "^[A-Za-z0-9+/]{59}=$"))]
    pub public_key: String,
    /// The hash of the line before this one: by the chain it stands for every line before.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub head: String,
    /// Base64 of the 64 bytes of the signature.
    #[schemars(regex(pattern = "^[A-Za-z0-9+/]{86}==$"))]
    pub signature: String,
}
