//! `audit:` -> [`AuditSpec`].

use super::connection::secret;
use crate::load::raw::RawAudit;
use crate::model::AuditSpec;

pub(super) fn audit(raw: Option<&RawAudit>) -> AuditSpec {
    let signing_key = raw.and_then(|raw| raw.signing_key.as_ref()).map(secret);
    AuditSpec { durability: raw.and_then(|raw| raw.durability).unwrap_or_default(), signing_key }
}
