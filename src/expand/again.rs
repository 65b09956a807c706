//! Files whose rows come again, looked at as a whole before any set reads its part: whose rows they hold, and whether they
//! may be sent at all.

use super::compile::Selection;
use super::files::Files;
use super::rows::{Cause, Origin, RowReader};
use crate::model::again::{BRIDGED, CELLS, EARLIER_PART, PART, RUNBOOK, SENDABLE, SET, STATE, UNKNOWN};
use crate::model::{Code, Problem, RowFormat, RowSource, Runbook, SetName, SetSpec};
use crate::template::{nearest, shown_names};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

/// Sets that are named where a row names none.
const SHOWN: usize = 12;

/// The sets that rows of the file from the command line belong to, in the runbook's order; empty when there is no such file,
/// or no such row.
pub fn sets_again(runbook: &Runbook, files: &Files) -> Vec<SetName> {
    let Some((set, ..)) = runbook.sets.first().filter(|_| runbook.again.file.is_some()).and_then(table) else {
        return Vec::new();
    };
    let Ok(mut reader) = RowReader::open(&set.rows, files, None) else { return Vec::new() };
    let mut found = BTreeSet::new();
    let mut anybody = false;
    while let Some(origin) = reader.meet() {
        match origin.ok().and_then(|origin| origin.set) {
            Some(name) => drop(found.insert(name)),
            None => anybody = true,
        }
    }
    let named = |set: &&SetSpec| anybody || found.contains(set.name.as_str());
    runbook.sets.iter().filter(named).map(|set| set.name.clone()).collect()
}

/// What is wrong with the files whose rows come again, each slip once; and those files, of which no set need say more.
pub(super) fn inspect<'a>(runbook: &'a Runbook, files: &Files, selection: &Selection) -> (Vec<Problem>, Vec<&'a Path>) {
    let selected = |set: &&SetSpec| selection.only.is_empty() || selection.only.contains(&set.name);
    let (mut seen, mut refused): (Vec<&Path>, Vec<&Path>) = (Vec::new(), Vec::new());
    let mut problems = Vec::new();
    for (set, path) in runbook.sets.iter().filter(selected).filter_map(table) {
        if seen.contains(&path) {
            continue;
        }
        seen.push(path);
        let given = runbook.again.file.is_some();
        let before = problems.len();
        let pointer =
            if given { "/sets".to_owned() } else { format!("/sets/{}/rows/{}", set.index, set.rows.source.key()) };
        match RowReader::open(&set.rows, files, None) {
            // An empty one has no rows, which is said below.
            Ok(reader) if given && !reader.comes_again() && !reader.input_columns().unwrap_or_default().is_empty() => {
                let message = format!("{} has no columns of a run's report beside its own", path.display());
                problems.push(Problem::at(Code::RowsOfAnother, pointer, message).help(
                    "give failed.csv or not_attempted.csv of a run's directory; other rows are named in the runbook",
                ));
            }
            Ok(mut reader) if given || reader.comes_again() => {
                let look = Look { runbook, selection, given, pointer };
                problems.extend(look.at(&mut reader, path));
            }
            // It is said where the set opens it, unless each set opens the same one.
            Err(problem) if given => problems.push(Problem { pointer, ..problem }),
            Ok(_) | Err(_) => {}
        }
        refused.extend((problems.len() > before).then_some(path));
    }
    let masked = |problem: Problem| Problem {
        message: runbook.numbers.mask(&problem.message),
        data: problem.data.map(|data| Box::new(runbook.numbers.excerpt(*data))),
        ..problem
    };
    (problems.into_iter().map(masked).collect(), refused)
}

/// A set that reads comma-separated values, and what it reads.
fn table(set: &SetSpec) -> Option<(&SetSpec, &Path)> {
    file(set).map(|file| (set, file))
}

