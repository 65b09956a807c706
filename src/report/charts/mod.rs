//! Drawings as inline SVG, placed by hand: no script, no font, no network, colours from the page's style sheet.
//!
//! Every drawing comes twice, for a wide and for a narrow page; the style sheet shows one. A drawing holds only
//! numbers that this crate made, and text that passed [`escape`]. Coordinates have one decimal, so the bytes are the
//! same wherever they are made.

mod balance;
mod clock;
mod frame;
mod histogram;
mod lanes;
mod runs;
mod scale;
mod timeline;

pub(super) use balance::{balance, parts};
pub(super) use clock::Clock;
pub(super) use histogram::Histogram;
pub(super) use lanes::{any_rest, course_over_time, lanes};
pub(super) use runs::{RunFigures, RunPoint, latency_by_run, losses_by_run, volume_by_run};
pub(super) use timeline::{TimeRow, Timeline, latency_over_time, rate_over_time};

use frame::Frame;

/// A drawing in both widths, one after the other.
fn both(draw: impl Fn(&Frame) -> String) -> String {
    [Frame::WIDE, Frame::NARROW].iter().map(draw).collect()
}

/// The same for a drawing without marks above it.
fn both_low(draw: impl Fn(&Frame) -> String) -> String {
    [Frame::WIDE, Frame::NARROW].map(Frame::without_marks).iter().map(draw).collect()
}

/// Text for an element or a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}
