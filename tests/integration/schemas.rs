//! The files in `schemas/` are what the Rust types give. `BLESS=1 cargo test schemas` writes them anew.

use bridgebook::event::Record;
use bridgebook::load::{fragment_schema, runbook_schema};
use bridgebook::profile::{Profile, profile_schema};
use bridgebook::report::{Comparison, RunList, Summary, Trend};
use bridgebook::schema::describe;
use serde_json::Value;
use std::path::Path;

#[test]
fn the_shipped_schemas_are_what_the_types_say() {
    let cxone = Profile::built_in("cxone").unwrap_or_else(|e| panic!("{e}"));
    let made: [(&str, Value); 10] = [
        ("runbook", runbook_schema()),
        ("fragment", fragment_schema()),
        ("profile", profile_schema()),
        ("audit", describe::<Record>("audit", "line of a bridgebook audit file")),
        ("summary", describe::<Summary>("summary", "bridgebook summary.json")),
        ("trend", describe::<Trend>("trend", "bridgebook trend.json")),
        ("comparison", describe::<Comparison>("comparison", "bridgebook report --compare --format json")),
        ("runs", describe::<RunList>("runs", "bridgebook runs --format json")),
        ("job", cxone.job_schema()),
        ("payload", cxone.payload_schema()),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for (name, schema) in made {
        let path = folder.join(format!("{name}.schema.json"));
        let text = serde_json::to_string_pretty(&schema).unwrap_or_else(|e| panic!("{e}")) + "\n";
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &text).unwrap_or_else(|e| panic!("{e}"));
        }
        let shipped = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{e}"));
        assert!(shipped == text, "{} is not what the types say: BLESS=1 cargo test schemas", path.display());
    }
}
