//! Where the jobs ended, as one bar. The table below it has the numbers; the bar has the proportions.

use crate::report::number::{count, float};
use crate::report::summary::Figures;

const WIDTH: f64 = 1000.0;
/// A part that exists is seen, however small it is.
const LEAST: f64 = 3.0;

/// Each state's count, its class in the style sheet and its word, in the order of the table.
pub(in crate::report) fn parts(figures: &Figures) -> [(u64, &'static str, &'static str); 9] {
    [
        (figures.succeeded, "ok", "succeeded"),
        (figures.accepted, "ok2", "accepted"),
        (figures.rejected, "bad", "rejected"),
        (figures.not_sent, "bad2", "not sent"),
        (figures.unknown, "open", "unknown"),
        (figures.not_bridged, "bad3", "not bridged"),
        (figures.skipped, "idle", "skipped"),
        (figures.not_attempted, "idle2", "not attempted"),
        (figures.open, "open2", "open"),
    ]
}

/// The bar; `None` for a plan without jobs.
pub(in crate::report) fn balance(figures: &Figures) -> Option<String> {
    let parts: Vec<_> = parts(figures).into_iter().filter(|(jobs, ..)| *jobs > 0).collect();
    let all: u64 = parts.iter().map(|(jobs, ..)| jobs).sum();
    let widths: Vec<f64> = parts.iter().map(|(jobs, ..)| (float(*jobs) / float(all) * WIDTH).max(LEAST)).collect();
    let scale = WIDTH / widths.iter().sum::<f64>();
    let (mut x, mut bars, mut words) = (0.0, Vec::new(), Vec::new());
    for ((jobs, class, word), width) in parts.iter().zip(widths) {
        let width = width * scale;
        bars.push(format!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"0\" width=\"{width:.1}\" height=\"14\"><title>{word}: {}</title></rect>",
            count(*jobs)
        ));
        words.push(format!("{} {word}", count(*jobs)));
        x += width;
    }
    (!parts.is_empty()).then(|| {
        format!(
            "<svg class=\"balance\" viewBox=\"0 0 {WIDTH} 14\" preserveAspectRatio=\"none\" role=\"img\" \
             aria-labelledby=\"bar-t\" aria-describedby=\"bar-d\"><title id=\"bar-t\">Where the jobs ended</title>\
             <desc id=\"bar-d\">{}</desc>{}</svg>",
            words.join(", "),
            bars.concat()
        )
    })
}
