//! `bridgebook schema`: the shipped schemas, embedded in the binary, and those of a profile's jobs and payloads.

use super::args::{OutputArgs, SchemaKind};
use super::failure::Failure;
use super::{print, profile};
use crate::profile::PROFILE_SCHEMA;

/// Prints one.
pub(super) fn schema(kind: SchemaKind, name: &str, output: OutputArgs) -> Result<u8, Failure> {
    print::text(match kind {
        SchemaKind::Job | SchemaKind::Payload => {
            let profile = match profile::open(name, output)? {
                Ok(profile) => profile,
                Err(exit) => return Ok(exit.code()),
            };
            let schema = if kind == SchemaKind::Job { profile.job_schema() } else { profile.payload_schema() };
            return print::json(&schema);
        }
        SchemaKind::Runbook => include_str!("../../schemas/runbook.schema.json"),
        SchemaKind::Fragment => include_str!("../../schemas/fragment.schema.json"),
        SchemaKind::Audit => include_str!("../../schemas/audit.schema.json"),
        SchemaKind::Summary => include_str!("../../schemas/summary.schema.json"),
        SchemaKind::Trend => include_str!("../../schemas/trend.schema.json"),
        SchemaKind::Comparison => include_str!("../../schemas/comparison.schema.json"),
        SchemaKind::Runs => include_str!("../../schemas/runs.schema.json"),
        SchemaKind::Profile => PROFILE_SCHEMA,
    })
}
