//! Records written by hand: numbered, a millisecond apart unless told otherwise, and legal.

use crate::event::{
    BridgeAttempt, BridgeIntent, CriterionResult, Ending, Event, FileDigest, JobNotAttempted, JobSkipped, Operator,
    Record, RunFinished, RunStarted, SetPlan, Setting, SettingSource, Stopping, Throttled, Verdict,
};
use crate::model::{
    Evidence as Proof, JobKey, JobNumber, Latency, NumberPrivacy, Outcome, RunId, SetName, SkipReason, Timestamp,
};
use crate::report::{Evidence, Report, ReportBuilder, ReportFile};
use crate::state::RunState;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const HEAD: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

/// An audit file in the making.
pub(super) struct Audit {
    pub(super) records: Vec<Record>,
    now: Timestamp,
    sets: Vec<(&'static str, u64)>,
    call: fn(JobNumber) -> String,
    pub(super) message: Option<&'static str>,
    pub(super) warning: Option<&'static str>,
}

impl Audit {
    pub(super) fn of(sets: &[(&'static str, u64)], criteria: &[&str]) -> Self {
        let now = match serde_json::from_str("\"2026-11-22T08:01:02.000000Z\"") {
            Ok(now) => now,
            Err(error) => panic!("{error}"),
        };
        let call = |job| format!("call-{job:05}");
        let mut audit = Self { records: Vec::new(), now, sets: sets.to_vec(), call, message: None, warning: None };
        audit.push(Event::RunStarted(Box::new(started(sets, criteria))));
        audit
    }

    pub(super) fn with_calls(mut self, call: fn(JobNumber) -> String) -> Self {
        self.call = call;
        self
    }

    pub(super) fn wait(&mut self, millis: u64) {
        self.now = self.now.plus(Duration::from_millis(millis));
    }

    pub(super) fn push(&mut self, event: Event) {
        let seq = self.records.len() as u64 + 1;
        let run_id = RunId::new("20261122T080102Z-4f2a9c");
        self.records.push(Record { v: 1, seq, timestamp: self.now, run_id, event, hash: HEAD.into() });
        self.wait(1);
    }

    pub(super) fn edit_start(&mut self, edit: impl FnOnce(&mut RunStarted)) {
        if let Some(Record { event: Event::RunStarted(started), .. }) = self.records.first_mut() {
            edit(started);
        }
    }

    fn set(&self, job: JobNumber) -> SetName {
        let mut last = 0;
        for (name, jobs) in &self.sets {
            last += jobs;
            if job <= last {
                return SetName::new(*name);
            }
        }
        panic!("no job {job}");
    }

    pub(super) fn intent(&mut self, job: JobNumber, attempt: u32) {
        let call_id = (self.call)(job);
        self.push(Event::BridgeIntent(BridgeIntent {
            job,
            set: self.set(job),
            key: JobKey::new(call_id.clone()),
            request_id: format!("bridge-{call_id}-7d1f{job:04x}"),
            call_id,
            attempt,
            targets: vec!["+1202*****04".into()],
        }));
    }

    /// The end of an attempt: its outcome, evidence, status, microseconds, and whether it ends the job.
    pub(super) fn answer(
        &mut self,
        (job, attempt): (JobNumber, u32),
        (outcome, evidence): (Outcome, Proof),
        status_code: Option<u16>,
        micros: u64,
        is_final: bool,
    ) {
        let call_id = (self.call)(job);
        self.push(Event::BridgeAttempt(BridgeAttempt {
            job,
            set: self.set(job),
            key: JobKey::new(call_id.clone()),
            request_id: format!("bridge-{call_id}-7d1f{job:04x}"),
            attempt,
            outcome,
            success: outcome.is_success(),
            evidence,
            status_code,
            latency_ms: Latency::from_micros(micros),
            queue_ms: Latency::from_micros(micros / 10),
            error_message: self.message.map(|message| message.replace("CALL", &call_id)),
            call_id,
            correlation_id: (outcome == Outcome::Unknown).then(|| format!("ex-{job}")),
            is_final,
            retry_in_ms: None,
            warning: self.warning.map(str::to_owned),
        }));
    }

    /// Intent and 200.
    pub(super) fn bridged(&mut self, job: JobNumber, micros: u64) {
        self.intent(job, 1);
        self.answer((job, 1), (Outcome::Succeeded, Proof::Answer), Some(200), micros, true);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn skip(&mut self, job: JobNumber) {
        self.skip_for(job, SkipReason::When, None);
    }

    pub(super) fn skip_for(&mut self, job: JobNumber, reason: SkipReason, detail: Option<&str>) {
        let (set, call_id) = (self.set(job), Some((self.call)(job)));
        self.push(Event::JobSkipped(JobSkipped {
            job,
            set,
            key: None,
            call_id,
            reason,
            detail: detail.map(str::to_owned),
            attempts: 0,
        }));
    }

    pub(super) fn give_up(&mut self, job: JobNumber) {
        let (set, call_id) = (self.set(job), (self.call)(job));
        let key = JobKey::new(call_id.clone());
        self.push(Event::JobNotAttempted(JobNotAttempted {
            job,
            set,
            key: Some(key),
            call_id: Some(call_id),
            attempts: 0,
        }));
    }

    pub(super) fn throttled(&mut self, job: JobNumber) {
        self.push(Event::Throttled(Throttled { job, status_code: 429, pause_ms: 500, rate_per_s: None }));
    }

    pub(super) fn stopping(&mut self, reason: &str) {
        self.push(Event::Stopping(Stopping { ending: Ending::Interrupted, reason: reason.into(), in_flight: 2 }));
    }

    /// The closing record, with totals as the events before it add up to.
    pub(super) fn finish(&mut self, ending: Ending, verdict: Verdict, criteria: &[(&str, Option<f64>, bool)]) {
        let mut run = RunState::default();
        for record in &self.records {
            if let Err(error) = run.take(record.timestamp, &record.event) {
                panic!("record {}: {error}", record.seq);
            }
        }
        let criteria = criteria.iter().map(|(text, value, met)| CriterionResult {
            criterion: (*text).into(),
            value: *value,
            met: *met,
        });
        self.push(Event::RunFinished(Box::new(RunFinished {
            ending,
            verdict,
            exit_code: match (ending, verdict) {
                (Ending::Interrupted, _) => 14,
                (_, Verdict::Passed) => 0,
                _ => 10,
            },
            totals: run.total().counts(),
            waves: run.wave_counts(),
            sets: run.set_counts(),
            attempts: run.total().attempts,
            criteria: criteria.collect(),
            histograms: run.histograms(),
        })));
    }

    pub(super) fn report(&self) -> Report {
        self.report_with(None)
    }

    pub(super) fn report_with(&self, damage: Option<&str>) -> Report {
        let mut builder = ReportBuilder::default();
        for record in &self.records {
            if let Err(error) = builder.apply(record) {
                panic!("record {}: {error}", record.seq);
            }
        }
        let lines = self.records.len() as u64;
        builder.finish(Evidence {
            head: HEAD.into(),
            lines,
            signed_by: None,
            alive: None,
            unread: false,
            damage: damage.map(str::to_owned),
        })
    }
}

fn started(sets: &[(&'static str, u64)], criteria: &[&str]) -> RunStarted {
    let digest = |file: &str, bytes| FileDigest {
        file: file.into(),
        snapshot: format!("inputs/{file}"),
        sha256: HEAD.into(),
        bytes,
    };
    let setting = |name: &str, value: &str, source| Setting { name: name.into(), value: value.into(), source };
    RunStarted {
        runbook: "after-hours-transfer".into(),
        description: Some("Bridge callers still waiting at closing time to the on-call desk.".into()),
        owner: Some("telephony-ops".into()),
        labels: BTreeMap::from([("change".to_owned(), "CHG-20418".to_owned())]),
        inputs: vec![digest("after-hours.yaml", 1_842), digest("data/waiting-billing.csv", 88_412)],
        profile: "cxone".into(),
        profile_sha256: HEAD.into(),
        tool: "bridgebook 0.1.0".into(),
        operator: Operator { user: "ops".into(), sudo_user: None, host: "batch-01.example.com".into(), pid: 4711 },
        directory: None,
        run_dir: None,
        boot_id: None,
        sandbox: true,
        base_url: Some("https://api.example.com".into()),
        token_url: Some("https://api.example.com/oauth/token".into()),
        settings: vec![
            setting("concurrency", "16", SettingSource::Runbook),
            setting("rate", "25/s", SettingSource::Flag),
            setting("retry.max_attempts", "4", SettingSource::Default),
        ],
        plan_id: None,
        once_store: None,
        numbers: NumberPrivacy::Masked,
        number_key_id: None,
        jobs: sets.iter().map(|(_, jobs)| jobs).sum(),
        sets: sets.iter().map(|(name, jobs)| SetPlan { name: SetName::new(*name), jobs: *jobs }).collect(),
        criteria: criteria.iter().map(|text| (*text).to_owned()).collect(),
    }
}

/// A file of the report, as text.
pub(super) fn file(report: &Report, wanted: &str) -> String {
    let bytes = report.files().find(|file| file.name == wanted).map(|file| bytes_of(&file)).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_else(|error| panic!("{wanted}: {error}"))
}

pub(super) fn bytes_of(file: &ReportFile<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.write_to(&mut bytes).unwrap_or_else(|error| panic!("{}: {error}", file.name));
    bytes
}

/// The rows of a CSV file, by column.
pub(super) fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(text.as_bytes())
        .deserialize()
        .map(|row| row.unwrap_or_else(|error| panic!("{error}")))
        .collect()
}
