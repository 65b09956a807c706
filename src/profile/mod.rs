//! What an API is: how a token is asked for, which request makes a bridge, what an answer proves, which fields a job has.
//!
//! A profile is data (YAML); this module gives it meaning. It sends nothing.

mod answer;
mod compiled;
mod constraints;
mod request;
mod spec;

pub use answer::{Answer, AnswerClass, Answers, error_text};
pub use compiled::{PayloadSchema, Profile, ProfileError};
pub use spec::profile_schema;