/// What a set reads comma-separated values from.
pub(super) fn file(set: &SetSpec) -> Option<&Path> {
    match &set.rows.source {
        RowSource::File(path, RowFormat::Csv { .. }) => Some(path),
        RowSource::Stdin(RowFormat::Csv { .. }) => Some(Path::new(Files::STDIN)),
        RowSource::File(..) | RowSource::Stdin(_) | RowSource::Items(_) | RowSource::One => None,
    }
}

/// How a file is looked at.
struct Look<'a> {
    runbook: &'a Runbook,
    selection: &'a Selection,
    /// It stands for every set's rows.
    given: bool,
    pointer: String,
}

/// The first row that may not be sent, and how many there are.
#[derive(Default)]
struct Held {
    first: Option<Problem>,
    /// The run that has left it.
    run: Option<String>,
    count: u64,
}

impl Look<'_> {
    fn at(&self, reader: &mut RowReader<'_>, path: &Path) -> Vec<Problem> {
        let (mut problems, mut strange) = (Vec::new(), BTreeSet::new());
        let (mut unknown, mut bridged, mut later) = (Held::default(), Held::default(), Held::default());
        let mut parts = Parts::default();
        let mut rows: u64 = 0;
        while let Some(origin) = reader.meet() {
            let Ok(origin) = origin else {
                // It is said where a set reads it.
                rows += 1;
                continue;
            };
            if let Some(problem) = self.stranger(&origin, reader, &mut strange) {
                problems.push(problem);
                if strange.len() > SHOWN || origin.runbook.as_ref().is_some_and(|name| *name != self.runbook.name) {
                    return problems;
                }
                continue;
            }
            if !self.is_wanted(&origin) {
                continue;
            }
            rows += 1;
            if !parts.take(&origin) && strange.insert(PART.to_owned()) {
                let message = "the parts of this bridge do not stand one behind the other, in their order".to_owned();
                let help = "put the rows back into the order of the file as it was made".to_owned();
                problems.push(self.slip(Code::ReservedColumn, PART, reader, message, help));
            }
            match origin.state.as_deref().unwrap_or_default() {
                state if SENDABLE.contains(&state) => {}
                UNKNOWN if self.runbook.again.resend_unknown => {}
                UNKNOWN => unknown.take(&origin, self, reader),
                EARLIER_PART => later.take(&origin, self, reader),
                state if BRIDGED.contains(&state) => bridged.take(&origin, self, reader),
                _ if strange.insert(STATE.to_owned()) => {
                    let message = format!("`{STATE}` does not say that the job had no effect");
                    let help = format!("it must be {}, as the file was made", shown_names(SENDABLE, SHOWN));
                    problems.push(self.slip(Code::ReservedColumn, STATE, reader, message, help));
                }
                _ => {}
            }
        }
        let run = unknown.run.as_ref().map_or_else(|| "the run".to_owned(), |run| format!("run {run}"));
        let help = format!(
            "find out first what became of them: `bridgebook reconcile` for {run}, then take its failed.csv; whoever wants to send them \
             all the same says --resend-unknown --reason TEXT"
        );
        problems.extend(unknown.said("may have been bridged already: what became of it is unknown", &help));
        problems.extend(bridged.said("has been bridged", "remove the row"));
        let help = "remove the row; once the earlier part is bridged, `bridgebook resume` or a run of your own can go on with it";
        problems.extend(
            later.said("has an earlier part that is not known to be bridged, and is not in the row before", help),
        );
        let allowed = |set: &SetSpec| {
            set.allow_empty || !(self.selection.only.is_empty() || self.selection.only.contains(&set.name))
        };
        if rows == 0 && problems.is_empty() && self.given && !self.runbook.sets.iter().all(allowed) {
            let problem = Problem::at(Code::NoRows, &*self.pointer, format!("{} has no rows to send", path.display()));
            let problem = problem.help("nothing is left of that run, or of the sets that were asked for");
            problems.push(problem);
        }
        problems
    }

    fn is_wanted(&self, origin: &Origin) -> bool {
        let only = &self.selection.only;
        only.is_empty() || origin.set.as_ref().is_none_or(|set| only.iter().any(|name| name.as_str() == set))
    }

    /// Something that is wrong with a cell of ours.
    fn slip(&self, code: Code, column: &str, reader: &RowReader<'_>, message: String, help: String) -> Problem {
        let problem = Problem::at(code, &*self.pointer, message).help(help);
        match reader.cause(Some(&[column.to_owned()])) {
            Some(Cause::Data(place)) => problem.caused_by(place),
            _ => problem,
        }
    }

    /// Why a row is none of this runbook's.
    fn stranger(&self, origin: &Origin, reader: &RowReader<'_>, said: &mut BTreeSet<String>) -> Option<Problem> {
        let at = |column: &str, message: String, help: String| {
            Some(self.slip(Code::RowsOfAnother, column, reader, message, help))
        };
        let names = || self.runbook.sets.iter().map(|set| set.name.as_str());
        if let Some(name) = origin.runbook.as_ref().filter(|name| **name != self.runbook.name) {
            let message = format!("these rows are left of the runbook `{name}`, this one is `{}`", self.runbook.name);
            return at(RUNBOOK, message, "give them to the runbook that they are of".to_owned());
        }
        if origin.without_input {
            let message =
                "the row lacks the values of its input: they could not be told when the file was made".to_owned();
            return at(CELLS, message, "take the row from the input itself".to_owned())
                .filter(|_| said.insert(CELLS.into()));
        }
        let Some(set) = &origin.set else {
            let unclear = self.given && self.runbook.sets.len() > 1 && said.insert(SET.into());
            let help = format!("name one of the sets in the column `{SET}`: {}", shown_names(names(), SHOWN));
            return at(SET, "the row names no set".to_owned(), help).filter(|_| unclear);
        };
        if names().any(|name| name == set) || !said.insert(format!("set {set}")) {
            return None;
        }
        let help = nearest(set, names()).map_or_else(
            || format!("sets: {}", shown_names(names(), SHOWN)),
            |near| format!("there is `{near}`: rename one of the two"),
        );
        at(SET, format!("the runbook has no set `{set}`"), help)
    }
}

