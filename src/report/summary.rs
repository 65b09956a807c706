//! `summary.json`: its shape. The shipped JSON Schema is made from these types and their words.
//!
//! Only `summarise.rs` fills one in. Nothing optional is left out: it is null. Numbers are exact or rounded as their
//! description says; `v` grows when a field changes its meaning or goes away, not when one is added.

use super::course::RunEvent;
use super::skips::SkipGroup;
use super::slowest::SlowJob;
use crate::event::{Ending, ReconciledBy, Setting, Verdict, WaveCounts};
use crate::model::{Evidence, JobNumber, NumberPrivacy, Outcome, RunId, SetName, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the summary's format. 1: the first.
pub(super) const FORMAT_VERSION: u32 = 1;

/// The summary of one run, made from its audit file alone.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Summary {
    /// Format version of this document.
    #[schemars(extend("const" = 1))]
    pub v: u32,
    /// True when the audit file is whole: its chain is intact, it has its closing record, and every job of the plan
    /// is in exactly one final state. When false, no figure below may be taken for the run's result.
    pub complete: bool,
    /// Why it is not complete, in words; empty when it is.
    pub problems: Vec<String>,
    /// The run's id; empty when the file has no opening record.
    pub run_id: RunId,
    /// The runbook's name; empty when the file has no opening record.
    pub runbook: String,
    /// What the runbook is for.
    pub description: Option<String>,
    /// Who answers for the runbook.
    pub owner: Option<String>,
    /// The runbook's labels.
    pub labels: BTreeMap<String, String>,
    /// Passed or failed, as the last reconciliation has it if there was one; null unless `complete`.
    pub verdict: Option<Verdict>,
    /// Why the run ended; null when the file has no closing record.
    pub ending: Option<Ending>,
    /// The exit code of the process; null when the file has no closing record.
    pub exit_code: Option<u8>,
    /// What stopped the run early, in the order in which it happened; empty when nothing did.
    pub stops: Vec<StopSummary>,
    /// Each success criterion with its value at the end.
    pub criteria: Vec<CriterionSummary>,
    /// True when the built-in simulator answered: no real call was touched.
    pub sandbox: bool,
    /// When the run began, in UTC.
    pub started: Option<Timestamp>,
    /// When it ended, in UTC; null when the file has no closing record.
    pub finished: Option<Timestamp>,
    /// The moment of the last record, in UTC.
    pub last_record: Option<Timestamp>,
    /// From the first record to the last, without the time between two processes of the run, in milliseconds with three decimals.
    #[schemars(range(min = 0))]
    pub duration_ms: f64,
    /// The figures of the whole run.
    pub total: Figures,
    /// The figures of each set, in the order of the runbook.
    pub sets: Vec<Figures>,
    /// The counts of each wave that began, and what it has shown; empty for a run without waves.
    #[serde(default)]
    pub waves: Vec<WaveSummary>,
    /// How often the circuit breaker opened: the API did not work, and nothing was sent for a while.
    #[serde(default)]
    pub breaker_openings: u64,
    /// Jobs that ended rejected, not sent, unknown or not bridged, grouped by what became of them; the largest group first.
    pub errors: Vec<ErrorGroup>,
    /// Jobs of further groups that this list leaves out; `results.csv` has them all.
    pub errors_left_out: u64,
    /// Successes with something odd about them, by what it is.
    pub warnings: Vec<WarningGroup>,
    /// Jobs that were left out, by reason; the largest group first.
    #[serde(default)]
    pub skips: Vec<SkipGroup>,
    /// The jobs whose last attempt took longest, 20 at most, the slowest first.
    #[serde(default)]
    pub slowest: Vec<SlowJob>,
    /// What happened to the run as a whole, in the order of time: pauses, the breaker, waves, waits, stops, new processes. At most
    /// 40 entries of a kind, and 200 waves; what follows closely on its like is one entry.
    #[serde(default)]
    pub events: Vec<RunEvent>,
    /// Further stops, resumptions and waves, which only a forged file has.
    #[serde(default)]
    pub events_left_out: u64,
    /// Jobs that may have had an effect nobody confirmed.
    pub unknown: UnknownSummary,
    /// Jobs that were unknown, and of which it was found out what became of them.
    #[serde(default)]
    pub reconciliation: ReconciliationSummary,
    /// The processes that went on with the run, in order; empty for a run of one process.
    #[serde(default)]
    pub resumptions: Vec<ResumptionSummary>,
    /// Access tokens.
    pub tokens: TokenSummary,
    /// Name and version of the tool that ran it.
    pub tool: String,
    /// Who ran it, where; null when the file has no opening record.
    pub operator: Option<OperatorSummary>,
    /// The runbook and every input file.
    pub inputs: Vec<InputSummary>,
    /// The description of the API that was used.
    pub profile: ProfileSummary,
    /// In front of every request path; null where it came with the token.
    pub base_url: Option<String>,
    /// The token endpoint; null where none is asked.
    pub token_url: Option<String>,
    /// Settings in effect, and which layer each came from.
    pub settings: Vec<Setting>,
    /// How telephone numbers are written.
    pub numbers: NumberPrivacy,
    /// Which key the pseudonyms of numbers are made with; null unless `numbers` is `keyed`.
    #[serde(default)]
    pub number_key_id: Option<String>,
    /// The saved plan that the run kept to; null when it was told to keep to none.
    #[serde(default)]
    pub plan_id: Option<String>,
    /// The register of calls that `guards.once_per` asked; null where it asked none.
    #[serde(default)]
    pub once_store: Option<String>,
    /// The working directory that the run was started in; names of inputs are relative to it.
    #[serde(default)]
    pub directory: Option<String>,
    /// The run's own directory when it was started; the file may have been moved since.
    #[serde(default)]
    pub run_dir: Option<String>,
    /// The file that all this was made from.
    pub audit: AuditSummary,
}

