//! The guards of a runbook, ready to judge: which numbers may be called.
//!
//! What the rows alone decide is decided here; what depends on the rows before (duplicates, counts) is in `order`.

use super::deny_list::DenyList;
use super::files::Files;
use crate::model::{
    Code, NumberKind, NumberPrivacy, OnViolation, PhoneNumber, Problem, Region, RiskyKind, Runbook, SkipReason,
};
use crate::phone::{self, Phone};
use crate::profile::NumberPlace;
use crate::template::nearest;

/// Regions that people write as they call the country.
const MISNAMED: [(&str, &str); 3] = [("UK", "GB"), ("EN", "GB"), ("EL", "GR")];

/// A number of a job, and what is known about it.
#[derive(Clone, Debug)]
pub(super) struct Target<'v> {
    /// Where it stands in the job.
    pub(super) place: NumberPlace<'v>,
    pub(super) number: &'v str,
    pub(super) phone: Phone,
}

/// What the guards say about a row.
#[derive(Debug)]
pub(super) enum Judgement {
    /// It may run, perhaps with warnings.
    Pass(Vec<Problem>),
    /// It is left out.
    Skip(SkipReason),
    /// It refuses the run.
    Refuse(Vec<Problem>),
}

/// Compiled guards.
#[derive(Debug, Default)]
pub(super) struct Guards {
    allow_prefixes: Vec<String>,
    allow_regions: Vec<Region>,
    deny_prefixes: Vec<String>,
    deny_list: Option<DenyList>,
    allow: Vec<RiskyKind>,
    max_per_prefix: Vec<(String, u64)>,
    pub(super) on_violation: OnViolation,
    numbers: NumberPrivacy,
}

impl Guards {
    /// Checks the guards themselves, and reads the list of numbers that are never called.
    pub(super) fn compile(runbook: &Runbook, files: &Files, problems: &mut Vec<Problem>) -> Self {
        let spec = &runbook.guards;
        let named = |list: &str, index: usize| format!("/guards/{list}/{index}");
        let prefixes = spec.allow_prefixes.iter().enumerate().map(|(i, prefix)| (named("allow_prefixes", i), prefix));
        let prefixes = prefixes
            .chain(spec.deny_prefixes.iter().enumerate().map(|(i, prefix)| (named("deny_prefixes", i), prefix)));
        problems.extend(prefixes.filter_map(|(pointer, prefix)| unknown_prefix(pointer, prefix)));
        problems.extend(spec.max_per_prefix.iter().filter_map(|(prefix, _)| {
            unknown_prefix(format!("/guards/max_per_prefix/{prefix}"), prefix).map(Problem::on_key)
        }));
        problems.extend(runbook.limits.per_prefix.iter().filter_map(|(prefix, _)| {
            unknown_prefix(format!("/limits/per_prefix/{prefix}"), prefix).map(Problem::on_key)
        }));
        let regions = spec.allow_regions.iter().enumerate();
        problems.extend(regions.filter_map(|(i, region)| unknown_region(named("allow_regions", i), region)));
        let deny_list =
            spec.deny_numbers.as_ref().and_then(|spec| DenyList::read(spec, files, runbook.numbers, problems));
        let mut max_per_prefix = spec.max_per_prefix.clone();
        // The longest prefix counts: it is met first.
        max_per_prefix.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self {
            allow_prefixes: spec.allow_prefixes.clone(),
            allow_regions: spec.allow_regions.iter().filter_map(|region| Region::new(region)).collect(),
            deny_prefixes: spec.deny_prefixes.clone(),
            deny_list,
            allow: spec.allow.clone(),
            max_per_prefix,
            on_violation: spec.on_violation,
            numbers: runbook.numbers,
        }
    }

