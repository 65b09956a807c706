//! Rows that come again, put where they were: parts of a split bridge one behind the other, a call's second row under the key
//! that it had.

use super::rows::Cause;
use super::stream::{JobStream, repeated};
use crate::model::again::CALL;
use crate::model::{After, CallId, Code, JobKey, JobNumber, Planned, Problem};

/// The part of a split bridge that came last.
#[derive(Debug)]
pub(super) struct Before {
    index: u64,
    part: usize,
    job: JobNumber,
    call: CallId,
}

/// What a row has to do with the rows before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Linked {
    /// It is the next part of the same bridge.
    pub(super) continues: bool,
    /// It has the key of before, which tells it from other rows of its call.
    pub(super) named: bool,
}

impl JobStream<'_> {
    /// A row that comes again and makes a job of another call than the one that it says: it was changed, or is another row.
    pub(super) fn other_call(&self, jobs: &[Planned]) -> Option<Problem> {
        let call = self.rows.again()?.call.as_deref()?;
        let other = |planned: &Planned| matches!(planned, Planned::Job(job) if job.call_id.as_str() != call);
        jobs.iter().any(other).then(|| {
            let pointer = format!("/sets/{}/rows/{}", self.set.spec.index, self.set.spec.rows.source.key());
            let message = format!("the row makes a job of another call than its `{CALL}` says");
            let problem = Problem::at(Code::ReservedColumn, pointer, message);
            let problem = problem
                .help("put the row back as it was; if you have corrected its call id, correct or empty this cell, too");
            match self.rows.cause(Some(&[CALL.to_owned()])) {
                Some(Cause::Data(place)) => problem.caused_by(place),
                _ => problem,
            }
        })
    }

    /// Links the job of a row that comes again.
    pub(super) fn link(&mut self, jobs: &mut [Planned]) -> Linked {
        let before = self.before.take();
        let ([Planned::Job(job)], Some(again)) = (jobs, self.rows.again()) else { return Linked::default() };
        let mut linked = Linked::default();
        if let (Some(key), None) = (&again.key, &self.set.key)
            && is_repeat(key, &job.key, job.call_id.as_str())
        {
            job.key = JobKey::new(key.as_str());
            linked.named = true;
        }
        if let (Some(part), Some(index)) = (again.part, again.index) {
            let follows = |before: &Before| {
                before.index == index
                    && before.part + 1 == part.part
                    && before.job + 1 == job.number
                    && before.call == job.call_id
            };
            if before.as_ref().is_some_and(follows) {
                job.after = Some(After { job: job.number - 1, must_succeed: true });
                linked.continues = true;
            }
            self.before = Some(Before { index, part: part.part, job: job.number, call: job.call_id.clone() });
        }
        linked
    }
}

/// Whether a key is that of a later row of the same call.
fn is_repeat(key: &str, own: &JobKey, call: &str) -> bool {
    let part = own.as_str().strip_prefix(call).unwrap_or_default();
    let occurrence = key.strip_prefix(call).and_then(|rest| rest.strip_suffix(part)?.strip_prefix('#')?.parse().ok());
    occurrence.is_some_and(|occurrence| occurrence > 1 && repeated(own, call, occurrence).as_str() == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_of_a_later_row_of_the_same_call_is_taken_over() {
        let is = |key: &str, own: &str| is_repeat(key, &JobKey::new(own), "call-1");
        assert!(is("call-1#2", "call-1") && is("call-1#3#1/2", "call-1#1/2"));
        for (key, own) in [
            ("call-1", "call-1"),
            ("call-1#1", "call-1"),
            ("call-1#02", "call-1"),
            ("call-2#2", "call-1"),
            ("call-1#2", "call-1#1/2"),
            ("call-1#2/3", "call-1"),
        ] {
            assert!(!is(key, own), "{key} {own}");
        }
    }
}