/// A process that went on with the run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ResumptionSummary {
    /// When, in UTC.
    pub timestamp: Timestamp,
    /// Who, and where: `user@host`.
    pub who: String,
    /// Name and version of its tool.
    pub tool: String,
    /// Jobs whose effect nobody knew: they became unknown.
    pub open: u64,
    /// Jobs that were left to send.
    pub pending: u64,
    /// Unknown jobs that were sent again, because somebody had said so.
    pub reopened: u64,
    /// Bytes of a torn last line that were cut off.
    pub torn_bytes: u64,
    /// Why, where somebody had to say so.
    pub reason: Option<String>,
    /// Rules that held and were passed over.
    pub despite: Vec<String>,
    /// Settings that are not what they were before, as they are since.
    #[serde(default)]
    pub changed: Vec<Setting>,
}

/// Figures of a set or of the whole run.
///
/// jobs = succeeded + accepted + rejected + `not_sent` + unknown + `not_bridged` + skipped + `not_attempted` + open.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct Figures {
    /// The set; null for the whole run.
    pub set: Option<SetName>,
    /// Jobs of the plan.
    pub jobs: u64,
    /// Bridged, as the server says.
    pub succeeded: u64,
    /// Taken by the server, not confirmed.
    pub accepted: u64,
    /// Refused by an answer.
    pub rejected: u64,
    /// Never reached the server.
    pub not_sent: u64,
    /// May have had an effect.
    pub unknown: u64,
    /// Left out by the runbook or a guard.
    pub skipped: u64,
    /// The run ended first.
    pub not_attempted: u64,
    /// Was unknown, and had no effect, as was found since.
    #[serde(default)]
    pub not_bridged: u64,
    /// Without a final state: pending or in flight. 0 in a complete run.
    pub open: u64,
    /// Attempted jobs: succeeded + accepted + rejected + `not_sent` + unknown + `not_bridged`.
    pub total_operations: u64,
    /// succeeded + accepted.
    pub success_count: u64,
    /// The other attempted jobs: rejected + `not_sent` + unknown + `not_bridged`.
    pub failure_count: u64,
    /// The metric of this name: rejected + `not_sent` + `not_bridged`, those known to have had no effect.
    #[serde(default)]
    pub failed: u64,
    /// `total_operations` of the jobs that were not skipped, 0 to 100 as `success_rate_percent` is; null where all were.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub completion_rate_percent: Option<f64>,
    /// `success_count` of `total_operations`, 0 to 100 with two decimals; 100 only when there is no failure and 0 only
    /// when there is no success. Null without an attempted job.
    #[schemars(range(min = 0, max = 100))]
    pub success_rate_percent: Option<f64>,
    /// Mean service time in milliseconds with three decimals, over every answered attempt; null without one.
    #[schemars(range(min = 0))]
    pub average_latency_ms: Option<f64>,
    /// Service time of the answered attempts, from the first byte sent to the last byte read; null without one.
    pub latency_ms: Option<LatencyFigures>,
    /// Time that attempts waited between "due" and "sent"; null without an attempt.
    pub queue_ms: Option<QueueFigures>,
    /// `total_operations` a second of the whole run's duration, three decimals; null without an attempted job.
    #[schemars(range(min = 0))]
    pub throughput_per_s: Option<f64>,
    /// Requests that were cleared to leave.
    pub attempts: u64,
    /// Attempts after a job's first.
    pub retries: u64,
    /// Answers that asked to slow down.
    pub throttled: u64,
    /// Answered attempts by status code.
    pub by_status: BTreeMap<u16, u64>,
}

