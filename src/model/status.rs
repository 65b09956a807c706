//! Statuses of HTTP answers, one by one or by the hundred, and what a runbook can make of them.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A status or a class of statuses: `429` or `5xx`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum StatusPattern {
    /// One status.
    Exact(u16),
    /// A hundred statuses.
    Class(String),
}

/// One schema with two types, where a derived one would be an `anyOf`: a slip stays one message.
impl JsonSchema for StatusPattern {
    fn schema_name() -> Cow<'static, str> {
        "StatusPattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": 100,
            "maximum": 599,
            "pattern": Self::PATTERN,
            "examples": [429, "5xx"],
        })
    }

    fn inline_schema() -> bool {
        true
    }
}

impl StatusPattern {
    /// The pattern of a hundred statuses.
    pub const PATTERN: &'static str = "^[1-5]xx$";

    /// Whether it stands for a status whose request may have had an effect: a success, a conflict with what is already
    /// done, or a failure at or behind the server (DESIGN section 4).
    pub fn may_have_had_effect(&self) -> bool {
        (100..=599).filter(|status| self.fit(*status) > 0).any(|status| matches!(status, 100..=299 | 409 | 500..=599))
    }

    /// Whether it stands for a status of success.
    pub fn has_success(&self) -> bool {
        (200..300).any(|status| self.fit(status) > 0)
    }

    /// The danger of calling such a status one without effect.
    pub fn risk(&self, class: StatusClass) -> String {
        let text = self.text();
        match class {
            StatusClass::Refused => format!("a job answered with {text} may have been bridged, and is sent again"),
            StatusClass::Rejected | StatusClass::Unknown => {
                format!("a job answered with {text} may have been bridged, and counts as one that was not")
            }
        }
    }

    /// As it is written.
    pub fn text(&self) -> String {
        match self {
            Self::Exact(status) => status.to_string(),
            Self::Class(class) => class.clone(),
        }
    }

    /// 2 for an exact match, 1 for a class, 0 for none.
    pub fn fit(&self, status: u16) -> u8 {
        match self {
            Self::Exact(exact) => u8::from(*exact == status) * 2,
            Self::Class(class) => {
                u8::from(class.strip_suffix("xx").and_then(|hundred| hundred.parse().ok()) == Some(status / 100))
            }
        }
    }
}

/// What an answer can be made to mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusClass {
    /// Not processed: may be sent again.
    Refused,
    /// Refused for good, and nothing was done.
    Rejected,
    /// The request may have had its effect.
    Unknown,
}

impl StatusClass {
    /// The word in a runbook.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
        }
    }
}

/// A status that means something else than the profile says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MovedStatus {
    /// Which answers.
    pub statuses: StatusPattern,
    /// What they mean.
    pub class: StatusClass,
}
