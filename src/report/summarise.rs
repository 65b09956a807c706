//! From the fold to the summary. Judges nothing but whether the file is whole.

use super::builder::ReportBuilder;
use super::errors;
use super::figures::figures;
use super::output::Evidence;
use super::summary::{
    AuditSummary, CriterionSummary, FORMAT_VERSION, InputSummary, OperatorSummary, ProfileSummary,
    ReconciliationSummary, Summary, WarningGroup, WaveSummary,
};
use super::unknown;
use crate::event::{CriterionResult, FileDigest, Operator, WaveCounts};
use crate::model::RunId;
use crate::state::RunState;
use std::time::Duration;

/// Kinds of warning that are listed; a profile has a handful.
const MAX_WARNINGS: usize = 50;

/// Fills the summary in.
pub(super) fn summarise(fold: &ReportBuilder, evidence: Evidence) -> Summary {
    let run = &fold.run;
    let started = run.started();
    let finished = run.finished();
    let duration = run.last().map_or(Duration::ZERO, |last| run.duration(last));
    let (errors, errors_left_out) = errors::group(&fold.jobs, run);
    let unknown = unknown::list(&fold.jobs, run, fold.open_intents);
    let problems = problems(fold, &evidence);
    let complete = problems.is_empty();
    let verdict = run.reconciliation().map(|(_, end)| end.verdict).or(finished.map(|end| end.verdict));
    Summary {
        v: FORMAT_VERSION,
        complete,
        problems,
        run_id: fold.run_id.clone().unwrap_or_else(|| RunId::new("")),
        runbook: started.map(|run| run.runbook.clone()).unwrap_or_default(),
        description: started.and_then(|run| run.description.clone()),
        owner: started.and_then(|run| run.owner.clone()),
        labels: started.map(|run| run.labels.clone()).unwrap_or_default(),
        // Whoever looks at this alone must not find that it passed.
        verdict: verdict.filter(|_| complete),
        ending: finished.map(|end| end.ending),
        exit_code: finished.map(|end| end.exit_code),
        stops: fold.stops.clone(),
        resumptions: fold.resumptions.clone(),
        criteria: criteria(run).into_iter().map(|one| judged(one, complete)).collect(),
        sandbox: started.is_some_and(|run| run.sandbox),
        started: run.began(),
        finished: fold.finished_at,
        last_record: run.last(),
        duration_ms: super::number::millis(duration),
        total: figures(None, run.total(), duration),
        sets: run.by_set().map(|(set, tally)| figures(Some(set), tally, duration)).collect(),
        waves: waves(fold),
        breaker_openings: fold.breaker_openings,
        errors,
        errors_left_out,
        warnings: warnings(fold),
        skips: fold.skips.groups(),
        // These three need one look at every job, after this.
        slowest: Vec::new(),
        events: Vec::new(),
        events_left_out: 0,
        reconciliation: ReconciliationSummary {
            verdict_of_run: run.reconciliation().and(finished.map(|end| end.verdict)),
            ..fold.reconciliation.clone()
        },
        unknown,
        tokens: fold.tokens.clone(),
        tool: started.map(|run| run.tool.clone()).unwrap_or_default(),
        operator: started.map(|run| operator(&run.operator)),
        inputs: started.map(|run| run.inputs.iter().map(input).collect()).unwrap_or_default(),
        profile: started
            .map(|run| ProfileSummary { name: run.profile.clone(), sha256: run.profile_sha256.clone() })
            .unwrap_or_default(),
        base_url: started.and_then(|run| run.base_url.clone()),
        token_url: started.and_then(|run| run.token_url.clone()),
        settings: started.map(|run| run.settings.clone()).unwrap_or_default(),
        numbers: started.map(|run| run.numbers).unwrap_or_default(),
        number_key_id: started.and_then(|run| run.number_key_id.clone()),
        plan_id: started.and_then(|run| run.plan_id.clone()),
        once_store: started.and_then(|run| run.once_store.clone()),
        directory: started.and_then(|run| run.directory.clone()),
        run_dir: started.and_then(|run| run.run_dir.clone()),
        audit: AuditSummary { lines: evidence.lines, head: evidence.head, signed_by: evidence.signed_by },
    }
}

/// A criterion of a file that is not whole has been met by nothing.
fn judged(criterion: CriterionSummary, complete: bool) -> CriterionSummary {
    CriterionSummary { met: criterion.met.filter(|_| complete), ..criterion }
}

/// Damage first: a broken chain makes every sum below it worthless.
fn problems(fold: &ReportBuilder, evidence: &Evidence) -> Vec<String> {
    let damage = evidence.damage.clone();
    // Names and messages are missing then; the sums are not touched by it.
    let lost = fold.jobs.is_unreadable().then(|| "a temporary file of this report cannot be read back".to_owned());
    let damage = damage.or(lost);
    let balance = fold.run.balance().err().map(|imbalance| imbalance.to_string());
    let alive = evidence.alive.as_ref().map(|holder| format!("the run is still going on: {holder}"));
    // Behind a record that cannot be, and in lines that are not read, nobody knows what is missing.
    let balance = balance.filter(|_| fold.disorder.is_none() && !evidence.unread);
    let disorder = fold.disorder.clone();
    alive.into_iter().chain(damage).chain(disorder).chain(balance).collect()
}

/// The closing record's judgement, or the criteria as nobody judged them.
fn criteria(run: &RunState) -> Vec<CriterionSummary> {
    let judged = |results: &[CriterionResult]| results.iter().map(criterion).collect();
    let open = || {
        let written = run.started().into_iter().flat_map(|started| started.criteria.iter());
        written.map(|text| CriterionSummary { criterion: text.clone(), value: None, met: None }).collect()
    };
    let last = run.reconciliation().map(|(_, end)| end.criteria.as_slice());
    last.or(run.finished().map(|end| end.criteria.as_slice())).map_or_else(open, judged)
}

fn waves(fold: &ReportBuilder) -> Vec<WaveSummary> {
    let summary = |counts: WaveCounts| {
        let finished = fold.waves.iter().find(|finished| finished.wave.wave == counts.wave);
        let require = finished.into_iter().flat_map(|finished| finished.require.iter()).map(criterion).collect();
        WaveSummary { counts, passed: finished.map(|finished| finished.passed), require }
    };
    fold.run.wave_counts().into_iter().map(summary).collect()
}

fn criterion(result: &CriterionResult) -> CriterionSummary {
    CriterionSummary { criterion: result.criterion.clone(), value: result.value, met: Some(result.met) }
}

fn warnings(fold: &ReportBuilder) -> Vec<WarningGroup> {
    let groups = fold.jobs.warnings().take(MAX_WARNINGS);
    groups.map(|(message, count, first_jobs)| WarningGroup { message: message.to_owned(), count, first_jobs }).collect()
}

fn operator(who: &Operator) -> OperatorSummary {
    OperatorSummary { user: who.user.clone(), sudo_user: who.sudo_user.clone(), host: who.host.clone(), pid: who.pid }
}

fn input(file: &FileDigest) -> InputSummary {
    InputSummary {
        file: file.file.clone(),
        snapshot: file.snapshot.clone(),
        sha256: file.sha256.clone(),
        bytes: file.bytes,
    }
}
