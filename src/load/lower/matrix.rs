//! `matrix:` -> [`Matrix`], and what can be said about its combinations.

use crate::load::raw::RawMatrix;
use crate::model::{Code, Matrix, Problem};
use crate::template::nearest;
use serde_json::{Map, Value};

/// Most combinations of one matrix.
const MAX_COMBINATIONS: u64 = 1_000_000;

/// A matrix as far as it is sound.
pub(super) fn matrix(raw: &RawMatrix, place: &str, problems: &mut Vec<Problem>) -> Matrix {
    let axes: Vec<(String, Vec<Value>)> = raw
        .axes
        .iter()
        .flatten()
        .map(|(name, values)| (name.clone(), values.as_array().cloned().unwrap_or_default()))
        .collect();
    if axes.is_empty() {
        // Somebody has said so already.
        return Matrix { axes, exclude: Vec::new(), include: Vec::new() };
    }
    check_axes(&axes, place, problems);
    let mut checks = Combinations { axes: &axes, place, problems };
    let exclude = entries(raw.exclude.as_ref()).filter_map(|(index, entry)| checks.exclude(index, entry)).collect();
    let include = entries(raw.include.as_ref())
        .filter(|(index, entry)| checks.include(*index, entry))
        .map(|(_, entry)| entry.clone())
        .collect();
    Matrix { axes, exclude, include }
}

/// Entries that the schema has not refused, with their places.
fn entries(raw: Option<&Vec<Option<Map<String, Value>>>>) -> impl Iterator<Item = (usize, &Map<String, Value>)> {
    raw.into_iter().flatten().enumerate().filter_map(|(index, entry)| Some((index, entry.as_ref()?)))
}

fn check_axes(axes: &[(String, Vec<Value>)], place: &str, problems: &mut Vec<Problem>) {
    for (name, values) in axes {
        let pointer = format!("{place}/axes/{}", escaped(name));
        for (index, value) in values.iter().enumerate() {
            // Null stands for what the schema has refused.
            if !value.is_null() && values[..index].contains(value) {
                let message = format!("{} stands twice on the axis `{name}`", shown(value));
                let problem = Problem::at(Code::BadCombination, format!("{pointer}/{index}"), message);
                problems.push(problem.help("remove one of the two"));
            }
        }
    }
    let product = axes.iter().try_fold(1u64, |product, (_, values)| product.checked_mul(values.len() as u64));
    if product.is_none_or(|product| product > MAX_COMBINATIONS) {
        let sizes: Vec<String> = axes.iter().map(|(_, values)| values.len().to_string()).collect();
        let message = format!("the axes give {} combinations, 1000000 are allowed", sizes.join(" x "));
        let problem = Problem::at(Code::MatrixTooLarge, format!("{place}/axes"), message);
        problems.push(problem.help("use fewer or shorter axes; rows in bulk belong into a data file").on_key());
    }
}

/// Checks entries of `exclude` and `include` against the axes.
struct Combinations<'a> {
    axes: &'a [(String, Vec<Value>)],
    place: &'a str,
    problems: &'a mut Vec<Problem>,
}

impl Combinations<'_> {
    /// The axes and values of an entry, by their places; `None`: it excludes nothing.
    fn exclude(&mut self, index: usize, entry: &Map<String, Value>) -> Option<Vec<(usize, usize)>> {
        let mut found = Vec::new();
        for (name, value) in entry {
            let pointer = format!("{}/exclude/{index}/{}", self.place, escaped(name));
            let axis = self.axis(name, &pointer)?;
            let values = &self.axes[axis].1;
            let Some(at) = values.iter().position(|known| known == value) else {
                let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
                let near = value.as_str().and_then(|text| nearest(text, texts.iter().copied()));
                let known = || values.iter().take(12).map(shown).collect::<Vec<_>>().join(", ");
                let help = near.map_or_else(|| format!("the axis has {}", known()), |near| format!("write {near:?}"));
                let message = format!("this leaves nothing out: the axis `{name}` has no {}", shown(value));
                self.problems.push(Problem::at(Code::ExcludesNothing, pointer, message).help(help));
                return None;
            };
            found.push((axis, at));
        }
        Some(found)
    }

    /// Whether an entry gives every axis a value, and nothing else one.
    fn include(&mut self, index: usize, entry: &Map<String, Value>) -> bool {
        let mut sound = true;
        for name in entry.keys() {
            let pointer = format!("{}/include/{index}/{}", self.place, escaped(name));
            sound &= self.axis(name, &pointer).is_some();
        }
        let absent = self.axes.iter().map(|(name, _)| name).find(|name| !entry.contains_key(*name));
        if let Some(name) = absent.filter(|_| sound) {
            let pointer = format!("{}/include/{index}", self.place);
            let message = format!("this combination has no value for the axis `{name}`");
            let help = format!("add `{name}:`, or remove the axis");
            self.problems.push(Problem::at(Code::BadCombination, pointer, message).help(help));
            sound = false;
        }
        sound
    }

    fn axis(&mut self, name: &str, pointer: &str) -> Option<usize> {
        let found = self.axes.iter().position(|(axis, _)| axis == name);
        if found.is_none() {
            let names: Vec<&str> = self.axes.iter().map(|(axis, _)| axis.as_str()).collect();
            let help = nearest(name, names.iter().copied())
                .map_or_else(|| format!("axes: {}", names.join(", ")), |near| format!("write `{near}`"));
            let problem = Problem::at(Code::BadCombination, pointer, format!("there is no axis `{name}`"));
            self.problems.push(problem.help(help).on_key());
        }
        found
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn shown(value: &Value) -> String {
    crate::model::printable(&value.to_string(), 60).into_owned()
}
