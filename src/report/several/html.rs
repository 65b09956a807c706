//! trend.html: one file, no script, no network, in the style of report.html. Lists are cut, and say so.

use super::trend::{Trend, TrendGroup, TrendRun};
use crate::model::printable;
use crate::report::charts::{RunFigures, RunPoint, latency_by_run, losses_by_run, volume_by_run};
use crate::report::html::STYLE;
use crate::report::number::{NO_DATA, count, span};
use handlebars::{Handlebars, RenderError, TemplateError};
use serde::Serialize;

const TEMPLATE: &str = include_str!("trend.html.hbs");
/// Characters of one text on the page.
const MAX_TEXT: usize = 300;
/// Runs of one group on the page: the latest.
const MAX_RUNS: usize = 200;
/// Groups on the page.
const MAX_GROUPS: usize = 20;

/// The page did not come about.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    /// The template does not parse.
    #[error("template: {0}")]
    Template(#[from] Box<TemplateError>),
    /// The template asks for something that the page does not have.
    #[error("page: {0}")]
    Render(#[from] Box<RenderError>),
}

/// What the template prints: strings, ready to be escaped. No markup but the drawings.
#[derive(Debug, Serialize)]
struct Page {
    css: &'static str,
    title: String,
    runs: String,
    incomplete: Vec<String>,
    notes: Vec<String>,
    groups: Vec<GroupPart>,
}

#[derive(Debug, Serialize)]
struct GroupPart {
    /// Unique on the page.
    id: String,
    title: String,
    sandbox: bool,
    left_out: Option<String>,
    tiles: Vec<Tile>,
    together: String,
    worse: Vec<Worse>,
    volume_svg: String,
    losses_svg: Option<String>,
    latency_svg: Option<String>,
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Tile {
    name: &'static str,
    value: String,
    note: String,
}

#[derive(Debug, Serialize)]
struct Worse {
    run: String,
    words: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    started: String,
    run_id: String,
    cells: [String; 7],
    result: &'static str,
    tone: &'static str,
    worse: String,
}

/// The file.
pub(super) fn page(trend: &Trend) -> Result<Vec<u8>, PageError> {
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true); // a misspelled name is an error, not a gap
    engine.register_template_string("page", TEMPLATE).map_err(Box::new)?;
    Ok(engine.render("page", &Page::of(trend)).map_err(Box::new)?.into_bytes())
}

impl Page {
    fn of(trend: &Trend) -> Self {
        let all = trend.groups.iter().flat_map(|group| &group.runs);
        let words =
            |run: &TrendRun| format!("{}: {}", name(run), clean(run.problems.first().map_or("", String::as_str)));
        let mut notes: Vec<String> = trend
            .repeated
            .keys()
            .map(|run| format!("Given more than once, counted once: {}", clean(run.as_str())))
            .collect();
        if trend.groups.len() > MAX_GROUPS {
            notes.push(format!("{} further groups are in trend.csv and trend.json.", trend.groups.len() - MAX_GROUPS));
        }
        let title = match trend.groups.as_slice() {
            [one] => clean(&one.title()),
            more => format!("{} runbooks", more.len()),
        };
        Self {
            css: STYLE,
            title,
            runs: if trend.runs == 1 { "1 run".to_owned() } else { format!("{} runs", count(trend.runs)) },
            incomplete: all.filter(|run| !run.complete).take(MAX_RUNS).map(words).collect(),
            notes,
            groups: trend
                .groups
                .iter()
                .take(MAX_GROUPS)
                .enumerate()
                .map(|(at, group)| GroupPart::of(at, group))
                .collect(),
        }
    }
}

impl GroupPart {
    fn of(at: usize, group: &TrendGroup) -> Self {
        let skip = group.runs.len().saturating_sub(MAX_RUNS);
        let shown = &group.runs[skip..];
        let points: Vec<RunPoint> = shown.iter().map(point).collect();
        let worse = shown.iter().filter(|run| !run.regressions.is_empty()).map(|run| Worse {
            run: name(run),
            words: run.regressions.iter().map(|regression| clean(&regression.words)).collect(),
        });
        let id = format!("group-{}", at + 1);
        Self {
            volume_svg: volume_by_run(&id, &points),
            losses_svg: losses_by_run(&id, &points),
            latency_svg: latency_by_run(&id, &points),
            id,
            title: clean(&group.title()),
            sandbox: group.sandbox,
            left_out: (skip > 0).then(|| format!("{skip} earlier runs are in trend.csv and trend.json.")),
            tiles: tiles(group),
            together: together(group),
            worse: worse.collect(),
            rows: shown.iter().rev().map(row).collect(),
        }
    }
}

fn tiles(group: &TrendGroup) -> Vec<Tile> {
    let (merged, total) = (&group.merged, &group.merged.total);
    let or_none = |value: Option<String>| value.unwrap_or_else(|| NO_DATA.to_owned());
    let tile = |name, value, note| Tile { name, value, note };
    let passed = group.runs.iter().filter(|run| run.result() == "PASSED").count();
    vec![
        tile("Runs passed", passed.to_string(), format!("of {}", group.runs.len())),
        tile(
            "Success rate",
            or_none(total.success_rate_percent.map(|rate| format!("{rate}%"))),
            format!("{} of {} attempted", count(total.success_count), count(total.total_operations)),
        ),
        tile("Unknown", count(total.unknown), "in all runs".to_owned()),
        tile(
            "Latency p95",
            or_none(total.latency_ms.map(|ms| format!("{} ms", ms.p95))),
            or_none(total.latency_ms.map(|ms| format!("median {} ms, of all answers", ms.p50))),
        ),
        tile("Throughput", or_none(total.throughput_per_s.map(|pace| format!("{pace}/s"))), String::new()),
        tile("Time", span(merged.duration_ms), "of all runs".to_owned()),
    ]
}

fn together(group: &TrendGroup) -> String {
    let merged = &group.merged;
    let runs = if merged.runs == 1 { "1 complete run".to_owned() } else { format!("{} complete runs", merged.runs) };
    let left_out = match merged.left_out {
        0 => return format!("The figures together are those of {runs}."),
        1 => "One that is not complete is in no sum, and no run is measured against it.".to_owned(),
        more => format!("{more} that are not complete are in no sum, and no run is measured against them."),
    };
    format!("The figures together are those of {runs}. {left_out}")
}

fn point(run: &TrendRun) -> RunPoint {
    let total = &run.total;
    let figures = run.complete.then(|| RunFigures {
        taken: total.success_count,
        failed: total.failure_count - total.unknown.min(total.failure_count),
        unknown: total.unknown,
        p50: total.latency_ms.map(|ms| ms.p50),
        p95: total.latency_ms.map(|ms| ms.p95),
    });
    let started = run.started.map(|at| at.to_string()).unwrap_or_default();
    RunPoint { label: started.get(5..10).unwrap_or("?").to_owned(), name: name(run), figures }
}

fn row(run: &TrendRun) -> Row {
    let total = &run.total;
    let number = |value: Option<f64>| value.map_or_else(|| NO_DATA.to_owned(), |value| value.to_string());
    let worse: Vec<&str> = run.regressions.iter().map(|regression| regression.kind.word()).collect();
    let result = run.result();
    Row {
        started: run.started.map_or_else(|| "?".to_owned(), super::text::minute),
        run_id: name(run),
        cells: [
            count(total.jobs),
            total.success_rate_percent.map_or_else(|| NO_DATA.to_owned(), |rate| format!("{rate}%")),
            count(total.unknown),
            number(total.latency_ms.map(|ms| ms.p50)),
            number(total.latency_ms.map(|ms| ms.p95)),
            number(total.throughput_per_s),
            span(run.duration_ms),
        ],
        result,
        tone: if result == "PASSED" { "good" } else { "bad" },
        worse: worse.join(", ").replace('_', " "),
    }
}

fn name(run: &TrendRun) -> String {
    if run.run_id.as_str().is_empty() { "(no opening record)".to_owned() } else { clean(run.run_id.as_str()) }
}

/// A text of others as it may stand on the page.
fn clean(text: &str) -> String {
    printable(text, MAX_TEXT).into_owned()
}
