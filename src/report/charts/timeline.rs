//! The run over time: jobs that ended, by what became of them, and how long their last answers took.
//!
//! A job counts in the bucket of its last outcome. At most 60 buckets, and in each a time is counted, not kept: neither
//! memory nor page grows with the run.

use super::both_low;
use super::clock::Clock;
use super::frame::Frame;
use super::lanes::{Lane, shades};
use super::scale::{Ticks, bucket_width, moment};
use crate::model::Latency;
use crate::report::jobs::JobView;
use crate::report::number::{count, float, ms};
use crate::state::{JobState, RunState};
use std::collections::BTreeMap;

/// Every how many buckets a label stands, so that the labels are round too.
const LABEL_STEPS: [usize; 6] = [1, 2, 5, 10, 20, 30];

/// What can become of an attempted job, from the bottom of a bar to its top: its class in the style sheet and its word.
const SERIES: [(JobState, &str, &str); 6] = [
    (JobState::Succeeded, "ok", "succeeded"),
    (JobState::Accepted, "ok2", "accepted"),
    (JobState::Rejected, "bad", "rejected"),
    (JobState::NotSent, "bad2", "not sent"),
    (JobState::Unknown, "open", "unknown"),
    (JobState::NotBridged, "bad3", "not bridged"),
];

/// A stretch of time.
#[derive(Clone, Debug, Default)]
struct Bucket {
    ended: [u64; SERIES.len()],
    /// Service times, in microseconds, and how many answers took so long.
    latencies: BTreeMap<Latency, u64>,
}

/// The buckets of a run.
#[derive(Debug)]
pub(in crate::report) struct Timeline {
    width_ms: u64,
    buckets: Vec<Bucket>,
}

/// A bucket in numbers.
#[derive(Debug)]
pub(in crate::report) struct TimeRow {
    /// When it begins, after the start.
    pub(in crate::report) from: String,
    /// Jobs that ended, in the order of [`Timeline::series`].
    pub(in crate::report) ended: Vec<u64>,
    /// Median and 95th percentile of the service time.
    pub(in crate::report) latency: [Option<Latency>; 2],
}

impl Timeline {
    /// Empty buckets for a run; `None` for one that has not begun.
    pub(in crate::report) fn over(clock: &Clock, run: &RunState) -> Option<Self> {
        run.began()?;
        let span = clock.millis(run.last()?);
        let width_ms = bucket_width(span);
        Some(Self { width_ms, buckets: vec![Bucket::default(); usize::try_from(span / width_ms + 1).ok()?] })
    }

    /// Counts a job where it ended.
    pub(in crate::report) fn count(&mut self, clock: &Clock, view: &JobView<'_>) {
        let Some(at) = view.last_answer else { return };
        let Some(series) = SERIES.iter().position(|(state, ..)| *state == view.state) else { return };
        let place = usize::try_from(clock.millis(at) / self.width_ms).ok();
        let Some(bucket) = place.and_then(|place| self.buckets.get_mut(place)) else { return };
        bucket.ended[series] += 1;
        if let (Some(_), Some((latency, _))) = (view.status, view.times) {
            *bucket.latencies.entry(latency).or_default() += 1;
        }
    }

    /// Whether any job ended.
    pub(in crate::report) fn has_any(&self) -> bool {
        self.buckets.iter().any(|bucket| bucket.all() > 0)
    }

    /// How long a bucket is, in words.
    pub(in crate::report) fn width(&self) -> String {
        moment(self.width_ms)
    }

    /// What became of the jobs, without that which became of none: class and word.
    pub(in crate::report) fn series(&self) -> Vec<(&'static str, &'static str)> {
        self.present().map(|(_, class, word)| (class, word)).collect()
    }

    /// The buckets in which a job ended, in numbers.
    pub(in crate::report) fn rows(&self) -> Vec<TimeRow> {
        let row = |(place, bucket): (usize, &Bucket)| TimeRow {
            from: moment(place as u64 * self.width_ms),
            ended: self.present().map(|(series, ..)| bucket.ended[series]).collect(),
            latency: [bucket.latency(50), bucket.latency(95)],
        };
        self.buckets.iter().enumerate().filter(|(_, bucket)| bucket.all() > 0).map(row).collect()
    }

    fn present(&self) -> impl Iterator<Item = (usize, &'static str, &'static str)> {
        let any = |series: usize| self.buckets.iter().any(|bucket| bucket.ended[series] > 0);
        SERIES
            .iter()
            .enumerate()
            .filter(move |(series, _)| any(*series))
            .map(|(series, (_, class, word))| (series, *class, *word))
    }

    fn per_second(&self, jobs: u64) -> f64 {
        float(jobs) * 1000.0 / float(self.width_ms)
    }

