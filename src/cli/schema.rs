//! `bridgebook schema`: the shipped schemas, embedded in the binary.

use super::args::SchemaKind;
use super::failure::Failure;
use super::print;

/// Prints one.
pub(super) fn schema(kind: SchemaKind) -> Result<u8, Failure> {
    print::text(match kind {
        SchemaKind::Runbook => include_str!("../../schemas/runbook.schema.json"),
        SchemaKind::Fragment => include_str!("../../schemas/fragment.schema.json"),
        SchemaKind::Job => include_str!("../../schemas/job.schema.json"),
        SchemaKind::Payload => include_str!("../../schemas/payload.schema.json"),
        SchemaKind::Audit => include_str!("../../schemas/audit.schema.json"),
        SchemaKind::Summary => include_str!("../../schemas/summary.schema.json"),
        SchemaKind::Profile => include_str!("../../schemas/profile.schema.json"),
    })
}
