//! The life of a job. This is the only transition table.

use crate::model::Outcome;

/// Where a job stands. `pending -> in_flight -> one of five`, or `skipped`, or `not_attempted`; a detour in doubt for a request
/// that is sent again with its idempotency key; and from `unknown`, when it is found out, to `succeeded` or `not_bridged`. When a run is resumed, `not_attempted` is pending again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum JobState {
    /// Not yet sent, or proven not processed and due again.
    Pending,
    /// Its intent is recorded; its outcome is not.
    InFlight,
    /// An attempt may have had an effect, and the same request is due again with the same idempotency key.
    Doubtful,
    /// The same, and the intent of the next attempt is recorded.
    InFlightDoubtful,
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
    /// Was unknown, and had no effect, as was found since.
    NotBridged,
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
    /// An attempt ended and the job is tried again: without effect, or in doubt and with its idempotency key.
    Retries(Outcome),
    /// The row is left out.
    Skip,
    /// It was to be tried again, and its time has run out: it ends as its last attempt did.
    Expires(Outcome),
    /// The run ends without it.
    GiveUp,
    /// The run goes on, and its turn may come after all.
    Resumes,
    /// Somebody wants it sent again, although an attempt may have had its effect.
    Reopens,
    /// It is found out what became of an unknown.
    Reconciles(Outcome),
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
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::InFlight,
        Self::Doubtful,
        Self::InFlightDoubtful,
        Self::Succeeded,
        Self::Accepted,
        Self::Rejected,
        Self::NotSent,
        Self::Unknown,
        Self::NotBridged,
        Self::Skipped,
        Self::NotAttempted,
    ];

    /// The one transition function.
    pub fn apply(self, step: Step) -> Result<Self, IllegalStep> {
        let next = match self {
            Self::Pending => Self::from_pending(step),
            Self::InFlight => Self::from_in_flight(step),
            Self::Doubtful => Self::from_doubtful(step),
            Self::InFlightDoubtful => Self::from_in_flight_doubtful(step),
            Self::Unknown => Self::from_unknown(step),
            Self::NotAttempted => (step == Step::Resumes).then_some(Self::Pending),
            Self::Succeeded | Self::Accepted | Self::Rejected | Self::NotSent | Self::NotBridged | Self::Skipped => {
                None
            }
        };
        next.ok_or(IllegalStep { state: self, step })
    }

    fn from_pending(step: Step) -> Option<Self> {
        match step {
            Step::Intent => Some(Self::InFlight),
            Step::Skip => Some(Self::Skipped),
            Step::GiveUp => Some(Self::NotAttempted),
            // Only what is proven not processed can be tried again, so only that can wait here, and end waiting.
            Step::Expires(outcome @ (Outcome::Rejected | Outcome::NotSent)) => Some(outcome.into()),
            Step::Expires(Outcome::Succeeded | Outcome::Accepted | Outcome::Unknown | Outcome::NotBridged)
            | Step::Ends(_)
            | Step::Retries(_)
            | Step::Resumes
            | Step::Reopens
            | Step::Reconciles(_) => None,
        }
    }

    fn from_in_flight(step: Step) -> Option<Self> {
        match step {
            Step::Ends(
                outcome @ (Outcome::Succeeded
                | Outcome::Accepted
                | Outcome::Rejected
                | Outcome::NotSent
                | Outcome::Unknown),
            ) => Some(outcome.into()),
            Step::Retries(Outcome::Rejected | Outcome::NotSent) => Some(Self::Pending),
            Step::Retries(Outcome::Unknown) => Some(Self::Doubtful),
            Step::Retries(Outcome::Succeeded | Outcome::Accepted | Outcome::NotBridged)
            | Step::Ends(Outcome::NotBridged)
            | Step::Intent
            | Step::Skip
            | Step::Expires(_)
            | Step::GiveUp
            | Step::Resumes
            | Step::Reopens
            | Step::Reconciles(_) => None,
        }
    }

    fn from_doubtful(step: Step) -> Option<Self> {
        match step {
            Step::Intent => Some(Self::InFlightDoubtful),
            // Whatever ends the waiting, the attempt before it may have had its effect.
            Step::GiveUp | Step::Expires(Outcome::Unknown) => Some(Self::Unknown),
            Step::Expires(
                Outcome::Succeeded | Outcome::Accepted | Outcome::Rejected | Outcome::NotSent | Outcome::NotBridged,
            )
            | Step::Skip
            | Step::Ends(_)
            | Step::Retries(_)
            | Step::Resumes
            | Step::Reopens
            | Step::Reconciles(_) => None,
        }
    }

    fn from_in_flight_doubtful(step: Step) -> Option<Self> {
        match step {
            // The API knows the key: a success is that of the request, whichever attempt made it.
            Step::Ends(outcome @ (Outcome::Succeeded | Outcome::Accepted)) => Some(outcome.into()),
            // Doubt sticks: that this attempt had no effect says nothing about the one before it.
            Step::Ends(Outcome::Rejected | Outcome::NotSent | Outcome::Unknown) => Some(Self::Unknown),
            Step::Retries(Outcome::Rejected | Outcome::NotSent | Outcome::Unknown) => Some(Self::Doubtful),
            Step::Retries(Outcome::Succeeded | Outcome::Accepted | Outcome::NotBridged)
            | Step::Ends(Outcome::NotBridged)
            | Step::Intent
            | Step::Skip
            | Step::Expires(_)
            | Step::GiveUp
            | Step::Resumes
            | Step::Reopens
            | Step::Reconciles(_) => None,
        }
    }

    fn from_unknown(step: Step) -> Option<Self> {
        match step {
            Step::Reconciles(outcome @ (Outcome::Succeeded | Outcome::NotBridged)) => Some(outcome.into()),
            // The attempt before may have had its effect: only a success ends that doubt.
            Step::Reopens => Some(Self::Doubtful),
            Step::Reconciles(Outcome::Accepted | Outcome::Rejected | Outcome::NotSent | Outcome::Unknown)
            | Step::Intent
            | Step::Ends(_)
            | Step::Retries(_)
            | Step::Skip
            | Step::Expires(_)
            | Step::Resumes
            | Step::GiveUp => None,
        }
    }

    /// Whether the job has ended. An unknown has, though it may be found out later what became of it.
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
            Self::InFlight | Self::Doubtful | Self::InFlightDoubtful => Some(Self::Unknown),
            Self::Succeeded
            | Self::Accepted
            | Self::Rejected
            | Self::NotSent
            | Self::Unknown
            | Self::NotBridged
            | Self::Skipped
            | Self::NotAttempted => None,
        }
    }

    /// The word for it in CSV, JSON and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InFlight => "in_flight",
            Self::Doubtful => "doubtful",
            Self::InFlightDoubtful => "in_flight_doubtful",
            Self::Succeeded => "succeeded",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::NotSent => "not_sent",
            Self::Unknown => "unknown",
            Self::NotBridged => "not_bridged",
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
            Outcome::NotBridged => Self::NotBridged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps() -> impl Iterator<Item = Step> {
        [Step::Intent, Step::Skip, Step::GiveUp, Step::Resumes, Step::Reopens]
            .into_iter()
            .chain(Outcome::ALL.map(Step::Ends))
            .chain(Outcome::ALL.map(Step::Retries))
            .chain(Outcome::ALL.map(Step::Expires))
            .chain(Outcome::ALL.map(Step::Reconciles))
    }

    #[test]
    fn every_pair_of_state_and_step_is_decided_and_only_these_are_legal() {
        use JobState as S;
        use Outcome::{Accepted, NotBridged, NotSent, Rejected, Succeeded, Unknown};
        let mut legal = Vec::new();
        for state in JobState::ALL {
            for step in steps() {
                if let Ok(next) = state.apply(step) {
                    legal.push((state, step, next));
                }
            }
        }
        let expected = [
            (S::Pending, Step::Intent, S::InFlight),
            (S::Pending, Step::Skip, S::Skipped),
            (S::Pending, Step::GiveUp, S::NotAttempted),
            (S::Pending, Step::Expires(Rejected), S::Rejected),
            (S::Pending, Step::Expires(NotSent), S::NotSent),
            (S::InFlight, Step::Ends(Succeeded), S::Succeeded),
            (S::InFlight, Step::Ends(Accepted), S::Accepted),
            (S::InFlight, Step::Ends(Rejected), S::Rejected),
            (S::InFlight, Step::Ends(NotSent), S::NotSent),
            (S::InFlight, Step::Ends(Unknown), S::Unknown),
            (S::InFlight, Step::Retries(Rejected), S::Pending),
            (S::InFlight, Step::Retries(NotSent), S::Pending),
            (S::InFlight, Step::Retries(Unknown), S::Doubtful),
            (S::Doubtful, Step::Intent, S::InFlightDoubtful),
            (S::Doubtful, Step::GiveUp, S::Unknown),
            (S::Doubtful, Step::Expires(Unknown), S::Unknown),
            (S::InFlightDoubtful, Step::Ends(Succeeded), S::Succeeded),
            (S::InFlightDoubtful, Step::Ends(Accepted), S::Accepted),
            (S::InFlightDoubtful, Step::Ends(Rejected), S::Unknown),
            (S::InFlightDoubtful, Step::Ends(NotSent), S::Unknown),
            (S::InFlightDoubtful, Step::Ends(Unknown), S::Unknown),
            (S::InFlightDoubtful, Step::Retries(Rejected), S::Doubtful),
            (S::InFlightDoubtful, Step::Retries(NotSent), S::Doubtful),
            (S::InFlightDoubtful, Step::Retries(Unknown), S::Doubtful),
            (S::Unknown, Step::Reopens, S::Doubtful),
            (S::Unknown, Step::Reconciles(Succeeded), S::Succeeded),
            (S::Unknown, Step::Reconciles(NotBridged), S::NotBridged),
            (S::NotAttempted, Step::Resumes, S::Pending),
        ];
        assert_eq!(legal, expected);
    }

    #[test]
    fn once_in_doubt_only_a_success_or_a_finding_leads_anywhere_but_to_unknown() {
        for state in [JobState::Doubtful, JobState::InFlightDoubtful] {
            assert_eq!(state.after_crash(), Some(JobState::Unknown));
            for next in steps().filter_map(|step| state.apply(step).ok()) {
                let harmless =
                    matches!(next, JobState::Pending | JobState::Rejected | JobState::NotSent | JobState::NotAttempted);
                assert!(!harmless && next != JobState::Skipped, "{state:?} -> {next:?}");
            }
        }
    }
}
