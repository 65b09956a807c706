//! `audit:` of a runbook: what the audit file survives, and who signs it.

use super::SecretSource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a line has survived when the request that it announces leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// It is on the disk (`fdatasync`): a power cut does not lose it.
    #[default]
    Disk,
    /// The kernel has it: the end of the process, `kill -9` included, does not lose it, a power cut may. On the disk at the
    /// end of the run.
    Process,
}

impl Durability {
    /// The word in a runbook.
    pub fn word(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Process => "process",
        }
    }
}

/// How the audit file is kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditSpec {
    /// What its lines survive.
    pub durability: Durability,
    /// Where the Ed25519 private key that signs it comes from, in PEM (PKCS#8); `None`: it is not signed.
    pub signing_key: Option<SecretSource>,
}
