//! What an audit file says about the calls of its run: a fold that gives each call's end as it comes by.

use super::api::Api;
use crate::event::{CallNote, Event, RunStarted};
use crate::journal::{ReadError, Reader};
use crate::model::{JobKey, JobNumber, Outcome, RunId, SetName, Timestamp};
use crate::state::{JobState, RunState};
use std::collections::BTreeMap;
use std::path::Path;

/// How a job stands: with an outcome that keeps its call, or without.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PastCall {
    pub(super) note: CallNote,
    pub(super) outcome: Option<Outcome>,
}

/// A run, as its audit file tells it.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) run_id: RunId,
    pub(super) runbook: String,
    /// `None`: a rehearsal with the simulator.
    pub(super) api: Option<Api>,
    /// The line from which on it cannot be read. What stood there is not known.
    pub(super) damage: Option<u64>,
    /// Whether a call without an intent was not sent: the file is whole, and its lines were on the disk before requests left.
    pub(super) is_complete: bool,
}

/// What an audit file has told.
#[derive(Debug)]
pub(super) enum Told {
    /// Not one whole line: the run ended before its first record was durable, and has sent nothing.
    Nothing,
    /// Its first line is no opening record.
    NoRun,
    /// This run.
    Run(Past),
}

/// Reads an audit file; `see` gets each end of a job in order, a later one of the same job counts. Memory is a byte a job, and
/// what was in flight.
pub(super) fn read<E>(
    audit: &Path,
    mut see: impl FnMut(&Past, PastCall) -> Result<(), E>,
) -> Result<Result<Told, E>, ReadError> {
    let (mut past, mut lines): (Option<Past>, u64) = (None, 0);
    let mut run = RunState::default();
    let mut open: BTreeMap<JobNumber, CallNote> = BTreeMap::new();
    for line in Reader::open(audit)? {
        let line = line?;
        if !line.whole {
            // The last line: it was cut off, so nobody was told that it is durable, and nothing was sent on it.
            break;
        }
        lines += 1;
        let sound = line.record.ok().filter(|record| {
            let same = past.as_ref().is_none_or(|past| past.run_id == record.run_id);
            line.intact && same && record.seq == line.number && run.take(record.timestamp, &record.event).is_ok()
        });
        let Some(record) = sound else {
            if let Some(past) = &mut past {
                (past.damage, past.is_complete) = (Some(line.number), false);
            }
            break;
        };
        if let Event::RunStarted(started) = &record.event {
            past = Some(begun(record.run_id.clone(), started));
        }
        let Some(past) = &past else { break };
        let Some((job, note)) = note(record.timestamp, &record.event) else { continue };
        let Some(state) = run.job(job) else { continue };
        if state.is_final() {
            open.remove(&job);
            if let Err(error) = see(past, PastCall { note, outcome: state.effect() }) {
                return Ok(Err(error));
            }
        } else if matches!(record.event, Event::BridgeIntent(_)) {
            open.insert(job, note);
        }
    }
    let Some(past) = past else { return Ok(Ok(if lines == 0 { Told::Nothing } else { Told::NoRun })) };
    for (job, note) in open {
        let outcome = run.job(job).and_then(JobState::effect);
        if let Err(error) = see(&past, PastCall { note, outcome }) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(Told::Run(past)))
}

fn begun(run_id: RunId, started: &RunStarted) -> Past {
    // Lines that were only with the kernel may be gone after a power cut, and their requests are not.
    let at_kernel = |name: &str, value: &str| name.ends_with("durability") && value == "process";
    let is_complete = !started.settings.iter().any(|setting| at_kernel(&setting.name, &setting.value));
    Past { run_id, runbook: started.runbook.clone(), api: Api::of(started), damage: None, is_complete }
}

/// The job that an event is about, with its call.
fn note(at: Timestamp, event: &Event) -> Option<(JobNumber, CallNote)> {
    let note = |set: &SetName, key: &JobKey, call_id: &str| CallNote {
        at,
        set: set.clone(),
        key: key.clone(),
        call_id: call_id.to_owned(),
    };
    match event {
        Event::BridgeIntent(of) => Some((of.job, note(&of.set, &of.key, &of.call_id))),
        Event::BridgeAttempt(of) => Some((of.job, note(&of.set, &of.key, &of.call_id))),
        Event::JobExpired(of) => Some((of.job, note(&of.set, &of.key, &of.call_id))),
        Event::Reconciled(of) => Some((of.job, note(&of.set, &of.key, &of.call_id))),
        Event::JobNotAttempted(of) => Some((of.job, note(&of.set, of.key.as_ref()?, of.call_id.as_deref()?))),
        _ => None,
    }
}
