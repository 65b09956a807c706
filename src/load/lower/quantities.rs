//! Durations and rates -> their types.

use crate::model::{Code, DurationSpec, Problem, QuantityError, Rate};
use std::time::Duration;

/// Reads quantities; what does not fit is a problem, and the default stands in.
pub(super) struct Quantities<'a> {
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Quantities<'_> {
    pub(super) fn get(&mut self, pointer: &str, text: Option<&str>, default_secs: u64) -> DurationSpec {
        self.duration(pointer, text, DurationSpec::from(Duration::from_secs(default_secs)))
    }

    pub(super) fn duration(&mut self, pointer: &str, text: Option<&str>, default: DurationSpec) -> DurationSpec {
        match text.map(str::parse) {
            None => default,
            Some(Ok(duration)) => duration,
            Some(Err(error)) => {
                let error: QuantityError = error;
                self.problems.push(
                    Problem::at(Code::OutOfRange, pointer, error.to_string())
                        .help("write a shorter one, for example 30s"),
                );
                default
            }
        }
    }

    pub(super) fn rate(&mut self, pointer: &str, text: Option<&str>) -> Option<Rate> {
        match text?.parse::<Rate>() {
            Ok(rate) => Some(rate),
            Err(error) => {
                self.problems
                    .push(Problem::at(Code::OutOfRange, pointer, error.to_string()).help("write for example 25/s"));
                None
            }
        }
    }
}
