//! The shape of a bridge payload: the constraints of the reference API, each with its own message.
//!
//! Checked by hand on the JSON value and not through a derived type, because a derived type also takes an array for
//! an object. Unknown keys are let through, as the real API does. Stateless: whether the call exists, or is bridged
//! already, is the endpoint's business.

use std::collections::HashSet;

use serde_json::Value;

/// The originating call and seven targets make the eight legs of one bridge.
const MAX_TARGETS: usize = 7;
const DIRECTIONS: [&str; 4] = ["inbound", "outbound", "transfer", "consult"];
const DTMF: [&str; 3] = ["RFC2833", "INFO", "PULSE"];

/// `Ok` if the payload is a bridge of this call, else what is wrong with it.
pub(super) fn check(call_id: &str, payload: &Value) -> Result<(), String> {
    if !payload.is_object() {
        return Err("the payload is not an object".into());
    }
    if text(payload, "callId", "callId")? != call_id {
        return Err("callId is not the call of the path".into());
    }
    let targets = array(payload, "targets")?;
    if !(1..=MAX_TARGETS).contains(&targets.len()) {
        return Err(format!("targets has {} items, not 1 to {MAX_TARGETS}", targets.len()));
    }
    for (index, target) in targets.iter().enumerate() {
        one_of(text(target, "type", &format!("targets[{index}].type"))?, &["phone"], "the type of a target")?;
        if !is_phone(text(target, "value", &format!("targets[{index}].value"))?) {
            return Err(format!("targets[{index}].value is not a phone number"));
        }
    }
    one_of(text(payload, "direction", "direction")?, &DIRECTIONS, "direction")?;
    links(array(payload, "bridgeMatrix")?, targets.len())?;
    one_of(text(payload, "dtmf", "dtmf")?, &DTMF, "dtmf")
}

/// Leg 0 is the originating call, leg n the n-th target.
fn links(matrix: &[Value], last_leg: usize) -> Result<(), String> {
    let mut seen = HashSet::new();
    for (index, link) in matrix.iter().enumerate() {
        let leg = |end: &str| {
            link.get(end)
                .and_then(Value::as_u64)
                .filter(|leg| usize::try_from(*leg).is_ok_and(|leg| leg <= last_leg))
                .ok_or_else(|| format!("bridgeMatrix[{index}].{end} is not a leg from 0 to {last_leg}"))
        };
        let link = (leg("source")?, leg("target")?);
        if link.0 == link.1 {
            return Err(format!("bridgeMatrix[{index}] links leg {} to itself", link.0));
        }
        if !seen.insert(link) {
            return Err(format!("bridgeMatrix[{index}] repeats a link"));
        }
    }
    Ok(())
}

/// The reference API's `^\+?[1-9][0-9]{1,14}$`.
fn is_phone(value: &str) -> bool {
    let digits = value.strip_prefix('+').unwrap_or(value).as_bytes();
    (2..=15).contains(&digits.len()) && digits[0] != b'0' && digits.iter().all(u8::is_ascii_digit)
}

fn text<'a>(object: &'a Value, key: &str, place: &str) -> Result<&'a str, String> {
    object.get(key).and_then(Value::as_str).ok_or_else(|| format!("{place} is missing or not a string"))
}

fn array<'a>(object: &'a Value, key: &str) -> Result<&'a [Value], String> {
    let items = object.get(key).and_then(Value::as_array);
    items.map(Vec::as_slice).ok_or_else(|| format!("{key} is missing or not an array"))
}

fn one_of(value: &str, allowed: &[&str], place: &str) -> Result<(), String> {
    if allowed.contains(&value) { Ok(()) } else { Err(format!("{place} is not one of {}", allowed.join(", "))) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A valid payload with one part, given by its JSON pointer, replaced.
    fn with(pointer: &str, value: Value) -> Result<(), String> {
        let mut payload = json!({
            "callId": "call-1",
            "targets": [{"type": "phone", "value": "+12025550101"}, {"type": "phone", "value": "12025550102"}],
            "direction": "transfer",
            "bridgeMatrix": [{"source": 0, "target": 1}, {"source": 0, "target": 2}],
            "dtmf": "RFC2833",
        });
        if let Some(part) = payload.pointer_mut(pointer) {
            *part = value;
        }
        check("call-1", &payload)
    }

    #[test]
    fn a_payload_within_the_constraints_passes() {
        assert_eq!(with("/nothing", json!(0)), Ok(()));
        assert_eq!(with("/bridgeMatrix", json!([])), Ok(()));
        assert_eq!(with("/bridgeMatrix/1", json!({"source": 1, "target": 0})), Ok(()));
        assert_eq!(with("/targets/1/value", json!("44")), Ok(()));
        let target = json!({"type": "phone", "value": "+12025550199"});
        assert_eq!(with("/targets", json!(vec![target; 7])), Ok(()));
    }

    fn refused(pointer: &str, value: Value, message: &str) {
        let error = with(pointer, value);
        assert!(matches!(&error, Err(text) if text.starts_with(message)), "{pointer}: {error:?}, not {message}");
    }

    #[test]
    fn a_target_is_a_phone_number() {
        for value in [
            "",
            "+1",
            "0123",
            "++12025550101",
            "+1 202 555 0101",
            "+12025550101\n",
            "+1202555010112345",
            "\u{661}\u{662}\u{663}",
        ] {
            let message = "targets[1].value is not a phone number";
            refused("/targets/1/value", json!(value), message);
        }
        let number = json!(12_025_550_101_u64);
        refused("/targets/1/value", number, "targets[1].value is missing or not a string");
        refused("/targets/0", json!(["phone", "+12025550101"]), "targets[0].type is missing");
        refused("/targets/0/type", json!("sip"), "the type of a target is not one of phone");
    }

    #[test]
    fn targets_are_one_to_seven() {
        let target = json!({"type": "phone", "value": "+12025550199"});
        refused("/targets", json!({}), "targets is missing or not an array");
        refused("/targets", json!([]), "targets has 0 items");
        refused("/targets", json!(vec![target; 8]), "targets has 8 items");
    }

    #[test]
    fn links_join_two_different_legs_once() {
        let (source, target) = ("/bridgeMatrix/1/source", "/bridgeMatrix/1/target");
        refused(target, json!(3), "bridgeMatrix[1].target is not a leg from 0 to 2");
        refused(source, json!(-1), "bridgeMatrix[1].source is not a leg");
        refused(source, json!(1.5), "bridgeMatrix[1].source is not a leg");
        refused(target, json!(0), "bridgeMatrix[1] links leg 0 to itself");
        refused(target, json!(1), "bridgeMatrix[1] repeats a link");
        refused("/bridgeMatrix", json!(null), "bridgeMatrix is missing or not an array");
    }

    #[test]
    fn the_other_fields_have_their_words() {
        refused("", json!([]), "the payload is not an object");
        refused("/callId", json!("call-2"), "callId is not the call of the path");
        refused("/callId", json!(1), "callId is missing or not a string");
        refused("/direction", json!("sideways"), "direction is not one of inbound, outbound,");
        refused("/dtmf", json!("rfc2833"), "dtmf is not one of RFC2833, INFO, PULSE");
    }
}