    /// Where a bucket begins, 0 to 1.
    fn at(&self, place: usize) -> f64 {
        float(place as u64) / float(self.buckets.len() as u64)
    }

    /// Where a moment is, 0 to 1.
    pub(super) fn place(&self, millis: u64) -> f64 {
        (float(millis) / float(self.width_ms) / float(self.buckets.len() as u64)).min(1.0)
    }

    fn axis(&self, frame: &Frame) -> String {
        let least = (self.buckets.len() + 1).div_ceil(frame.labels);
        let every = LABEL_STEPS.into_iter().find(|step| *step >= least).unwrap_or(least);
        let labels = (0..=self.buckets.len()).step_by(every);
        labels.map(|place| frame.below(self.at(place), &moment(place as u64 * self.width_ms))).collect()
    }
}

impl Bucket {
    fn all(&self) -> u64 {
        self.ended.iter().sum()
    }

    /// Nearest rank, `percent` of 100.
    fn latency(&self, percent: u64) -> Option<Latency> {
        let all: u64 = self.latencies.values().sum();
        let rank = (all * percent).div_ceil(100).max(1);
        let mut before = 0;
        self.latencies.iter().find_map(|(latency, answers)| {
            before += answers;
            (before >= rank).then_some(*latency)
        })
    }
}

/// Ended jobs a second, stacked by what became of them.
pub(in crate::report) fn rate_over_time(timeline: &Timeline, lanes: &[Lane]) -> String {
    let most = timeline.buckets.iter().map(Bucket::all).max().unwrap_or_default();
    let peak = timeline.per_second(most);
    let words = format!(
        "In buckets of {}; {} jobs ended in the busiest. Below it stands what slowed the run down or held it, and the same \
         in numbers.",
        timeline.width(),
        count(most)
    );
    let ticks = Ticks::up_to(peak);
    both_low(|frame| {
        let mut out = shades(frame, timeline, lanes) + &frame.rows(&ticks, "jobs/s");
        for (place, bucket) in timeline.buckets.iter().enumerate() {
            let from = moment(place as u64 * timeline.width_ms);
            let (mut low, span) = (0, (timeline.at(place), timeline.at(place + 1)));
            for (series, (_, class, word)) in SERIES.iter().enumerate() {
                let jobs = bucket.ended[series];
                if jobs > 0 {
                    let height = |jobs| ticks.at(timeline.per_second(jobs));
                    let words = format!("from {from}: {} {word}", count(jobs));
                    out.push_str(&frame.bar(class, span, (height(low), height(low + jobs)), &words));
                    low += jobs;
                }
            }
        }
        frame.svg("rate", "Jobs ended per second over time", &words, &(out + &timeline.axis(frame)))
    })
}

/// Median and 95th percentile of the last answers' service times; `None` when no job that ended has an answer.
pub(in crate::report) fn latency_over_time(timeline: &Timeline, lanes: &[Lane]) -> Option<String> {
    let slowest = timeline.buckets.iter().filter_map(|bucket| bucket.latency(95)).max()?;
    let ticks = Ticks::up_to(slowest.millis());
    let words = format!(
        "Median and 95th percentile in buckets of {}; the 95th percentile peaks at {} ms. Below it stands the same in numbers.",
        timeline.width(),
        ms(slowest)
    );
    Some(both_low(|frame| {
        let mut out = shades(frame, timeline, lanes) + &frame.rows(&ticks, "ms");
        for (class, percent) in [("p95", 95), ("p50", 50)] {
            out.push_str(&line(frame, timeline, &ticks, class, percent));
        }
        frame.svg("pace", "Service time over time", &words, &(out + &timeline.axis(frame)))
    }))
}

/// A line that breaks where nothing ended, with a dot at each bucket.
fn line(frame: &Frame, timeline: &Timeline, ticks: &Ticks, class: &str, percent: u64) -> String {
    let (mut path, mut dots, mut pen_down) = (Vec::new(), Vec::new(), false);
    for (place, bucket) in timeline.buckets.iter().enumerate() {
        let Some(latency) = bucket.latency(percent) else {
            pen_down = false;
            continue;
        };
        let x = frame.x(f64::midpoint(timeline.at(place), timeline.at(place + 1)));
        let y = frame.y(ticks.at(latency.millis()));
        path.push(format!("{}{x:.1} {y:.1}", if pen_down { "L" } else { "M" }));
        let from = moment(place as u64 * timeline.width_ms);
        dots.push(format!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"><title>from {from}: {class} {} ms</title></circle>",
            ms(latency)
        ));
        pen_down = true;
    }
    format!("<path class=\"line {class}\" d=\"{}\"/>{}", path.concat(), dots.concat())
}
