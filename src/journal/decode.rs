//! One line -> its record, the short way for the lines that nearly all lines are.
//!
//! Serde reads a record with a tag and flattened fields by way of a copy of everything. An intent and its attempt are
//! therefore read in two steps, envelope and event, straight from the line. What fails here is read once more the long
//! way, which has the words for it: the two never disagree about what is a record.

use crate::event::{BridgeAttempt, BridgeIntent, Event, Record};
use crate::model::{RunId, Timestamp};
use serde::Deserialize;
use std::borrow::Cow;

/// A record without its event.
#[derive(Deserialize)]
struct Envelope<'a> {
    v: u32,
    seq: u64,
    timestamp: Timestamp,
    run_id: RunId,
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    hash: String,
}

/// What a line says; or why it is no record.
pub(super) fn record(line: &[u8]) -> Result<Record, String> {
    match short(line) {
        Some(record) => Ok(record),
        None => serde_json::from_slice(line).map_err(|error| error.to_string()),
    }
}

fn short(line: &[u8]) -> Option<Record> {
    let Envelope { v, seq, timestamp, run_id, event_type, hash } = serde_json::from_slice(line).ok()?;
    let event = match &*event_type {
        "bridge_intent" => Event::BridgeIntent(serde_json::from_slice::<BridgeIntent>(line).ok()?),
        "bridge_attempt" => Event::BridgeAttempt(serde_json::from_slice::<BridgeAttempt>(line).ok()?),
        _ => return None,
    };
    Some(Record { v, seq, timestamp, run_id, event, hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line with the fields of its event.
    fn line(event: &str) -> String {
        let hash = "0".repeat(64);
        format!(r#"{{"v":1,"seq":7,"timestamp":"2026-11-22T08:01:02.123456Z","run_id":"r",{event},"hash":"{hash}"}}"#)
    }

    const INTENT: &str = r#""event_type":"bridge_intent","job":3,"set":"a","key":"k\n","call_id":"c","attempt":2,"request_id":"x","targets":["phone:+1202*****04"]"#;
    const ATTEMPT: &str = r#""event_type":"bridge_attempt","job":3,"set":"a","key":"k","call_id":"c","attempt":1,"request_id":"x","outcome":"unknown","success":false,"evidence":"timeout","status_code":null,"latency_ms":1.5,"queue_ms":0.0,"error_message":"é \u00e9","final":false,"retry_in_ms":5"#;

    #[test]
    fn both_ways_read_the_same() {
        for event in [INTENT, ATTEMPT] {
            let line = line(event);
            let long = serde_json::from_str::<Record>(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(short(line.as_bytes()).as_ref(), Some(&long), "{line}");
            assert_eq!(record(line.as_bytes()), Ok(long));
        }
    }

    #[test]
    fn what_is_no_record_is_none_for_both() {
        let whole = line(ATTEMPT);
        let bad = [
            whole.replace(r#""job":3,"#, ""),
            whole.replace(r#""job":3"#, r#""job":-3"#),
            whole.replace(r#""job":3"#, r#""job":3,"job":4"#),
            whole.replace(r#""seq":7"#, r#""seq":"7""#),
            whole.replace("2026-11-22T", "2026-11-22"),
            whole.replace(r#""timeout""#, r#""time""#),
            whole.replace("bridge_attempt", "bridge_attempts"),
            whole.replace(r#""event_type":"bridge_attempt","#, ""),
            whole[..whole.len() - 1].to_owned(),
            format!("{whole} x"),
        ];
        for line in bad {
            let long = serde_json::from_str::<Record>(&line).map_err(|error| error.to_string());
            assert!(long.is_err(), "{line}");
            assert_eq!(short(line.as_bytes()), None, "{line}");
            assert_eq!(record(line.as_bytes()), long);
        }
    }
}
