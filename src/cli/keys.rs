//! The keys of audit files: the private one that signs, the public one that checks.

use super::exit::Exit;
use super::failure::Failure;
use super::secrets;
use crate::journal::{Keeping, PublicKey, SigningKey};
use crate::model::{AuditSpec, SecretSource};
use std::io::Read;
use std::path::Path;

/// Bytes of a public key's file at most; it has three lines.
const MAX_KEY: u64 = 64 * 1024;

/// How the audit file is kept; `base`: the folder to which the key's file is relative.
pub(super) fn keeping(spec: &AuditSpec, base: &Path) -> Result<Keeping, Failure> {
    let key = spec.signing_key.as_ref().map(|source| private(source, base)).transpose()?;
    Ok(Keeping { durability: spec.durability, key })
}

/// The key that signs.
pub(super) fn private(source: &SecretSource, base: &Path) -> Result<SigningKey, Failure> {
    const WHAT: &str = "audit.signing_key";
    let pem = secrets::pem(source, WHAT, base)?;
    SigningKey::from_pem(&pem).map_err(|reason| Failure::new(Exit::Configuration, format!("{WHAT}: {reason}")))
}

/// The key that checks.
pub(super) fn public(path: &Path) -> Result<PublicKey, Failure> {
    let failed =
        |reason: &dyn std::fmt::Display| Failure::new(Exit::InputMissing, format!("{}: {reason}", path.display()));
    if !std::fs::metadata(path).map_err(|error| failed(&error))?.is_file() {
        return Err(failed(&"it is not a regular file"));
    }
    let mut pem = Vec::new();
    let opened = std::fs::File::open(path).map_err(|error| failed(&error))?;
    opened.take(MAX_KEY).read_to_end(&mut pem).map_err(|error| failed(&error))?;
    PublicKey::from_pem(&pem).map_err(|reason| failed(&reason).help("make it with `openssl pkey -in KEY.pem -pubout`"))
}
