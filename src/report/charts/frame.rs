//! The paper that a chart is drawn on: size, margins, axes, and the element around it.
//!
//! Positions inside are fractions, 0 to 1, left to right and bottom to top; only this file knows pixels.

use super::escape;
use super::scale::Ticks;

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

impl Frame {
    /// For a desk.
    pub(super) const WIDE: Self = Self { class: "wide", width: 900.0, height: 230.0, left: 56.0, top: 46.0, labels: 9 };
    /// For a telephone.
    pub(super) const NARROW: Self =
        Self { class: "narrow", width: 340.0, height: 220.0, left: 46.0, top: 46.0, labels: 4 };

    /// Without the three rows for marks above the drawing.
    pub(super) fn without_marks(self) -> Self {
        Self { top: 24.0, height: self.height - 40.0, ..self }
    }

    pub(super) fn x(&self, fraction: f64) -> f64 {
        self.left + fraction * (self.width - self.left - RIGHT)
    }

    pub(super) fn y(&self, fraction: f64) -> f64 {
        let bottom = self.height - BOTTOM;
        bottom - fraction * (bottom - self.top)
    }

    /// The whole drawing; `words` is its text alternative.
    pub(super) fn svg(&self, words: &str, inside: &str) -> String {
        format!(
            "<svg class=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{inside}</svg>",
            self.class,
            self.width,
            self.height,
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
