//! Checking an audit file: integrity (is it as it was written?) and completeness (does it balance?), reported apart.

use super::chain::Head;
use super::read_ahead::{Item, read_ahead};
use super::reader::{Line, ReadError, Reader};
use super::signature::{self, PublicKey};
use crate::event::{Event, FORMAT_VERSION, Record};
use crate::model::RunId;
use crate::state::RunState;
use std::io::Read;
use std::path::Path;

/// What is wrong with a last line without its end.
const TORN: &str = "the line is torn: the writer was cut off here";

/// The first thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// What a check found.
#[derive(Debug)]
pub struct Verification {
    /// The first line that is not as it was written; `None`: the chain holds.
    pub damage: Option<Finding>,
    /// Why the file does not balance; `None`: every job is in exactly one final state and the sums agree.
    pub incomplete: Option<String>,
    /// The first event that cannot follow the ones before it; the run is told up to there.
    pub disorder: Option<String>,
    /// The run, as far as the file tells it.
    pub run: RunState,
    /// The run's identity.
    pub run_id: Option<RunId>,
    /// Lines of the file.
    pub lines: u64,
    /// The hash of the last intact line.
    pub head: Head,
    /// The key by which the last line is a good signature over all before it; `None`: the file is not signed as it ends now.
    pub signature: Option<PublicKey>,
    /// The last line, where the writer was cut off in it and nothing else is wrong.
    pub torn: Option<Torn>,
}

/// A last line without its end. It was never durable: nothing was sent on its strength.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Torn {
    /// Its bytes.
    pub bytes: u64,
    /// Only the newline is missing: the line says all that it had to say.
    pub is_whole: bool,
}

impl Verification {
    /// What is wrong with the file beyond a torn last line, which a crash may leave.
    pub fn serious_damage(&self) -> Option<&Finding> {
        self.damage.as_ref().filter(|_| self.torn.is_none())
    }
}

/// Reads a whole audit file; memory is one byte a job. `visit` sees every record, in order, up to the first damage.
pub fn verify(path: &Path, visit: impl FnMut(&Record)) -> Result<Verification, ReadError> {
    read_ahead(Reader::open(path)?, |lines| fold(lines, visit))
}

/// The same for the bytes of an audit file that come from elsewhere, such as standard input; `name` is what errors call it.
pub fn verify_from(
    input: impl Read + Send,
    name: &Path,
    visit: impl FnMut(&Record),
) -> Result<Verification, ReadError> {
    read_ahead(Reader::of(input, name), |lines| fold(lines, visit))
}

fn fold(all: &mut dyn Iterator<Item = Item>, mut visit: impl FnMut(&Record)) -> Result<Verification, ReadError> {
    let (mut lines, mut head) = (0, Head::START);
    let mut run = RunState::default();
    let mut run_id = None;
    let mut damage: Option<Finding> = None;
    let mut disorder = None;
    let (mut torn, mut signature) = (None, None);
    for line in all {
        let line = line?;
        (lines, head) = (line.number, line.head);
        if damage.is_some() {
            (torn, signature) = (None, None);
            continue;
        }
        let checked = check(&line, run_id.as_ref());
        if !line.whole {
            torn = Some(Torn { bytes: line.bytes, is_whole: checked.is_ok() });
            damage = Some(Finding { line: line.number, reason: TORN.to_owned() });
        }
        let record = match checked {
            Ok((record, key)) => {
                signature = key.filter(|_| line.whole);
                record
            }
            Err(reason) => {
                signature = None;
                damage.get_or_insert(Finding { line: line.number, reason });
                continue;
            }
        };
        run_id.get_or_insert_with(|| record.run_id.clone());
        visit(record);
        if disorder.is_none()
            && let Err(error) = run.take(record.timestamp, &record.event)
        {
            disorder = Some(format!("line {}: {error}", line.number));
        }
    }
    if lines == 0 {
        damage = Some(Finding { line: 1, reason: "the file is empty".to_owned() });
    }
    let behind = damage.as_ref().filter(|_| torn.is_none());
    let unread = behind.map(|finding| format!("what stands from line {} on is not judged", finding.line));
    let imbalance = || run.balance().err().map(|imbalance| imbalance.to_string());
    let incomplete = disorder.clone().or(unread).or_else(imbalance);
    Ok(Verification { damage, incomplete, disorder, run, run_id, lines, head, signature, torn })
}

/// The record of a sound line; of a signature its key, too.
fn check<'a>(line: &'a Line, run_id: Option<&RunId>) -> Result<(&'a Record, Option<PublicKey>), String> {
    let record = line.record.as_ref().map_err(|error| format!("not an audit record: {error}"))?;
    if record.seq != line.number {
        return Err(format!("its seq is {}: lines before it were removed, added or moved", record.seq));
    }
    if run_id.is_some_and(|run_id| *run_id != record.run_id) {
        return Err(format!("it belongs to run {}", record.run_id));
    }
    if !line.intact {
        return Err("its hash does not fit its text and the line before it: the line was changed".to_owned());
    }
    if record.v != FORMAT_VERSION {
        return Err(format!("format version {} is not known, only {FORMAT_VERSION}", record.v));
    }
    if let Event::Seal(seal) = &record.event
        && (seal.lines != line.number - 1 || seal.head != line.before.to_string())
    {
        return Err("the seal does not fit the lines before it".to_owned());
    }
    if let Event::ReconciliationFinished(closing) = &record.event
        && closing.head != line.before.to_string()
    {
        return Err("the closing record of the reconciliation does not fit the lines before it".to_owned());
    }
    let key = match &record.event {
        Event::Signed(signed) => Some(signature::check(signed, line.before)?),
        _ => None,
    };
    Ok((record, key))
}