/// Rows of split bridges, as they come: each bridge's parts together, one behind the other.
#[derive(Default)]
struct Parts {
    /// The last row of each set that is a part: its row in the input, and the part.
    last: HashMap<Option<String>, (String, usize)>,
    met: HashSet<(Option<String>, String)>,
}

impl Parts {
    /// False: it does not follow the one that it must.
    fn take(&mut self, origin: &Origin) -> bool {
        let (Some(row), Some(part)) = (&origin.row, origin.part) else {
            self.last.remove(&origin.set);
            return true;
        };
        let before = self.last.insert(origin.set.clone(), (row.clone(), part.part));
        if self.met.insert((origin.set.clone(), row.clone())) {
            return true;
        }
        before.is_some_and(|(before, last)| before == *row && last + 1 == part.part)
    }
}

impl Held {
    fn take(&mut self, origin: &Origin, look: &Look<'_>, reader: &RowReader<'_>) {
        self.count += 1;
        if self.first.is_none()
            && let Some(Cause::Data(place)) = reader.cause(Some(&[STATE.to_owned()]))
        {
            self.run.clone_from(&origin.run);
            self.first = Some(Problem::at(Code::BridgedMaybe, &*look.pointer, "").caused_by(place));
        }
    }

    fn said(self, what: &str, help: &str) -> Option<Problem> {
        let more = match self.count.saturating_sub(1) {
            0 => String::new(),
            1 => "; so it is with 1 more row".to_owned(),
            more => format!("; so it is with {more} more rows"),
        };
        self.first
            .map(|problem| Problem { message: format!("the call of this row {what}{more}"), ..problem.help(help) })
    }
}
