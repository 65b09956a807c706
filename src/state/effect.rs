//! What a job's state means for its call: whether another run may send it.

use super::JobState;
use crate::model::Outcome;

impl JobState {
    /// The outcome for which the job's call must not be sent again, once nobody goes on with the job; `None`: nothing of it
    /// can have had an effect.
    pub fn effect(self) -> Option<Outcome> {
        match self {
            Self::Succeeded => Some(Outcome::Succeeded),
            Self::Accepted => Some(Outcome::Accepted),
            Self::Unknown | Self::InFlight | Self::Doubtful | Self::InFlightDoubtful => Some(Outcome::Unknown),
            Self::Pending | Self::Rejected | Self::NotSent | Self::NotBridged | Self::Skipped | Self::NotAttempted => {
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_keeps_its_call_exactly_when_it_ends_as_one_that_may_have_had_an_effect() {
        for state in JobState::ALL {
            let end = state.after_crash().unwrap_or(state);
            assert_eq!(state.effect(), end.effect(), "{state:?}");
            let word = end.effect().map(|outcome| JobState::from(outcome).word());
            let kept = matches!(end, JobState::Succeeded | JobState::Accepted | JobState::Unknown);
            assert_eq!(word, kept.then_some(end.word()), "{state:?}");
        }
    }
}
