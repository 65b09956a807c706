//! Several runs beside each other: what became of their jobs, how many did not succeed, how long answers took.
//!
//! A run that is not complete has its place and no value.

use super::frame::Frame;
use super::scale::Ticks;
use super::{both_low, escape};
use crate::report::number::{count, float, three};

/// One run of a drawing.
#[derive(Clone, Debug)]
pub(in crate::report) struct RunPoint {
    /// Below the axis: its day.
    pub(in crate::report) label: String,
    /// Under the pointer: which run.
    pub(in crate::report) name: String,
    /// Its figures; `None`: it is not complete.
    pub(in crate::report) figures: Option<RunFigures>,
}

/// Figures of a complete run.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) struct RunFigures {
    pub(in crate::report) taken: u64,
    pub(in crate::report) failed: u64,
    pub(in crate::report) unknown: u64,
    /// Milliseconds; `None` without an answer.
    pub(in crate::report) p50: Option<f64>,
    pub(in crate::report) p95: Option<f64>,
}

impl RunFigures {
    fn attempted(&self) -> u64 {
        self.taken + self.failed + self.unknown
    }

    /// Percent of the attempted jobs that did not succeed.
    fn lost(&self) -> Option<f64> {
        let attempted = self.attempted();
        (attempted > 0).then(|| float(self.failed + self.unknown) * 100.0 / float(attempted))
    }
}

/// Attempted jobs of each run, stacked by what became of them. `page_part` tells the drawings of one runbook from those of another
/// on the same page: their ids are made of it.
pub(in crate::report) fn volume_by_run(page_part: &str, runs: &[RunPoint]) -> String {
    let most = runs.iter().filter_map(|run| run.figures).map(|figures| figures.attempted()).max().unwrap_or_default();
    let ticks = Ticks::whole(most);
    let words = format!("Attempted jobs of {} runs by outcome; {} in the largest.", runs.len(), count(most));
    both_low(|frame| {
        let mut out = frame.rows(&ticks, "jobs");
        for (place, run) in runs.iter().enumerate() {
            let Some(figures) = run.figures else { continue };
            let (mut low, edges) = (0, (at(place, runs), at(place + 1, runs)));
            let parts = [
                ("ok", "taken", figures.taken),
                ("bad", "failed", figures.failed),
                ("open", "unknown", figures.unknown),
            ];
            for (class, word, jobs) in parts.into_iter().filter(|(.., jobs)| *jobs > 0) {
                let words = format!("{}: {} {word}", run.name, count(jobs));
                let height = |jobs| ticks.at(float(jobs));
                out.push_str(&frame.bar(class, edges, (height(low), height(low + jobs)), &words));
                low += jobs;
            }
        }
        frame.svg(&format!("{page_part}-volume"), "Attempted jobs by run", &words, &(out + &axis(frame, runs)))
    })
}

/// The share of attempted jobs that did not succeed.
pub(in crate::report) fn losses_by_run(page_part: &str, runs: &[RunPoint]) -> Option<String> {
    let values: Vec<Option<f64>> = runs.iter().map(|run| run.figures.and_then(|figures| figures.lost())).collect();
    let most = largest(&values)?;
    let ticks = Ticks::up_to(most.max(1.0));
    let words = format!("Share of attempted jobs that did not succeed, by run; at most {most:.2}%.");
    Some(both_low(|frame| {
        let line = line(frame, runs, &values, &ticks, ("p50", "not successful", "%"));
        frame.svg(
            &format!("{page_part}-losses"),
            "Jobs that did not succeed, by run",
            &words,
            &(frame.rows(&ticks, "%") + &line + &axis(frame, runs)),
        )
    }))
}

/// Median and 95th percentile of the service time.
pub(in crate::report) fn latency_by_run(page_part: &str, runs: &[RunPoint]) -> Option<String> {
    let of = |value: fn(RunFigures) -> Option<f64>| -> Vec<Option<f64>> {
        runs.iter().map(|run| run.figures.and_then(value)).collect()
    };
    let (p50, p95) = (of(|figures| figures.p50), of(|figures| figures.p95));
    let most = largest(&p95)?;
    let ticks = Ticks::up_to(most);
    let words =
        format!("Median and 95th percentile of the service time by run; the 95th percentile is {most} ms at most.");
    Some(both_low(|frame| {
        let lines = line(frame, runs, &p95, &ticks, ("p95", "p95", " ms"))
            + &line(frame, runs, &p50, &ticks, ("p50", "median", " ms"));
        frame.svg(
            &format!("{page_part}-latency"),
            "Service time by run",
            &words,
            &(frame.rows(&ticks, "ms") + &lines + &axis(frame, runs)),
        )
    }))
}

fn largest(values: &[Option<f64>]) -> Option<f64> {
    values.iter().flatten().copied().max_by(f64::total_cmp)
}

/// Where a run's place begins.
fn at(place: usize, runs: &[RunPoint]) -> f64 {
    float(place as u64) / float(runs.len().max(1) as u64)
}

/// A line that breaks where there is no value, with a dot at each run.
fn line(
    frame: &Frame,
    runs: &[RunPoint],
    values: &[Option<f64>],
    ticks: &Ticks,
    (class, word, unit): (&str, &str, &str),
) -> String {
    let (mut path, mut dots, mut pen_down) = (Vec::new(), Vec::new(), false);
    for (place, (run, value)) in runs.iter().zip(values).enumerate() {
        let Some(value) = value else {
            pen_down = false;
            continue;
        };
        let x = frame.x(f64::midpoint(at(place, runs), at(place + 1, runs)));
        let y = frame.y(ticks.at(*value));
        path.push(format!("{}{x:.1} {y:.1}", if pen_down { "L" } else { "M" }));
        dots.push(format!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"><title>{}: {word} {}{unit}</title></circle>",
            escape(&run.name),
            three(*value)
        ));
        pen_down = true;
    }
    format!("<path class=\"line {class}\" d=\"{}\"/>{}", path.concat(), dots.concat())
}

fn axis(frame: &Frame, runs: &[RunPoint]) -> String {
    let every = runs.len().div_ceil(frame.labels).max(1);
    let labels = runs.iter().enumerate().step_by(every);
    labels.map(|(place, run)| frame.below(f64::midpoint(at(place, runs), at(place + 1, runs)), &run.label)).collect()
}
