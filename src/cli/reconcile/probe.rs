//! Asking the API about unknown jobs: their requests are made anew from the run's own inputs, and each must be the job that
//! the audit file knows.

use crate::cli::check::Sound;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::reopen::{Reopened, reopen};
use crate::cli::{auth, link, secrets};
use crate::event::{ReconciledBy, RunStarted};
use crate::execute::{Question, Transport, look_up_after};
use crate::expand::Expander;
use crate::model::{Job, JobNumber, Outcome, Planned, RunId, Timestamp};
use crate::profile::ProbeFinding;
use crate::reconcile::{Finding, OpenJob, OpenJobs};
use std::collections::BTreeMap;
use std::path::Path;

/// What the probe said: findings, and why it says nothing about the others.
#[derive(Debug, Default)]
pub(super) struct Probed {
    pub(super) findings: Vec<Finding>,
    pub(super) silent: BTreeMap<JobNumber, String>,
}

/// Looks up each of these jobs.
pub(super) fn probe(
    run_dir: &Path,
    started: &RunStarted,
    run_id: &RunId,
    jobs: &[&OpenJob],
    open: &OpenJobs,
) -> Result<Probed, Failure> {
    let mut probed = Probed::default();
    let (alone, shared): (Vec<&OpenJob>, Vec<&OpenJob>) = jobs.iter().partition(|job| !open.shares_its_call(job));
    for job in shared {
        let why = "another job of the run has the same call: the answer could be about that one";
        probed.silent.insert(job.job, why.to_owned());
    }
    if alone.is_empty() {
        return Ok(probed);
    }
    if started.sandbox {
        return Err(Failure::new(
            Exit::Usage,
            "the run was a rehearsal: its simulator is gone, and knows nothing any more",
        ));
    }
    let reopened = reopen(run_dir, started)?;
    let profile = &reopened.sound.profile;
    if !profile.has_probe() {
        let words = format!("the profile {} has no probe", profile.name());
        return Err(Failure::new(Exit::Configuration, words).help("use --records or --decide"));
    }
    let questions = questions(&reopened, run_id, &alone)?;
    let replies = ask(&reopened, &questions)?;
    for reply in replies {
        let status = reply.status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
        let outcome = match reply.finding {
            ProbeFinding::Bridged => Outcome::Succeeded,
            ProbeFinding::NotBridged => Outcome::NotBridged,
            ProbeFinding::NotYet => {
                let why = format!("the probe says not bridged, too early to count ({status}): ask again later");
                probed.silent.insert(reply.job, why);
                continue;
            }
            ProbeFinding::CannotTell => {
                probed.silent.insert(reply.job, format!("the probe cannot tell ({status})"));
                continue;
            }
        };
        let what = if outcome == Outcome::Succeeded { "a bridged call" } else { "a call that was not bridged" };
        probed.findings.push(Finding {
            job: reply.job,
            outcome,
            by: ReconciledBy::Probe,
            reason: format!("the probe's answer is that of {what}"),
            status_code: reply.status,
        });
    }
    Ok(probed)
}

/// The probe of each job, made from its row.
fn questions(reopened: &Reopened, run_id: &RunId, jobs: &[&OpenJob]) -> Result<Vec<Question>, Failure> {
    let refuse = |words: String| Failure::new(Exit::Invalid, words).help("use --records or --decide");
    let wanted: BTreeMap<JobNumber, &OpenJob> = jobs.iter().map(|job| (job.job, *job)).collect();
    let Reopened { sound: Sound { runbook, profile, selection, .. }, files, .. } = reopened;
    let expander = Expander::new(runbook, profile, files.clone(), selection);
    let census = expander.census(run_id.as_str(), |_| {});
    let streams = expander.streams(&census, run_id.as_str()).map_err(|problem| refuse(problem.message))?;
    let now = Timestamp::now();
    let mut questions = Vec::new();
    for planned in streams.into_iter().flatten() {
        let Ok(Planned::Job(job)) = planned else { continue };
        let Some(open) = wanted.get(&job.number) else { continue };
        if !is_the_same(&job, open) {
            return Err(refuse(format!("job {} of the run's inputs is not the one of its audit file", job.number)));
        }
        let Some(probe) = job.probe else { continue };
        questions.push(Question { job: job.number, probe: *probe, since: now.since(open.last) });
    }
    match wanted.keys().find(|number| !questions.iter().any(|question| question.job == **number)) {
        Some(number) => Err(refuse(format!("job {number} is not among the run's inputs any more"))),
        None => Ok(questions),
    }
}

fn is_the_same(job: &Job, open: &OpenJob) -> bool {
    job.key == open.key
        && job.call_id.as_str() == open.call_id
        && job.request_id == open.request_id
        && job.set == open.set
}

fn ask(reopened: &Reopened, questions: &[Question]) -> Result<Vec<crate::execute::ProbeReply>, Failure> {
    let internal = |error: &dyn std::fmt::Display| Failure::new(Exit::Internal, error);
    let Sound { runbook, profile, .. } = &reopened.sound;
    let urls = auth::urls(runbook, profile)?;
    let credentials = secrets::credentials_at(runbook, &reopened.base)?;
    let settings = link::settings_at(runbook, &reopened.base, &urls)?;
    let transport = Transport::new(settings).map_err(|error| internal(&error))?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| internal(&error))?;
    runtime
        .block_on(look_up_after(&transport, &credentials, profile, &runbook.retry, questions))
        .map_err(|error| auth::no_token(&urls, error))
}
