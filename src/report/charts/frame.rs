//! The paper that a chart is drawn on: size, margins, axes, and the element around it.
//!
//! Positions inside are fractions, 0 to 1, left to right and bottom to top; only this file knows pixels.

use super::escape;
use super::scale::Ticks;
use crate::report::number::float;

/// A size of paper.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// The style sheet's name for it.
    class: &'static str,
    width: f64,
    height: f64,
    left: f64,
    top: f64,
    /// Labels that fit below the drawing.
    pub(super) labels: usize,
}

const RIGHT: f64 = 14.0;
const BOTTOM: f64 = 26.0;
/// Room that an axis label takes above its line.
const RAISE: f64 = 4.0;
/// Left of a chart over time: the name of a lane.
const TIME_LEFT: f64 = 62.0;
/// The height of a lane, and of what lies in it.
const LANE: f64 = 20.0;
const IN_LANE: f64 = 12.0;

impl Frame {
    /// For a desk.
    pub(super) const WIDE: Self = Self { class: "wide", width: 900.0, height: 230.0, left: 56.0, top: 46.0, labels: 9 };
    /// For a telephone.
    pub(super) const NARROW: Self =
        Self { class: "narrow", width: 340.0, height: 220.0, left: 46.0, top: 46.0, labels: 4 };

    /// For a chart over time, without the three rows for marks above the drawing.
    pub(super) fn without_marks(self) -> Self {
        Self { top: 24.0, height: self.height - 40.0, left: TIME_LEFT, ..self }
    }

    /// For so many lanes over the same time.
    pub(super) fn with_lanes(self, lanes: usize) -> Self {
        let height = 8.0 + LANE * float(lanes as u64);
        Self { top: 4.0, height, left: TIME_LEFT, ..self }
    }

    /// A lane's name and its line.
    pub(super) fn lane(&self, row: usize, name: &str) -> String {
        let y = self.lane_middle(row);
        let (left, right) = (self.x(0.0), self.x(1.0));
        format!(
            "<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right:.1}\"/><text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" \
             text-anchor=\"end\">{}</text>",
            left - 6.0,
            y + RAISE,
            escape(name)
        )
    }

    /// Something in a lane: a bar, or a diamond where it is a moment.
    pub(super) fn in_lane(&self, row: usize, class: &str, (from, until): (f64, f64), words: &str) -> String {
        let (left, right, y, half) = (self.x(from), self.x(until), self.lane_middle(row), IN_LANE / 2.0);
        let words = escape(words);
        if until <= from {
            return format!(
                "<path class=\"{class}\" d=\"M{left:.1} {:.1}l{half} {half}l-{half} {half}l-{half} -{half}z\"><title>{words}</title></path>",
                y - half
            );
        }
        format!(
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{IN_LANE}\" rx=\"2\"><title>{words}</title></rect>",
            y - half,
            (right - left - 0.6).max(3.0)
        )
    }

    fn lane_middle(&self, row: usize) -> f64 {
        self.top + LANE * (float(row as u64) + 0.5)
    }

    /// A stretch of the background.
    pub(super) fn shade(&self, (from, until): (f64, f64)) -> String {
        let (left, right) = (self.x(from), self.x(until));
        format!(
            "<rect class=\"shade\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            self.top,
            (right - left).max(1.0),
            self.y(0.0) - self.top
        )
    }

    /// A line from top to bottom.
    pub(super) fn post(&self, at: f64) -> String {
        format!("<path class=\"mark\" d=\"M{:.1} {:.1}V{:.1}\"/>", self.x(at), self.top, self.y(0.0))
    }

    pub(super) fn x(&self, fraction: f64) -> f64 {
        self.left + fraction * (self.width - self.left - RIGHT)
    }

    pub(super) fn y(&self, fraction: f64) -> f64 {
        let bottom = self.height - BOTTOM;
        bottom - fraction * (bottom - self.top)
    }

    /// The whole drawing; title and words are what stands for it where it is not seen. `id` is its own on the page.
    pub(super) fn svg(&self, id: &str, title: &str, words: &str, inside: &str) -> String {
        let Self { class, width, height, .. } = self;
        format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-{class}\" \
             aria-describedby=\"{id}-{class}-d\"><title id=\"{id}-{class}\">{}</title><desc id=\"{id}-{class}-d\">{}</desc>\
             {inside}</svg>",
            escape(title),
            escape(words)
        )
    }

    /// Lines and numbers of the vertical axis, and what they count.
    pub(super) fn rows(&self, ticks: &Ticks, unit: &str) -> String {
        let (left, right) = (self.x(0.0), self.x(1.0));
        let mut out: Vec<String> = ticks
            .values()
            .map(|(value, at)| {
                let y = self.y(at);
                format!(
                    "<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right:.1}\"/><text class=\"tick\" x=\"{:.1}\" \
                     y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                    left - 6.0,
                    y + RAISE,
                    escape(&value)
                )
            })
            .collect();
        out.push(format!("<text class=\"unit\" x=\"0\" y=\"12\">{}</text>", escape(unit)));
        out.concat()
    }

    /// A number below the horizontal axis.
    pub(super) fn below(&self, at: f64, text: &str) -> String {
        let x = self.x(at);
        let anchor = if at > 0.97 { "end" } else { "middle" };
        format!(
            "<path class=\"notch\" d=\"M{x:.1} {:.1}v4\"/><text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" \
             text-anchor=\"{anchor}\">{}</text>",
            self.y(0.0),
            self.y(0.0) + 18.0,
            escape(text)
        )
    }

    /// A bar from `from` to `to`, standing on `low` and reaching `high`; `words` appear under the pointer.
    pub(super) fn bar(&self, class: &str, (from, to): (f64, f64), (low, high): (f64, f64), words: &str) -> String {
        let (left, right) = (self.x(from), self.x(to));
        let gap = if right - left > 5.0 { 1.0 } else { 0.2 };
        let (top, bottom) = (self.y(high), self.y(low));
        // What is there must be seen, however little it is.
        let height = (bottom - top).max(1.0);
        format!(
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{}</title></rect>",
            left + gap / 2.0,
            bottom - height,
            right - left - gap,
            escape(words)
        )
    }

    /// A vertical mark with its label on one of three rows above the drawing: the line, and the words, which are to be
    /// drawn after all lines.
    pub(super) fn mark(&self, at: f64, row: u8, text: &str) -> (String, String) {
        let x = self.x(at);
        let y = 12.0 + 13.0 * f64::from(row);
        let (anchor, shift) = if at > 0.6 { ("end", -5.0) } else { ("start", 5.0) };
        let line = format!("<path class=\"mark\" d=\"M{x:.1} {:.1}V{:.1}\"/>", y - 9.0, self.y(0.0));
        let words = format!(
            "<text class=\"label\" x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            x + shift,
            escape(text)
        );
        (line, words)
    }
}
