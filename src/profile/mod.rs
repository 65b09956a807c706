//! What an API is: how a request is authorised, which request makes a bridge, what an answer proves, which fields a job
//! has.
//!
//! A profile is data (YAML); this module gives it meaning. It sends nothing and reads no file.
//!
//! ```text
//! spec (shape) -> compile (all that is wrong, with pointers) -> compiled (answers the other stages' questions)
//! ```

mod answer;
mod auth;
mod body;
mod compile;
mod compiled;
mod constraints;
mod endpoints;
mod fill;
mod job;
mod predicate;
mod probe;
mod request;
mod sandbox;
mod spec;
mod split;
mod uuid;

pub use answer::{Answer, AnswerClass, Answers, WaitUnit, error_text};
pub use auth::{AuthHeader, TokenAnswer, TokenRequest};
pub use compiled::{PayloadSchema, Profile, ProfileError};
pub use constraints::NumberPlace;
pub use endpoints::{Discovery, Urls};
pub use probe::ProbeFinding;
pub use spec::{PROFILE_SCHEMA, profile_checker, profile_schema};
pub use split::Part;
