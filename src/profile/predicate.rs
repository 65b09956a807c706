//! A question about an answer's body: does it say this?

use crate::model::{Code, Problem};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// What a body must say: a value of its JSON (`pointer` with `equals` or `one_of`), or the beginning of its text.
#[derive(Clone, PartialEq, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Predicate {
    /// Where the value stands in the JSON body, as a JSON pointer.
    #[schemars(regex(pattern = "^(/[^/]+)+$"), extend("examples" = ["/data/result"]))]
    pointer: Option<String>,
    /// The value that must stand there.
    #[schemars(extend("examples" = ["ok"]))]
    equals: Option<Value>,
    /// The values of which one must stand there.
    #[schemars(length(min = 1), extend("examples" = [["ok", "queued"]]))]
    one_of: Option<Vec<Value>>,
    /// The beginning of the body; blanks in front of it do not count.
    #[schemars(length(min = 1), extend("examples" = ["+OK"]))]
    text_starts_with: Option<String>,
}

impl Predicate {
    /// Whether a body fits.
    pub(super) fn fits(&self, body: &[u8]) -> bool {
        if let Some(start) = &self.text_starts_with {
            return body.trim_ascii_start().starts_with(start.as_bytes());
        }
        let Some(pointer) = &self.pointer else { return false };
        let Ok(json) = serde_json::from_slice::<Value>(body) else { return false };
        let Some(found) = json.pointer(pointer) else { return false };
        self.equals.iter().chain(self.one_of.iter().flatten()).any(|wanted| wanted == found)
    }

    /// Whether it is about a text that need not be JSON.
    pub(super) fn is_text(&self) -> bool {
        self.text_starts_with.is_some()
    }

    /// What is contradictory in it; `at` is its place.
    pub(super) fn problems(&self, at: &str) -> Vec<Problem> {
        let values = usize::from(self.equals.is_some()) + usize::from(self.one_of.is_some());
        let sound = match (&self.pointer, &self.text_starts_with) {
            (Some(_), None) => values == 1,
            (None, Some(_)) => values == 0,
            _ => false,
        };
        if sound {
            return Vec::new();
        }
        let message = "a body is asked either for one value (`pointer` with `equals` or `one_of`) or for its beginning";
        vec![
            Problem::at(Code::ProfileContradiction, at, message)
                .help("write `{pointer: /data/result, equals: ok}` or `{text_starts_with: \"+OK\"}`")
                .on_key(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fits(predicate: &Value, body: &str) -> bool {
        let predicate: Predicate = serde_json::from_value(predicate.clone()).unwrap_or_else(|e| panic!("{e}"));
        assert!(predicate.problems("").is_empty());
        predicate.fits(body.as_bytes())
    }

    #[test]
    fn a_body_fits_by_value_or_by_its_beginning() {
        let ok = json!({"pointer": "/data/result", "equals": "ok"});
        assert!(fits(&ok, r#"{"data":{"result":"ok"}}"#));
        for body in [r#"{"data":{"result":"OK"}}"#, r#"{"data":{}}"#, "ok", "", r#"{"data":{"result":"ok""#] {
            assert!(!fits(&ok, body), "{body}");
        }
        let some = json!({"pointer": "/n", "one_of": [1, null]});
        assert!(fits(&some, r#"{"n":1}"#) && fits(&some, r#"{"n":null}"#) && !fits(&some, r#"{"n":"1"}"#));
        let text = json!({"text_starts_with": "+OK"});
        assert!(fits(&text, "+OK 1\n") && fits(&text, "\r\n+OK") && !fits(&text, "-ERR +OK") && !fits(&text, "+O"));
    }

    #[test]
    fn a_predicate_asks_one_thing() {
        for bad in [
            json!({}),
            json!({"pointer": "/a"}),
            json!({"equals": 1}),
            json!({"pointer": "/a", "equals": 1, "one_of": [1]}),
            json!({"text_starts_with": "a", "equals": 1}),
            json!({"text_starts_with": "a", "pointer": "/a"}),
        ] {
            let predicate: Predicate = serde_json::from_value(bad.clone()).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(predicate.problems("/x").len(), 1, "{bad}");
        }
    }
}
