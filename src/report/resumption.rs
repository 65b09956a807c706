//! The processes that went on with a run after its first one: who, when, with what left to do.

use super::summary::ResumptionSummary;
use crate::event::{RunResumed, Setting};
use crate::model::Timestamp;

/// Resumptions that are listed; a run that was resumed more often is counted by its audit file.
const MAX_LISTED: usize = 100;
/// Changed settings that are listed of each.
const MAX_CHANGED: usize = 50;

/// Takes one in; `before` are the settings until then.
pub(super) fn take(list: &mut Vec<ResumptionSummary>, at: Timestamp, resumed: &RunResumed, before: &[Setting]) {
    if list.len() < MAX_LISTED {
        list.push(ResumptionSummary {
            timestamp: at,
            who: super::reconciliation::who(&resumed.operator),
            tool: resumed.tool.clone(),
            open: resumed.open,
            pending: resumed.pending,
            reopened: 0,
            torn_bytes: resumed.torn_bytes,
            reason: resumed.reason.clone(),
            despite: resumed.despite.clone(),
            changed: changed(before, &resumed.settings),
        });
    }
}

fn changed(before: &[Setting], now: &[Setting]) -> Vec<Setting> {
    let same = |setting: &&Setting| before.iter().any(|old| old.name == setting.name && old.value == setting.value);
    now.iter().filter(|setting| !same(setting)).take(MAX_CHANGED).cloned().collect()
}

/// One line of it.
pub(super) fn words(resumption: &ResumptionSummary) -> String {
    let ResumptionSummary { timestamp, who, open, pending, reopened, torn_bytes, reason, despite, .. } = resumption;
    let settings: Vec<String> =
        resumption.changed.iter().map(|setting| format!("{} {}", setting.name, setting.value)).collect();
    let more = [
        (*reopened > 0).then(|| format!("{reopened} unknown sent again")),
        (*torn_bytes > 0).then(|| format!("a torn line of {torn_bytes} bytes cut off")),
        (!despite.is_empty()).then(|| format!("in spite of {}", despite.join(", "))),
        (!settings.is_empty()).then(|| format!("settings since: {}", settings.join(", "))),
    ];
    let all = [Some(format!("{open} open")), Some(format!("{pending} left to send"))].into_iter().chain(more).flatten();
    let words = format!("{timestamp} by {who}: {}", all.collect::<Vec<_>>().join(", "));
    match reason {
        Some(reason) => format!("{words}; reason: {reason}"),
        None => words,
    }
}
