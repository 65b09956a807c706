//! `guards:` as people write them.

use crate::model::{Duplicates, DurationSpec, OnViolation, RiskyKind};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A plus, a country code and perhaps more.
pub(in crate::load) const PREFIX: &str = "^\\+[1-9][0-9]{0,14}$";
/// ISO 3166-1 alpha-2, or `001`.
pub(in crate::load) const REGION: &str = "^([A-Z]{2}|001)$";

/// What a run must not do, whatever its rows say.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawGuards {
    /// Jobs at most: a wrong list is often a long list. More refuse the run.
    #[schemars(range(min = 1), extend("examples" = [5000]))]
    pub(in crate::load) max_jobs: Option<u64>,
    /// Every number must begin with one of these. Default: any prefix.
    #[schemars(length(min = 1), inner(regex(pattern = PREFIX)), extend("examples" = [["+1", "+4420"]]))]
    pub(in crate::load) allow_prefixes: Option<Vec<Option<String>>>,
    /// Every number must belong to one of these regions: two capital letters (ISO 3166-1), `001` for networks that belong
    /// to no country. Default: any region.
    #[schemars(length(min = 1), inner(regex(pattern = REGION)), extend("examples" = [["US", "GB"]]))]
    pub(in crate::load) allow_regions: Option<Vec<Option<String>>>,
    /// No number may begin with one of these, whatever else is allowed.
    #[schemars(inner(regex(pattern = PREFIX)), extend("default" = [], "examples" = [["+1900"]]))]
    pub(in crate::load) deny_prefixes: Option<Vec<Option<String>>>,
    /// Numbers that are never called: a file, or `file` with `column` and `max_age`. Wins over everything that is allowed.
    /// A job with such a number is skipped.
    pub(in crate::load) deny_numbers: Option<RawDenyNumbers>,
    /// Kinds of numbers that are refused unless they stand here: `premium`, `satellite`, `emergency`, `short_code`.
    #[schemars(extend("default" = [], "examples" = [["satellite"]]))]
    pub(in crate::load) allow: Option<Vec<Option<RiskyKind>>>,
    /// The same call id again: `refuse` the run, `skip` all but the first, or `allow` and run them one after the other.
    #[schemars(extend("default" = "refuse", "examples" = ["skip"]))]
    pub(in crate::load) duplicates: Option<Duplicates>,
    /// Jobs at most with a number under each prefix; for a number the longest prefix counts.
    #[schemars(with = "Option<MaxPerPrefix>", extend("examples" = [{"+1": 1000, "+44": 50}]))]
    pub(in crate::load) max_per_prefix: Option<BTreeMap<String, Option<u64>>>,
    /// A job that prefixes, regions, kinds or `max_per_prefix` do not let pass: `refuse` the run, or `skip` the job.
    #[schemars(extend("default" = "refuse", "examples" = ["skip"]))]
    pub(in crate::load) on_violation: Option<OnViolation>,
    /// Across runs and runbooks: a call that another run has bridged, has in flight or left unknown within this time is
    /// skipped. All runbooks of an output directory share a register of calls. Default: other runs do not count.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("examples" = ["24h"]))]
    pub(in crate::load) once_per: Option<String>,
    /// The register of calls, where several output directories share one: a file, relative to the runbook. Default:
    /// `calls.sqlite` in the output directory.
    #[schemars(length(min = 1), extend("examples" = ["/var/lib/bridgebook/calls.sqlite"]))]
    pub(in crate::load) once_store: Option<String>,
}

/// Prefixes and their bounds.
struct MaxPerPrefix;

impl JsonSchema for MaxPerPrefix {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MaxPerPrefix".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": PREFIX},
            "additionalProperties": {"type": "integer", "minimum": 0},
        })
    }
    fn inline_schema() -> bool {
        true
    }
}

/// A text or a mapping. Read by hand: an untagged enum says nothing about what is wrong.
#[derive(Deserialize, Debug)]
#[serde(transparent)]
pub(in crate::load) struct RawDenyNumbers(pub(in crate::load) Value);

impl JsonSchema for RawDenyNumbers {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DenyNumbers".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "object"],
            "minLength": 1,
            "additionalProperties": false,
            "required": ["file"],
            "properties": {
                "file": {
                    "description": "The file, relative to the runbook: CSV with a header, or one number a line.",
                    "type": "string",
                    "minLength": 1,
                    "examples": ["data/do-not-call.csv"],
                },
                "column": {
                    "description": "Its column with the numbers. Default: the only one, or `number`.",
                    "type": "string",
                    "minLength": 1,
                    "examples": ["number"],
                },
                "max_age": {
                    "description": "A file that was last written longer ago is refused. Default: any age.",
                    "type": "string",
                    "pattern": DurationSpec::PATTERN,
                    "examples": ["31d"],
                },
            },
            "examples": ["data/do-not-call.csv", {"file": "data/do-not-call.csv", "max_age": "31d"}],
        })
    }
    fn inline_schema() -> bool {
        true
    }
}
