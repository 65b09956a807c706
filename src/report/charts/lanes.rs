//! What happened to the run as a whole, on the time axis: a lane a kind. The table of events says the same in words.

use super::both;
use super::clock::Clock;
use super::frame::Frame;
use super::scale::moment;
use super::timeline::Timeline;
use crate::model::{Timestamp, printable};
use crate::report::course::{RunEvent, RunEventKind};

/// Characters of the words under the pointer.
const MAX_TEXT: usize = 100;

/// A lane: its name, its class in the style sheet, and what lies in it.
#[derive(Debug)]
pub(in crate::report) struct Lane {
    name: &'static str,
    class: &'static str,
    spans: Vec<Span>,
}

#[derive(Debug)]
struct Span {
    from: u64,
    /// The same as `from` for a moment.
    until: u64,
    /// Nothing new was sent in that time.
    rests: bool,
    /// Everything changes here.
    post: bool,
    words: String,
}

/// The lanes of the events; only those in which something lies.
pub(in crate::report) fn lanes(events: &[RunEvent], clock: &Clock, end: Option<Timestamp>) -> Vec<Lane> {
    let mut lanes: Vec<Lane> = Vec::new();
    for event in events {
        let (name, class) = lane(event.kind);
        let from = clock.millis(event.timestamp);
        let lasts = matches!(event.kind, RunEventKind::Wave | RunEventKind::Breaker);
        let until = event.until.or(end.filter(|_| lasts)).map_or(from, |until| clock.millis(until).max(from));
        let span = Span {
            from,
            until,
            rests: matches!(event.kind, RunEventKind::Throttled | RunEventKind::Breaker | RunEventKind::Waiting),
            post: matches!(event.kind, RunEventKind::Stopping | RunEventKind::Resumed),
            words: format!("from {}: {}", moment(from), printable(&event.words, MAX_TEXT)),
        };
        match lanes.iter_mut().find(|lane| lane.name == name) {
            Some(lane) => lane.spans.push(span),
            None => lanes.push(Lane { name, class, spans: vec![span] }),
        }
    }
    lanes
}

fn lane(kind: RunEventKind) -> (&'static str, &'static str) {
    match kind {
        RunEventKind::Wave => ("waves", "wave"),
        RunEventKind::Throttled => ("throttled", "rest"),
        RunEventKind::Breaker => ("breaker", "rest2"),
        RunEventKind::Waiting => ("waiting", "rest"),
        RunEventKind::TokenFailed | RunEventKind::TokenRenewed => ("token", "idle"),
        RunEventKind::RetryBudgetSpent => ("retries", "rest2"),
        RunEventKind::Stopping => ("stop", "rest2"),
        RunEventKind::Resumed => ("resumed", "wave"),
    }
}

/// The drawing; `None` when nothing happened.
pub(in crate::report) fn course_over_time(timeline: &Timeline, lanes: &[Lane]) -> Option<String> {
    let names: Vec<&str> = lanes.iter().map(|lane| lane.name).collect();
    let words = format!("One lane each: {}. The table of events below says the same in words.", names.join(", "));
    (!lanes.is_empty()).then(|| {
        both(|frame| {
            let frame = frame.with_lanes(lanes.len());
            let mut out = String::new();
            for (row, lane) in lanes.iter().enumerate() {
                out.push_str(&frame.lane(row, lane.name));
                for span in &lane.spans {
                    let at = (timeline.place(span.from), timeline.place(span.until));
                    out.push_str(&frame.in_lane(row, lane.class, at, &span.words));
                }
            }
            frame.svg("course", "What happened to the run, over time", &words, &out)
        })
    })
}

/// Whether the background of the other charts shows something.
pub(in crate::report) fn any_rest(lanes: &[Lane]) -> bool {
    lanes.iter().flat_map(|lane| &lane.spans).any(|span| span.rests && span.until > span.from)
}

/// The background of the other charts over time: when nothing new was sent, and lines where the run stopped or went on.
pub(super) fn shades(frame: &Frame, timeline: &Timeline, lanes: &[Lane]) -> String {
    let spans = || lanes.iter().flat_map(|lane| &lane.spans);
    let rests = spans().filter(|span| span.rests && span.until > span.from);
    let posts = spans().filter(|span| span.post);
    let mut out: String =
        rests.map(|span| frame.shade((timeline.place(span.from), timeline.place(span.until)))).collect();
    out.extend(posts.map(|span| frame.post(timeline.place(span.from))));
    out
}
