//! `audit:` as people write it.

use super::RawSecret;
use crate::model::Durability;
use schemars::JsonSchema;
use serde::Deserialize;

/// How the audit file is kept.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawAudit {
    /// What a line has survived before the request that it announces leaves: `disk` a power cut (`fdatasync`), `process` the
    /// end of the process only, by `kill -9` too. Default `disk`.
    #[schemars(extend("default" = "disk", "examples" = ["process"]))]
    pub(in crate::load) durability: Option<Durability>,
    /// An Ed25519 private key in PEM (PKCS#8), as `openssl genpkey -algorithm ed25519` writes it. The last line of the audit file
    /// is then a signature. Default: no signature.
    #[schemars(extend("examples" = [{"file": "secrets/audit-key.pem"}], "writeOnly" = true))]
    pub(in crate::load) signing_key: Option<RawSecret>,
}
