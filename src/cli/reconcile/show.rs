//! What a reconciliation has found out, in words and as JSON.

use crate::cli::args::Format;
use crate::cli::failure::Failure;
use crate::cli::print;
use crate::event::{Counts, Happened, Verdict};
use crate::model::{JobNumber, Outcome, RunId, printable};
use crate::reconcile::{Finding, OpenJob, OpenJobs};
use crate::state::RunState;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Jobs that are listed for people; the JSON has them all.
const MAX_LISTED: usize = 50;
/// Characters of one text on a line.
const MAX_TEXT: usize = 120;

/// What is told.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) run_id: RunId,
    pub(super) dry_run: bool,
    /// The run was cut off and is ended by this.
    pub(super) closes: bool,
    pub(super) verdict: Option<Verdict>,
    /// Why nothing is said about a job.
    pub(super) silent: BTreeMap<JobNumber, String>,
    found: Vec<Value>,
    left: Vec<Value>,
    lines: usize,
    totals: Counts,
    found_words: Vec<String>,
    left_words: Vec<String>,
}

impl Told {
    pub(super) fn about(run_id: RunId, dry_run: bool, closes: bool) -> Self {
        Self {
            run_id,
            dry_run,
            closes,
            verdict: None,
            silent: BTreeMap::new(),
            found: Vec::new(),
            left: Vec::new(),
            lines: 0,
            totals: Counts::default(),
            found_words: Vec::new(),
            left_words: Vec::new(),
        }
    }

    /// Takes in what was found out, and what is left.
    pub(super) fn take(&mut self, run: &RunState, open: &OpenJobs, findings: &[Finding], lines: &[Happened]) {
        self.lines = lines.len();
        self.totals = run.total().counts();
        for finding in findings {
            let Some(job) = open.get(finding.job) else { continue };
            let word = if finding.outcome == Outcome::NotBridged { "not bridged" } else { "bridged" };
            self.found_words.push(format!("{word:<12}{}: {}", name(job), clean(&finding.reason)));
            self.found.push(json!({
                "job": job.job, "set": job.set, "key": job.key, "call_id": job.call_id, "request_id": job.request_id,
                "outcome": finding.outcome, "by": finding.by, "reason": finding.reason, "status_code": finding.status_code,
            }));
        }
        for job in open.unknown(run) {
            let why = self.silent.get(&job.job).map_or("nothing was asked about it", String::as_str);
            self.left_words.push(format!("{:<12}{}: {}", "unknown", name(job), clean(why)));
            self.left.push(json!({
                "job": job.job, "set": job.set, "key": job.key, "call_id": job.call_id, "request_id": job.request_id,
                "correlation_ids": job.correlation_ids, "last": job.last, "why": why,
            }));
        }
    }

    /// Prints it.
    pub(super) fn print(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Json => print::json(&json!({
                "run_id": self.run_id, "dry_run": self.dry_run, "closes": self.closes, "found": self.found,
                "left": self.left, "lines": self.lines, "totals": self.totals, "verdict": self.verdict,
            })),
            Format::Human => print::text(&self.words()),
        }?;
        Ok(())
    }

    fn words(&self) -> String {
        let mut text = String::new();
        for list in [&self.found_words, &self.left_words] {
            for line in list.iter().take(MAX_LISTED) {
                let _ = writeln!(text, "{line}");
            }
            if list.len() > MAX_LISTED {
                let _ = writeln!(text, "{:<12}and {} more; --format json has them all", "...", list.len() - MAX_LISTED);
            }
        }
        let Counts { jobs, succeeded, unknown, not_bridged, .. } = self.totals;
        let _ = writeln!(
            text,
            "{:<12}{jobs} jobs: {succeeded} succeeded, {not_bridged} not bridged, {unknown} unknown",
            "now"
        );
        if let Some(verdict) = self.verdict {
            let verdict = if verdict == Verdict::Passed { "every criterion is met" } else { "FAILED" };
            let _ = writeln!(text, "{:<12}{verdict}", "verdict");
        }
        let written = match (self.lines, self.dry_run) {
            (0, _) => "nothing: no job was found out".to_owned(),
            (lines, true) => format!("nothing (--dry-run); it would be {}", print::plural(lines as u64, "line")),
            (lines, false) => format!("{} behind those of the run", print::plural(lines as u64, "line")),
        };
        let _ = writeln!(text, "{:<12}{written}", "written");
        text
    }
}

fn name(job: &OpenJob) -> String {
    format!("job {} of {}, call {}", job.job, clean(job.set.as_str()), clean(&job.call_id))
}

fn clean(text: &str) -> String {
    printable(text, MAX_TEXT).into_owned()
}
