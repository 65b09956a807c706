//! What tests of the engine's parts have in common: jobs, and a run's state that is told what happens.

use super::dispatcher::Ready;
use crate::event::{BridgeAttempt, BridgeIntent, Event, Happened, RunStarted};
use crate::model::{
    CallId, Evidence, Job, JobKey, JobNumber, Latency, Method, Outcome, RequestSpec, SetName, Timestamp,
};
use crate::state::RunState;

/// A job that asks for nothing.
pub(super) fn job(number: JobNumber, set: &str, call: u64) -> Job {
    let request = RequestSpec { method: Method::Post, path: String::new(), headers: Vec::new(), body: Vec::new() };
    Job {
        number,
        set: SetName::new(set),
        key: JobKey::new(format!("key-{number}")),
        call_id: CallId::new(&format!("call-{call}")).unwrap_or_else(|error| panic!("{error}")),
        request_id: format!("request-{number}"),
        targets: Vec::new(),
        prefixes: Vec::new(),
        request,
        private: Vec::new(),
        probe: None,
        not_after: None,
        after: None,
    }
}

/// The opening record of a run with these sets.
pub(super) fn started(sets: &[(&str, u64)]) -> RunStarted {
    let plan: Vec<_> = sets.iter().map(|(name, jobs)| serde_json::json!({"name": name, "jobs": jobs})).collect();
    serde_json::from_value(serde_json::json!({
        "runbook": "book", "inputs": [], "profile": "cxone", "profile_sha256": "", "tool": "",
        "operator": {"user": "", "host": "", "pid": 1}, "sandbox": true, "base_url": "", "token_url": "",
        "settings": [], "numbers": "masked", "jobs": sets.iter().map(|(_, jobs)| jobs).sum::<u64>(), "sets": plan,
        "criteria": [],
    }))
    .unwrap_or_else(|error| panic!("{error}"))
}

/// The run's state, as the engine folds it.
pub(super) struct Fold(pub(super) RunState);

impl Fold {
    /// A run that has begun.
    pub(super) fn new(sets: &[(&str, u64)]) -> Self {
        let mut fold = Self(RunState::default());
        fold.apply(Event::RunStarted(Box::new(started(sets))));
        fold
    }

    pub(super) fn apply(&mut self, event: Event) {
        let happened = Happened { at: Timestamp::now(), event };
        self.0.apply(&happened).unwrap_or_else(|error| panic!("{error}: {happened:?}"));
    }

    pub(super) fn intent(&mut self, ready: &Ready) {
        self.apply(Event::BridgeIntent(BridgeIntent {
            job: ready.job.number,
            set: ready.job.set.clone(),
            key: ready.job.key.clone(),
            call_id: String::new(),
            attempt: ready.attempt,
            request_id: String::new(),
            targets: Vec::new(),
        }));
    }

    pub(super) fn attempt(&mut self, ready: &Ready, outcome: Outcome, is_final: bool) {
        self.apply(Event::BridgeAttempt(BridgeAttempt {
            job: ready.job.number,
            set: ready.job.set.clone(),
            key: ready.job.key.clone(),
            call_id: String::new(),
            attempt: ready.attempt,
            request_id: String::new(),
            outcome,
            success: outcome.is_success(),
            evidence: Evidence::Answer,
            status_code: None,
            latency_ms: Latency::default(),
            queue_ms: Latency::default(),
            error_message: None,
            correlation_id: None,
            is_final,
            retry_in_ms: None,
            warning: None,
        }));
    }
}
