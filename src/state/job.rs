//! The life of a job. This is the only transition table.

use crate::model::Outcome;

/// Where a job stands. `pending -> in_flight -> one of five`, or `skipped`, or `not_attempted`; nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum JobState {
    /// Not yet sent, or proven not processed and due again.
    Pending,
    /// Its intent is recorded; its outcome is not.
    InFlight,
    /// Bridged.
    Succeeded,
    /// Taken, not confirmed.
    Accepted,
    /// Refused by an answer.
    Rejected,
    /// Never reached the server.
    NotSent,
    /// May have had an effect.
    Unknown,
    /// Left out by `when` or a guard.
    Skipped,
    /// The run ended first.
    NotAttempted,
}

/// What can happen to a job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    /// An intent is recorded.
    Intent,
    /// An attempt ended, and with it the job.
    Ends(Outcome),
    /// An attempt ended without effect and the job is tried again.
    Retries(Outcome),
    /// The row is left out.
    Skip,
    /// It was to be tried again, and its time has run out: it ends as its last attempt did.
    Expires(Outcome),
    /// The run ends without it.
    GiveUp,
}

/// A step that the state does not allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a job that is {state:?} cannot take the step {step:?}")]
pub struct IllegalStep {
    state: JobState,
    step: Step,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::InFlight,
        Self::Succeeded,
        Self::Accepted,
        Self::Rejected,
        Self::NotSent,
        Self::Unknown,
        Self::Skipped,
        Self::NotAttempted,
    ];

    /// The one transition function.
    pub fn apply(self, step: Step) -> Result<Self, IllegalStep> {
        match (self, step) {
            (Self::Pending, Step::Intent) => Ok(Self::InFlight),
            (Self::Pending, Step::Skip) => Ok(Self::Skipped),
            (Self::Pending, Step::GiveUp) => Ok(Self::NotAttempted),
            // Only what is proven not processed can be tried again, so only that can wait, and end waiting.
            (Self::Pending, Step::Expires(outcome @ (Outcome::Rejected | Outcome::NotSent)))
            | (Self::InFlight, Step::Ends(outcome)) => Ok(outcome.into()),
            // Only what is proven not processed may be tried again: never an unknown, never a success.
            (Self::InFlight, Step::Retries(Outcome::Rejected | Outcome::NotSent)) => Ok(Self::Pending),
            (
                Self::InFlight,
                Step::Retries(Outcome::Succeeded | Outcome::Accepted | Outcome::Unknown)
                | Step::Intent
                | Step::Skip
                | Step::Expires(_)
                | Step::GiveUp,
            )
            | (
                Self::Pending,
                Step::Ends(_)
                | Step::Retries(_)
                | Step::Expires(Outcome::Succeeded | Outcome::Accepted | Outcome::Unknown),
            )
            | (
                Self::Succeeded
                | Self::Accepted
                | Self::Rejected
                | Self::NotSent
                | Self::Unknown
                | Self::Skipped
                | Self::NotAttempted,
                Step::Intent | Step::Ends(_) | Step::Retries(_) | Step::Skip | Step::Expires(_) | Step::GiveUp,
            ) => Err(IllegalStep { state: self, step }),
        }
    }

    /// Whether nothing can happen to the job any more.
    pub fn is_final(self) -> bool {
        self.after_crash().is_none()
    }

    /// Whether the server took the job.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Succeeded | Self::Accepted)
    }

    /// Where a job stands after a crash, if it had no final state: what may have left is unknown.
    pub fn after_crash(self) -> Option<Self> {
        match self {
            Self::Pending => Some(Self::NotAttempted),
            Self::InFlight => Some(Self::Unknown),
            Self::Succeeded
            | Self::Accepted
            | Self::Rejected
            | Self::NotSent
            | Self::Unknown
            | Self::Skipped
            | Self::NotAttempted => None,
        }
    }

    /// The word for it in CSV, JSON and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InFlight => "in_flight",
            Self::Succeeded => "succeeded",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
            Self::NotAttempted => "not_attempted",
        }
    }
}

impl From<Outcome> for JobState {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Succeeded => Self::Succeeded,
            Outcome::Accepted => Self::Accepted,
            Outcome::Rejected => Self::Rejected,
            Outcome::NotSent => Self::NotSent,
            Outcome::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_state_and_step_is_decided_and_only_these_are_legal() {
        let steps = [Step::Intent, Step::Skip, Step::GiveUp]
            .into_iter()
            .chain(Outcome::ALL.map(Step::Ends))
            .chain(Outcome::ALL.map(Step::Retries))
            .chain(Outcome::ALL.map(Step::Expires));
        let mut legal = Vec::new();
        for step in steps {
            for state in JobState::ALL {
                if let Ok(next) = state.apply(step) {
                    legal.push((state, step, next));
                }
            }
        }
        let expected = [
            (JobState::Pending, Step::Intent, JobState::InFlight),
            (JobState::Pending, Step::Skip, JobState::Skipped),
            (JobState::Pending, Step::GiveUp, JobState::NotAttempted),
            (JobState::InFlight, Step::Ends(Outcome::Succeeded), JobState::Succeeded),
            (JobState::InFlight, Step::Ends(Outcome::Accepted), JobState::Accepted),
            (JobState::InFlight, Step::Ends(Outcome::Rejected), JobState::Rejected),
            (JobState::InFlight, Step::Ends(Outcome::NotSent), JobState::NotSent),
            (JobState::InFlight, Step::Ends(Outcome::Unknown), JobState::Unknown),
            (JobState::InFlight, Step::Retries(Outcome::Rejected), JobState::Pending),
            (JobState::InFlight, Step::Retries(Outcome::NotSent), JobState::Pending),
            (JobState::Pending, Step::Expires(Outcome::Rejected), JobState::Rejected),
            (JobState::Pending, Step::Expires(Outcome::NotSent), JobState::NotSent),
        ];
        assert_eq!(legal, expected);
    }
}
