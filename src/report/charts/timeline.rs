//! The run over time: jobs that ended, and how long their last answers took.
//!
//! A job counts in the bucket of its last outcome. At most 60 buckets, so neither memory nor page grows with the run.

use super::both_low;
use super::frame::Frame;
use super::scale::{Ticks, bucket_width, moment};
use crate::model::{Latency, Timestamp};
use crate::report::jobs::{JobView, Jobs};
use crate::report::number::{count, float, ms};
use crate::state::{JobState, RunState};

/// Every how many buckets a label stands, so that the labels are round too.
const LABEL_STEPS: [usize; 6] = [1, 2, 5, 10, 20, 30];

/// A stretch of time.
#[derive(Clone, Debug, Default)]
struct Bucket {
    taken: u64,
    failed: u64,
    unknown: u64,
    latencies: Vec<Latency>,
}

/// The buckets of a run.
#[derive(Debug)]
pub(in crate::report) struct Timeline {
    width_ms: u64,
    buckets: Vec<Bucket>,
}

impl Timeline {
    /// Sorts the ended jobs into buckets; `None` when none ended.
    pub(in crate::report) fn of(jobs: &Jobs, run: &RunState) -> Option<Self> {
        let (began, last) = (run.began()?, run.last()?);
        let span = millis(began, last);
        let width_ms = bucket_width(span);
        let mut buckets = vec![Bucket::default(); usize::try_from(span / width_ms + 1).ok()?];
        for view in jobs.views(run, |_| true) {
            let Some(at) = view.last_answer else { continue };
            let place = usize::try_from(millis(began, at) / width_ms).ok()?;
            if let Some(bucket) = buckets.get_mut(place) {
                bucket.count(&view);
            }
        }
        for bucket in &mut buckets {
            bucket.latencies.sort_unstable();
        }
        let any = buckets.iter().any(|bucket| bucket.ended() > 0);
        any.then_some(Self { width_ms, buckets })
    }

    /// How long a bucket is, in words.
    pub(in crate::report) fn width(&self) -> String {
        moment(self.width_ms)
    }

    fn per_second(&self, jobs: u64) -> f64 {
        float(jobs) * 1000.0 / float(self.width_ms)
    }

    fn at(&self, place: usize) -> f64 {
        float(place as u64) / float(self.buckets.len() as u64)
    }

    fn axis(&self, frame: &Frame) -> String {
        let least = (self.buckets.len() + 1).div_ceil(frame.labels);
        let every = LABEL_STEPS.into_iter().find(|step| *step >= least).unwrap_or(least);
        let labels = (0..=self.buckets.len()).step_by(every);
        labels.map(|place| frame.below(self.at(place), &moment(place as u64 * self.width_ms))).collect()
    }
}

impl Bucket {
    fn count(&mut self, view: &JobView<'_>) {
        match view.state {
            JobState::Succeeded | JobState::Accepted => self.taken += 1,
            JobState::Rejected | JobState::NotSent | JobState::NotBridged => self.failed += 1,
            JobState::Unknown => self.unknown += 1,
            JobState::Pending
            | JobState::InFlight
            | JobState::Doubtful
            | JobState::InFlightDoubtful
            | JobState::Skipped
            | JobState::NotAttempted => return,
        }
        if let (Some(_), Some((latency, _))) = (view.status, view.times) {
            self.latencies.push(latency);
        }
    }

    fn ended(&self) -> u64 {
        self.taken + self.failed + self.unknown
    }

    /// Nearest rank, `percent` of 100.
    fn latency(&self, percent: usize) -> Option<Latency> {
        let rank = (self.latencies.len() * percent).div_ceil(100);
        self.latencies.get(rank.saturating_sub(1)).copied()
    }
}

fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX)
}

/// Ended jobs a second, stacked by what became of them.
pub(in crate::report) fn rate_over_time(timeline: &Timeline) -> String {
    let ended = |bucket: &Bucket| bucket.ended();
    let most = timeline.buckets.iter().map(ended).max().unwrap_or_default();
    let peak = timeline.per_second(most);
    let words = format!(
        "Jobs ended per second over the run in buckets of {}; {} in the busiest.",
        timeline.width(),
        count(most)
    );
    let ticks = Ticks::up_to(peak);
    both_low(|frame| {
        let mut out = frame.rows(&ticks, "jobs/s");
        for (place, bucket) in timeline.buckets.iter().enumerate() {
            let from = moment(place as u64 * timeline.width_ms);
            let (mut low, span) = (0, (timeline.at(place), timeline.at(place + 1)));
            let parts =
                [("ok", "taken", bucket.taken), ("bad", "failed", bucket.failed), ("open", "unknown", bucket.unknown)];
            for (class, word, jobs) in parts.into_iter().filter(|(.., jobs)| *jobs > 0) {
                let height = |jobs| ticks.at(timeline.per_second(jobs));
                let words = format!("from {from}: {} {word}", count(jobs));
                out.push_str(&frame.bar(class, span, (height(low), height(low + jobs)), &words));
                low += jobs;
            }
        }
        frame.svg(&words, &(out + &timeline.axis(frame)))
    })
}

/// Median and 95th percentile of the last answers' service times; `None` when no job that ended has an answer.
pub(in crate::report) fn latency_over_time(timeline: &Timeline) -> Option<String> {
    let slowest = timeline.buckets.iter().filter_map(|bucket| bucket.latency(95)).max()?;
    let ticks = Ticks::up_to(slowest.millis());
    let words = format!(
        "Median and 95th percentile of the service time over the run in buckets of {}; the 95th percentile peaks at {} ms.",
        timeline.width(),
        ms(slowest)
    );
    Some(both_low(|frame| {
        let mut out = frame.rows(&ticks, "ms");
        for (class, percent) in [("p95", 95), ("p50", 50)] {
            out.push_str(&line(frame, timeline, &ticks, class, percent));
        }
        frame.svg(&words, &(out + &timeline.axis(frame)))
    }))
}

/// A line that breaks where nothing ended, with a dot at each bucket.
fn line(frame: &Frame, timeline: &Timeline, ticks: &Ticks, class: &str, percent: usize) -> String {
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
