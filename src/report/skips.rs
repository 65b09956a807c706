//! Jobs that were left out, by reason: what a guard has stopped must be seen, not guessed.

use super::errors::FIRST_JOBS;
use crate::event::JobSkipped;
use crate::model::{JobNumber, SkipReason};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Jobs that were left out for the same reason.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SkipGroup {
    /// Why they were left out.
    pub reason: SkipReason,
    /// How many jobs. The counts of all groups add up to `skipped` of the whole run.
    pub count: u64,
    /// The first of them in plan order, five at most.
    pub first_jobs: Vec<JobNumber>,
    /// More about the first of them, where the file says more: for `once_per`, in which run its call is.
    pub detail: Option<String>,
}

/// Folds them.
#[derive(Debug, Default)]
pub(super) struct Skips(BTreeMap<SkipReason, Group>);

#[derive(Debug, Default)]
struct Group {
    count: u64,
    first: BTreeSet<JobNumber>,
    detail: Option<(JobNumber, String)>,
}

impl Skips {
    /// Takes one in.
    pub(super) fn take(&mut self, skipped: &JobSkipped) {
        let group = self.0.entry(skipped.reason).or_default();
        group.count += 1;
        group.first.insert(skipped.job);
        if group.first.len() > FIRST_JOBS {
            group.first.pop_last();
        }
        if let Some(detail) = &skipped.detail
            && group.detail.as_ref().is_none_or(|(job, _)| skipped.job < *job)
        {
            group.detail = Some((skipped.job, detail.clone()));
        }
    }

    /// The groups, the largest first.
    pub(super) fn groups(&self) -> Vec<SkipGroup> {
        let group = |(reason, group): (&SkipReason, &Group)| SkipGroup {
            reason: *reason,
            count: group.count,
            first_jobs: group.first.iter().copied().collect(),
            detail: group.detail.as_ref().map(|(_, detail)| detail.clone()),
        };
        let mut groups: Vec<SkipGroup> = self.0.iter().map(group).collect();
        groups.sort_by_key(|group| (Reverse(group.count), group.reason.word()));
        groups
    }
}

/// `10 when + 3 deny_numbers`; `None` when nothing was left out.
pub(super) fn words(groups: &[SkipGroup]) -> Option<String> {
    let parts: Vec<String> = groups.iter().map(|group| format!("{} {}", group.count, group.reason.word())).collect();
    (!parts.is_empty()).then(|| parts.join(" + "))
}

/// A reason, for people.
pub(super) fn reason_words(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::When => "the row did not meet the set's `when`",
        SkipReason::DenyNumbers => "a number is on the list of numbers that must not be called",
        SkipReason::DenyPrefixes => "a number begins with a denied prefix",
        SkipReason::PrefixNotAllowed => "a number begins with none of the allowed prefixes",
        SkipReason::RegionNotAllowed => "a number belongs to no allowed region",
        SkipReason::KindNotAllowed => "a premium, satellite, emergency or short number that is not allowed",
        SkipReason::MaxPerPrefix => "its prefix has had all the jobs that it may have",
        SkipReason::Duplicate => "its call stands in the plan before it",
        SkipReason::Expired => "its `not_after` had passed when its turn came",
        SkipReason::EarlierPart => "the part of the bridge before it did not succeed",
        SkipReason::OncePer => "another run has had its call within `once_per`",
    }
}
