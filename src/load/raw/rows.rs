//! `rows:` as people write it.

use crate::model::DurationSpec;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Where rows come from: exactly one of `csv`, `jsonl`, `json`, `stdin` and `items`, or `matrix` alone. A `matrix` beside
/// one of them takes each row once for each combination.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawRows {
    /// A CSV file with a header, relative to the runbook: one job a record.
    #[schemars(length(min = 1), extend("examples" = ["data/waiting-billing.csv"]))]
    pub(in crate::load) csv: Option<String>,
    /// A JSON Lines file, relative to the runbook: one job an object.
    #[schemars(length(min = 1), extend("examples" = ["data/waiting.jsonl"]))]
    pub(in crate::load) jsonl: Option<String>,
    /// A JSON file, relative to the runbook: one job an object of the list that `pointer` leads to.
    #[schemars(length(min = 1), extend("examples" = ["data/export.json"]))]
    pub(in crate::load) json: Option<String>,
    /// Standard input, in this format. Only one set can have it.
    #[schemars(extend("enum" = ["csv", "jsonl", "json"], "examples" = ["csv"]))]
    pub(in crate::load) stdin: Option<String>,
    /// Rows that stand in the runbook itself.
    #[schemars(extend("examples" = [[{"call_id": "call-0001", "number": "+12025550101"}]]))]
    pub(in crate::load) items: Option<Vec<Option<Map<String, Value>>>>,
    /// Every combination of the values of some axes.
    pub(in crate::load) matrix: Option<RawMatrix>,
    /// JSON pointer (RFC 6901) to the list in a JSON document. Default: the document itself.
    #[schemars(regex(pattern = "^(/([^~/]|~[01])*)*$"), extend("default" = "", "examples" = ["/data/calls"]))]
    pub(in crate::load) pointer: Option<String>,
    /// What separates the cells of CSV.
    #[schemars(extend("enum" = [",", ";", "\t", "|"], "default" = ",", "examples" = [";"]))]
    pub(in crate::load) delimiter: Option<String>,
    /// Columns that must be there, whether a template reads them or not.
    #[schemars(length(max = 1000), inner(length(min = 1)), extend("examples" = [["call_id", "callback_number"]]))]
    pub(in crate::load) required_columns: Option<Vec<Option<String>>>,
    /// The oldest that the file may be, by the time of its last change. Default: any age.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("examples" = ["24h"]))]
    pub(in crate::load) max_age: Option<String>,
}

/// The cross product of axes: the last axis changes fastest.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawMatrix {
    /// Values by axis; templates read them as columns of `row`. At most 1,000,000 combinations.
    #[schemars(required, schema_with = "axes", extend("examples" = [{"desk": ["+12025550104", "+12025550105"], "shift": ["day", "night"]}]))]
    pub(in crate::load) axes: Option<Map<String, Value>>,
    /// Combinations that are left out: those that have all values of one of the entries.
    #[serde(default)]
    #[schemars(schema_with = "combinations", extend("examples" = [[{"shift": "night", "desk": "+12025550105"}]]))]
    pub(in crate::load) exclude: Option<Vec<Option<Map<String, Value>>>>,
    /// More combinations, behind the others; each gives every axis a value.
    #[serde(default)]
    #[schemars(schema_with = "combinations", extend("examples" = [[{"desk": "+12025550106", "shift": "weekend"}]]))]
    pub(in crate::load) include: Option<Vec<Option<Map<String, Value>>>>,
}

/// A value of an axis: what a cell can hold.
fn value() -> Value {
    serde_json::json!({"type": ["string", "number", "boolean"]})
}

fn axes(_: &mut SchemaGenerator) -> Schema {
    let values = serde_json::json!({"type": "array", "minItems": 1, "items": value()});
    json_schema!({"type": "object", "minProperties": 1, "additionalProperties": values})
}

fn combinations(_: &mut SchemaGenerator) -> Schema {
    let combination = serde_json::json!({"type": "object", "minProperties": 1, "additionalProperties": value()});
    json_schema!({"type": "array", "maxItems": 1000, "items": combination})
}