    /// Judges a row by its numbers. A number that is never called decides first: its job is skipped, whatever else is
    /// wrong with it.
    pub(super) fn judge(&self, targets: &[Target<'_>]) -> Judgement {
        if let Some(list) = &self.deny_list
            && targets.iter().any(|target| list.contains(target.number))
        {
            return Judgement::Skip(SkipReason::DenyNumbers);
        }
        let impossible: Vec<Problem> =
            targets.iter().filter(|target| target.phone.possible == Some(false)).map(|t| self.impossible(t)).collect();
        if !impossible.is_empty() {
            return Judgement::Refuse(impossible);
        }
        let violations: Vec<_> = targets.iter().filter_map(|target| self.violation(target)).collect();
        match violations.first() {
            Some((reason, _)) if self.on_violation == OnViolation::Skip => Judgement::Skip(*reason),
            Some(_) => Judgement::Refuse(violations.into_iter().map(|(_, problem)| problem).collect()),
            None => Judgement::Pass(
                targets.iter().filter(|target| target.phone.valid == Some(false)).map(|t| self.invalid(t)).collect(),
            ),
        }
    }

    /// The first guard that does not let a number pass.
    fn violation(&self, target: &Target<'_>) -> Option<(SkipReason, Problem)> {
        let Target { place, number, phone } = target;
        let shown = || self.shown(number);
        let no = |reason, code, message: String, help: String| {
            Some((reason, Problem::at(code, place.pointer(), message).help(help)))
        };
        // A server may put the plus back: without it a number is denied as well.
        let digits = number.trim_start_matches('+');
        if let Some(prefix) = self.deny_prefixes.iter().find(|prefix| digits.starts_with(&prefix[1..])) {
            let help = "take the row out, or the prefix out of `guards.deny_prefixes`";
            let message = format!("{} begins with {prefix}, which `deny_prefixes` names", shown());
            return no(SkipReason::DenyPrefixes, Code::PrefixDenied, message, help.to_owned());
        }
        if let Some(risky) = RiskyKind::of(phone.kind).filter(|risky| !self.allow.contains(risky)) {
            let kind = phone.kind.word();
            let message = format!("{} is {}, which is never called unless it is allowed", shown(), described(risky));
            let help = format!("if it is meant, write `allow: [{kind}]` under `guards`");
            return no(SkipReason::KindNotAllowed, Code::KindNotAllowed, message, help);
        }
        let allowed = |prefix: &String| number.starts_with(prefix.as_str());
        if !self.allow_prefixes.is_empty() && !self.allow_prefixes.iter().any(allowed) {
            let message = if number.starts_with('+') {
                format!("{} begins with none of `allow_prefixes`: {}", shown(), self.allow_prefixes.join(", "))
            } else {
                format!("{} has no country code, so no prefix of `allow_prefixes` can fit", shown())
            };
            let help = "correct the number, or add its prefix".to_owned();
            return no(SkipReason::PrefixNotAllowed, Code::PrefixNotAllowed, message, help);
        }
        let in_region = |region: Region| self.allow_regions.contains(&region);
        if !self.allow_regions.is_empty() && !phone.region.is_some_and(in_region) {
            let regions = self.allow_regions.iter().map(Region::as_str).collect::<Vec<_>>().join(", ");
            let message = match phone.region {
                Some(region) => format!("{} belongs to {region}, `allow_regions` has {regions}", shown()),
                None if number.starts_with('+') => {
                    format!("{} belongs to no known region, `allow_regions` has {regions}", shown())
                }
                None => format!("{} has no country code, so nobody knows its region", shown()),
            };
            let help = phone.region.map_or_else(
                || "correct the number".to_owned(),
                |region| format!("correct the number, or add {region} to `allow_regions`"),
            );
            return no(SkipReason::RegionNotAllowed, Code::RegionNotAllowed, message, help);
        }
        None
    }

    fn shown(&self, number: &str) -> String {
        self.numbers.number(&PhoneNumber::new(number))
    }

    fn impossible(&self, target: &Target<'_>) -> Problem {
        let message =
            format!("{} cannot be a telephone number: no country has numbers like it", self.shown(target.number));
        let help = match target.phone.kind {
            NumberKind::ShortCode => "a short or emergency number stands without plus, or behind its country code",
            _ => "check its country code and the number of its digits",
        };
        Problem::at(Code::ImpossibleNumber, target.place.pointer(), message).help(help)
    }

    fn invalid(&self, target: &Target<'_>) -> Problem {
        let message = format!("{} is not in use: no operator has such numbers", self.shown(target.number));
        Problem::at(Code::InvalidNumber, target.place.pointer(), message)
            .help("check it; numbers change faster than the tables that this comes from")
    }

    /// The counters of `max_per_prefix` that a row's numbers count for, each once.
    pub(super) fn counters(&self, targets: &[Target<'_>]) -> Vec<usize> {
        if self.max_per_prefix.is_empty() {
            return Vec::new();
        }
        let counter = |target: &Target<'_>| {
            self.max_per_prefix.iter().position(|(prefix, _)| target.number.starts_with(prefix.as_str()))
        };
        let mut counters: Vec<usize> = targets.iter().filter_map(counter).collect();
        counters.sort_unstable();
        counters.dedup();
        counters
    }

    /// The bound of a counter, with its prefix.
    pub(super) fn bound(&self, counter: usize) -> Option<(&str, u64)> {
        self.max_per_prefix.get(counter).map(|(prefix, most)| (prefix.as_str(), *most))
    }

    /// How many counters there are.
    pub(super) fn bounds(&self) -> usize {
        self.max_per_prefix.len()
    }
}

fn described(kind: RiskyKind) -> &'static str {
    match kind {
        RiskyKind::Premium => "a premium-rate number",
        RiskyKind::Satellite => "on a satellite network",
        RiskyKind::Emergency => "an emergency number",
        RiskyKind::ShortCode => "a short code",
    }
}

fn unknown_prefix(pointer: String, prefix: &str) -> Option<Problem> {
    let unknown = prefix.strip_prefix('+').is_some_and(|digits| !phone::is_calling_prefix(digits));
    unknown.then(|| {
        let message = format!("no country has numbers that begin with {prefix}");
        Problem::at(Code::UnknownPrefix, pointer, message).help("write a plus and a country code, as +1 or +4420")
    })
}

fn unknown_region(pointer: String, region: &str) -> Option<Problem> {
    let known = phone::regions();
    if known.iter().any(|known| known.as_str() == region) {
        return None;
    }
    let meant = MISNAMED.iter().find(|(wrong, _)| *wrong == region).map(|(_, right)| *right);
    let help = match meant.or_else(|| nearest(region, known.iter().map(Region::as_str))) {
        Some(near) => format!("write {near}"),
        None => "write the two letters of ISO 3166-1, as US or GB".to_owned(),
    };
    Some(Problem::at(Code::UnknownRegion, pointer, format!("{region} is no region with telephone numbers")).help(help))
}
