//! report.html: one file, no script, no network, readable on paper and on a telephone.
//!
//! Server text is hostile: the template escapes everything but the style sheet and our own drawings (the ten triple
//! braces in it), and a content security policy forbids script and loading even if that failed. Texts are made
//! printable and cut, lists are cut, so the page stays below 2 MB whatever the run.

mod lists;
mod page;
mod proof;
mod sheet;
mod tables;
mod words;

use super::output::Report;
use handlebars::{Handlebars, RenderError, TemplateError};

const TEMPLATE: &str = include_str!("report.html.hbs");
/// The style sheet of every page.
pub(super) const STYLE: &str = include_str!("report.css");

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

/// The file.
pub(super) fn page(report: &Report) -> Result<Vec<u8>, PageError> {
    let mut engine = Handlebars::new();
    engine.set_strict_mode(true); // a misspelled name is an error, not a gap
    engine.register_template_string("page", TEMPLATE).map_err(Box::new)?;
    let html = engine.render("page", &page::Page::of(report, STYLE)).map_err(Box::new)?;
    Ok(html.into_bytes())
}