/// Service times in milliseconds. Each is a recorded value, chosen by nearest rank.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LatencyFigures {
    /// Answered attempts.
    pub answers: u64,
    /// The shortest.
    pub min: f64,
    /// The median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// Queue times in milliseconds. Each is a recorded value, chosen by nearest rank.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct QueueFigures {
    /// The median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
    /// The longest.
    pub max: f64,
}

/// A success criterion at the end.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CriterionSummary {
    /// The criterion as written.
    pub criterion: String,
    /// The metric's value: counts as they are, percentages 0 to 100, times in milliseconds, rates per second;
    /// null when there is no data or no closing record.
    pub value: Option<f64>,
    /// Whether it is met; null when the run has no closing record and nobody judged it.
    pub met: Option<bool>,
}

/// What stopped a run early.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StopSummary {
    /// When, in UTC.
    pub timestamp: Timestamp,
    /// How the run ends for it.
    pub ending: Ending,
    /// The cause, in words.
    pub reason: String,
    /// Requests in flight at that moment: the overshoot.
    pub in_flight: u64,
}

/// A wave of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WaveSummary {
    /// Its number and its counts.
    #[serde(flatten)]
    pub counts: WaveCounts,
    /// Whether it has shown what it had to; null when the run ended within it.
    pub passed: Option<bool>,
    /// What it had to show, with the values that it has shown.
    pub require: Vec<CriterionSummary>,
}

/// Jobs that failed in the same way.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ErrorGroup {
    /// What is known about their effect.
    pub outcome: Outcome,
    /// Why it is that.
    pub evidence: Evidence,
    /// The last answer's status; null without an answer.
    pub status_code: Option<u16>,
    /// The server's or the network's words, each job's own call id written as `{call_id}`.
    pub message: Option<String>,
    /// How many jobs.
    pub count: u64,
    /// The first of them in plan order, five at most.
    pub first_jobs: Vec<JobNumber>,
    /// What is probably behind it.
    #[serde(default)]
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
}

/// Successes with the same oddity.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WarningGroup {
    /// What is odd.
    pub message: String,
    /// How many answers.
    pub count: u64,
    /// The first jobs in plan order, five at most.
    pub first_jobs: Vec<JobNumber>,
}

