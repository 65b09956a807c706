//! One line -> its record, the short way for the lines that nearly all lines are.
//!
//! Serde reads a record with a tag and flattened fields by way of a copy of everything. An intent and its attempt are
//! therefore read in one step, envelope and event together, straight from the line. What fails here is read once more the long
//! way, which has the words for it: the two never disagree about what is a record.

use crate::event::{BridgeAttempt, BridgeIntent, Event, Record};
use crate::model::{Evidence, JobKey, JobNumber, Latency, Outcome, RunId, SetName, Timestamp};
use serde::Deserialize;
use std::borrow::Cow;

/// A record of an intent or of an attempt: the envelope, what both have, and what only one of them has.
///
/// A field that is here and in the line's event only as an unknown one may fail this way; it is then read the other way.
#[derive(Deserialize)]
struct Flat<'a> {
    v: u32,
    seq: u64,
    timestamp: Timestamp,
    run_id: RunId,
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    hash: String,
    job: JobNumber,
    set: SetName,
    key: JobKey,
    call_id: String,
    attempt: u32,
    request_id: String,
    targets: Option<Vec<String>>,
    outcome: Option<Outcome>,
    success: Option<bool>,
    evidence: Option<Evidence>,
    status_code: Option<u16>,
    latency_ms: Option<Latency>,
    queue_ms: Option<Latency>,
    error_message: Option<String>,
    correlation_id: Option<String>,
    #[serde(rename = "final")]
    is_final: Option<bool>,
    retry_in_ms: Option<u64>,
    warning: Option<String>,
}

/// What a line says; or why it is no record.
pub(super) fn record(line: &[u8]) -> Result<Record, String> {
    match short(line) {
        Some(record) => Ok(record),
        None => serde_json::from_slice(line).map_err(|error| error.to_string()),
    }
}

fn short(line: &[u8]) -> Option<Record> {
    // Once for the whole line, not once for each text in it.
    let flat: Flat<'_> = serde_json::from_str(std::str::from_utf8(line).ok()?).ok()?;
    let Flat { v, seq, timestamp, run_id, hash, job, set, key, call_id, attempt, request_id, .. } = flat;
    let event = match &*flat.event_type {
        "bridge_intent" => {
            let targets = flat.targets?;
            Event::BridgeIntent(BridgeIntent { job, set, key, call_id, attempt, request_id, targets })
        }
        "bridge_attempt" => Event::BridgeAttempt(BridgeAttempt {
            job,
            set,
            key,
            call_id,
            attempt,
            request_id,
            outcome: flat.outcome?,
            success: flat.success?,
            evidence: flat.evidence?,
            status_code: flat.status_code,
            latency_ms: flat.latency_ms?,
            queue_ms: flat.queue_ms?,
            error_message: flat.error_message,
            correlation_id: flat.correlation_id,
            is_final: flat.is_final?,
            retry_in_ms: flat.retry_in_ms,
            warning: flat.warning,
        }),
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
    fn fields_that_only_the_other_event_has_are_unknown_ones() {
        let odd = line(INTENT).replace(r#""attempt":2"#, r#""attempt":2,"outcome":"nonsense","more":[{}]"#);
        assert_eq!(short(odd.as_bytes()), None);
        let long = serde_json::from_str::<Record>(&odd).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(record(odd.as_bytes()), Ok(long));
        let known = line(INTENT).replace(r#""attempt":2"#, r#""attempt":2,"outcome":"unknown""#);
        let long = serde_json::from_str::<Record>(&known).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(short(known.as_bytes()), Some(long));
    }

    #[test]
    fn what_is_no_record_is_none_for_both() {
        let whole = line(ATTEMPT);
        let bad = [
            whole.replace(r#""job":3,"#, ""),
            whole.replace(r#""job":3"#, r#""job":-3"#),
            whole.replace(r#""job":3"#, r#""job":3,"job":4"#),
            whole.replace(r#""job":3"#, r#""job":3,"seq":7"#),
            whole.replace(r#""queue_ms":0.0,"#, ""),
            whole.replace(r#""queue_ms":0.0"#, r#""queue_ms":null"#),
            whole.replace(r#""final":false,"#, ""),
            line(INTENT).replace(r#","targets":["phone:+1202*****04"]"#, ""),
            line(INTENT).replace(r#"["phone:+1202*****04"]"#, "null"),
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
