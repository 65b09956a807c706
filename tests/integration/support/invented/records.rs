//! What stands in the records of a run that never was.

use super::{Invention, index};
use bridgebook::event::{
    BridgeAttempt, CriterionResult, Ending, Event, JobNotAttempted, Operator, Reconciled, ReconciledBy, RunFinished,
    RunStarted, TokenFetched, Verdict,
};
use bridgebook::model::{Criterion, Evidence, JobKey, JobNumber, NumberPrivacy, Outcome, SetName};
use bridgebook::state::judge;
use std::collections::BTreeMap;

const CRITERIA: [&str; 5] =
    ["success_rate >= 98%", "unknown == 0", "latency.p95 <= 2s", "retries <= 3", "failed == 0 in billing"];
const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
pub(super) const MESSAGES: [&str; 4] =
    ["no such call", "a | b ` c", "<busy> & \"late\" ]]>", "@somebody see #1 at https://example.com"];

impl Invention {
    pub(super) fn started(&mut self) -> RunStarted {
        let criteria = CRITERIA.iter().filter(|text| {
            !text.ends_with(" in billing") || self.sets.iter().any(|set| set.name.as_str() == "billing")
        });
        let criteria = criteria.map(|text| (*text).to_owned()).collect();
        RunStarted {
            runbook: "after-hours | \"transfer\"".to_owned(),
            description: None,
            owner: Some("telephony-ops".to_owned()),
            labels: BTreeMap::from([("change".to_owned(), "CHG-20418".to_owned())]),
            inputs: Vec::new(),
            profile: "cxone".to_owned(),
            profile_sha256: HEX.to_owned(),
            tool: "bridgebook 0.1.0".to_owned(),
            operator: operator(),
            run_dir: None,
            boot_id: None,
            directory: None,
            sandbox: true,
            base_url: None,
            token_url: None,
            settings: Vec::new(),
            plan_id: None,
            once_store: None,
            numbers: NumberPrivacy::Masked,
            number_key_id: None,
            jobs: self.sets.iter().map(|set| set.jobs).sum(),
            sets: self.sets.clone(),
            criteria,
        }
    }

    pub(super) fn token(&mut self) {
        let latency_ms = self.latency();
        self.happens(Event::TokenFetched(TokenFetched {
            generation: 1,
            lifetime_s: 3600,
            lifetime_from: None,
            latency_ms,
            base_url: None,
            missing_scopes: Vec::new(),
        }));
    }

    pub(super) fn names(&self, job: JobNumber) -> (SetName, JobKey, String) {
        let mut last = 0;
        let set = self.sets.iter().find(|set| {
            last += set.jobs;
            job <= last
        });
        let call = format!("call-{job:05}");
        (set.unwrap().name.clone(), JobKey::new(call.clone()), call)
    }

    pub(super) fn attempt(
        &mut self,
        job: JobNumber,
        outcome: Outcome,
        evidence: Evidence,
        status_code: Option<u16>,
        is_final: bool,
    ) {
        let (set, key, call_id) = self.names(job);
        let request_id = format!("bridge-{call_id}-7d1f");
        let (latency_ms, queue_ms) = (self.latency(), self.latency());
        let failed = !outcome.is_success();
        self.happens(Event::BridgeAttempt(BridgeAttempt {
            job,
            set,
            key,
            call_id,
            attempt: self.attempts[index(job)],
            request_id,
            outcome,
            success: !failed,
            evidence,
            status_code,
            latency_ms,
            queue_ms,
            error_message: failed.then(|| MESSAGES[usize::try_from(job).unwrap() % MESSAGES.len()].to_owned()),
            correlation_id: None,
            is_final,
            retry_in_ms: (!is_final).then_some(7),
            warning: (!failed && job.is_multiple_of(17)).then(|| "the answer's body is empty".to_owned()),
        }));
    }

    pub(super) fn give_up(&mut self, job: JobNumber, set: SetName) {
        let (_, key, call_id) = self.names(job);
        let attempts = self.attempts[index(job)];
        let (key, call_id) = (Some(key), Some(call_id));
        self.happens(Event::JobNotAttempted(JobNotAttempted { job, set, key, call_id, attempts }));
    }

    pub(super) fn close(&mut self, ending: Ending) {
        let (criteria, verdict) = self.judged(ending);
        let run = &self.run;
        let finished = RunFinished {
            ending,
            verdict,
            exit_code: if verdict == Verdict::Passed { 0 } else { 10 },
            totals: run.total().counts(),
            sets: run.set_counts(),
            waves: run.wave_counts(),
            attempts: run.total().attempts,
            criteria,
            histograms: run.histograms(),
        };
        self.happens(Event::RunFinished(Box::new(finished)));
    }

    pub(super) fn judged(&self, ending: Ending) -> (Vec<CriterionResult>, Verdict) {
        let written = self.run.started().unwrap().criteria.iter();
        let criteria: Vec<Criterion> = written.map(|text| text.parse().unwrap_or_else(|_| panic!("{text}"))).collect();
        let judged = judge(&criteria, &self.run, self.run.ended().unwrap_or(self.now));
        let passed = ending == Ending::Completed && judged.iter().all(|criterion| criterion.met);
        (judged, if passed { Verdict::Passed } else { Verdict::Failed })
    }

    pub(super) fn found(&mut self, job: JobNumber, by: ReconciledBy, operator: Option<Operator>) {
        let (set, key, call_id) = self.names(job);
        let (from, reason) = (Outcome::Unknown, "it was looked up".to_owned());
        let outcome = if self.rng.bool() { Outcome::Succeeded } else { Outcome::NotBridged };
        let status_code = None;
        let found = Reconciled { job, set, key, call_id, from, outcome, by, reason, status_code, operator };
        self.happens(Event::Reconciled(Box::new(found)));
    }
}

pub(super) fn operator() -> Operator {
    Operator { user: "ops".to_owned(), sudo_user: None, host: "batch-01.example.com".to_owned(), pid: 4711 }
}