/// Jobs that may have had an effect: outcome unknown, or an intent without an outcome.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UnknownSummary {
    /// How many there are.
    pub count: u64,
    /// Those among them whose intent has no outcome in the file, which a crash leaves.
    pub in_flight: u64,
    /// The first 1,000 in plan order.
    pub jobs: Vec<UnknownJob>,
    /// How many this list leaves out; `results.csv` has them all.
    pub left_out: u64,
}

/// A job that may have had an effect.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct UnknownJob {
    /// Its number in plan order.
    pub job: JobNumber,
    /// Its set.
    pub set: String,
    /// Its identity by content.
    pub key: Option<String>,
    /// The call to look up.
    pub call_id: Option<String>,
    /// The request id that the vendor was sent.
    pub request_id: Option<String>,
    /// The vendor's own id of the exchange.
    pub correlation_id: Option<String>,
    /// Why nobody knows.
    pub why: String,
}

/// Jobs that were unknown once, and what they were found to be.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ReconciliationSummary {
    /// Found bridged; they count among `succeeded`.
    pub bridged: u64,
    /// Found not bridged.
    pub not_bridged: u64,
    /// How many the profile's probe found out, in the run or after it.
    pub by_probe: u64,
    /// How many the vendor's records told.
    pub by_records: u64,
    /// How many somebody decided.
    pub by_operator: u64,
    /// When the last reconciliation after the run was closed, in UTC; null when there was none.
    pub last: Option<Timestamp>,
    /// The verdict of the run itself, before that.
    pub verdict_of_run: Option<Verdict>,
    /// The vendor's records that were asked, with their digests.
    pub records: Vec<InputSummary>,
    /// The first 1,000 in the order in which they were found out.
    pub jobs: Vec<ReconciledJob>,
    /// How many this list leaves out; `results.csv` has them all.
    pub left_out: u64,
}

/// A job that was unknown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReconciledJob {
    /// Its number in plan order.
    pub job: JobNumber,
    /// Its set.
    pub set: SetName,
    /// The call.
    pub call_id: String,
    /// `succeeded` or `not_bridged`.
    pub outcome: Outcome,
    /// What says so.
    pub by: ReconciledBy,
    /// In words.
    pub reason: String,
    /// When, in UTC.
    pub timestamp: Timestamp,
    /// True when the run itself found it out.
    pub in_run: bool,
    /// Who reconciled, as `user@host`; null in the run.
    pub who: Option<String>,
}

/// Access tokens of the run.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct TokenSummary {
    /// Tokens that were granted.
    pub fetched: u64,
    /// Requests for one that failed.
    pub failed: u64,
    /// Why the last of those failed.
    pub last_error: Option<String>,
    /// Scopes that were asked for and not granted.
    pub missing_scopes: Vec<String>,
}

/// Who ran it, and where.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OperatorSummary {
    /// The account that the process ran as.
    pub user: String,
    /// The account that called `sudo`; null when none did.
    pub sudo_user: Option<String>,
    /// The machine.
    pub host: String,
    /// The process.
    pub pid: u32,
}

/// An input of the run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct InputSummary {
    /// The file as the runbook or the operator named it.
    pub file: String,
    /// Its copy in the run directory.
    pub snapshot: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// The API's description that was used.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ProfileSummary {
    /// Its name.
    pub name: String,
    /// SHA-256 of its text.
    pub sha256: String,
}

/// The audit file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuditSummary {
    /// Its lines.
    pub lines: u64,
    /// SHA-256 of its last line: the head of the chain. Kept elsewhere, it proves that the file was not changed.
    pub head: String,
    /// SHA-256 of the public key (its `SubjectPublicKeyInfo`) by which the last line is a good signature; absent: the file is not
    /// signed. That it is the right key, `bridgebook verify --public-key` shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
}
