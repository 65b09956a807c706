//! The jobs that were unknown once: what they were found to be, by what, and when.
//!
//! They count where they belong now; this list tells them apart from those whose own answer said so.

use super::summary::{InputSummary, ReconciledJob, ReconciliationSummary};
use crate::event::{Operator, Reconciled, ReconciledBy, ReconciliationFinished};
use crate::model::{Outcome, Timestamp};

/// Jobs that are listed. A run with more unknowns is no longer read line by line.
const MAX_LISTED: u64 = 1_000;
/// Files of records that are listed; a forged file may name more.
const MAX_RECORDS: usize = 50;

/// Takes a finding in.
pub(super) fn take(summary: &mut ReconciliationSummary, at: Timestamp, found: &Reconciled, in_run: bool) {
    match found.outcome {
        Outcome::NotBridged => summary.not_bridged += 1,
        _ => summary.bridged += 1,
    }
    match found.by {
        ReconciledBy::Probe => summary.by_probe += 1,
        ReconciledBy::Records => summary.by_records += 1,
        ReconciledBy::Operator => summary.by_operator += 1,
    }
    if summary.bridged + summary.not_bridged > MAX_LISTED {
        summary.left_out += 1;
        return;
    }
    summary.jobs.push(ReconciledJob {
        job: found.job,
        set: found.set.clone(),
        call_id: found.call_id.clone(),
        outcome: found.outcome,
        by: found.by,
        reason: found.reason.clone(),
        timestamp: at,
        in_run,
        who: found.operator.as_ref().map(who),
    });
}

/// Takes the end of a reconciliation in.
pub(super) fn close(summary: &mut ReconciliationSummary, at: Timestamp, closing: &ReconciliationFinished) {
    summary.last = Some(at);
    if let Some(file) = closing.records.as_ref().filter(|_| summary.records.len() < MAX_RECORDS) {
        summary.records.push(InputSummary {
            file: file.file.clone(),
            snapshot: file.snapshot.clone(),
            sha256: file.sha256.clone(),
            bytes: file.bytes,
        });
    }
}

pub(super) fn who(operator: &Operator) -> String {
    let sudo = operator.sudo_user.as_ref().map(|user| format!(" (sudo by {user})")).unwrap_or_default();
    format!("{}@{}{sudo}", operator.user, operator.host)
}

/// The stable word for what resolved an unknown, as in the audit file.
pub(super) fn reconciled_word(by: ReconciledBy) -> &'static str {
    match by {
        ReconciledBy::Probe => "probe",
        ReconciledBy::Records => "records",
        ReconciledBy::Operator => "operator",
    }
}

/// One line; `None` when there is nothing to tell.
pub(super) fn words(summary: &ReconciliationSummary) -> Option<String> {
    let all = summary.bridged + summary.not_bridged;
    let by = [("probe", summary.by_probe), ("records", summary.by_records), ("operator", summary.by_operator)];
    let by: Vec<String> =
        by.into_iter().filter(|(_, jobs)| *jobs > 0).map(|(word, jobs)| format!("{jobs} by {word}")).collect();
    let when = summary.last.map(|at| format!("; last {at}")).unwrap_or_default();
    (all > 0 || summary.last.is_some()).then(|| {
        format!(
            "{all} that were unknown: {} bridged, {} not bridged ({}){when}",
            summary.bridged,
            summary.not_bridged,
            if by.is_empty() { "none".to_owned() } else { by.join(", ") },
        )
    })
}
