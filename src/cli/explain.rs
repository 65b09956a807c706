//! `bridgebook explain`: the long words behind a diagnostic's code, and the reference of the template language.

use super::exit::Exit;
use super::failure::Failure;
use super::{manual, print};
use crate::model::Code;
use crate::template::nearest;
use std::fmt::Write as _;

/// What can be explained beside codes: the word, its page, and what it is.
const TOPICS: [(&str, &str, &str); 1] =
    [("templates", manual::TEMPLATES, "the template language: scope, values, helpers, each with an example")];

/// Prints a section of the manual, or what there is to explain.
pub(super) fn explain(topic: Option<&str>) -> Result<u8, Failure> {
    let Some(topic) = topic else { return print::text(&contents()) };
    if let Some((_, page, _)) = TOPICS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(topic)) {
        return print::text(&manual::plain(page));
    }
    let code = code(topic).ok_or_else(|| unknown(topic))?;
    let section = manual::section(code);
    let severity = code.severity().word();
    print::text(&format!("{severity}[{code}]: {}\n\n{}", section.title, manual::plain(section.text)))
}

/// `BB0101`, `bb101`, `101`: a code as people type it, with or without the brackets in which it is printed.
fn code(text: &str) -> Option<Code> {
    let text = text.trim_end_matches(':').trim_end_matches(']').to_ascii_lowercase();
    let text = text.rsplit('[').next().unwrap_or_default();
    let number: u16 = text.strip_prefix("bb").unwrap_or(text).parse().ok()?;
    Code::ALL.iter().copied().find(|code| code.number() == number)
}

fn unknown(topic: &str) -> Failure {
    let codes: Vec<String> = Code::ALL.iter().map(ToString::to_string).collect();
    let words = TOPICS.iter().map(|(name, ..)| *name).chain(codes.iter().map(String::as_str));
    let list = "`bridgebook explain` lists the codes and topics";
    let help = nearest(topic, words).map_or_else(|| list.to_owned(), |near| format!("try `{near}`; {list}"));
    Failure::new(Exit::Usage, format!("there is nothing to explain about {topic:?}")).help(help)
}

fn contents() -> String {
    let mut text = String::from("bridgebook explain TOPIC\n\n");
    for (name, _, what) in TOPICS {
        let _ = writeln!(text, "  {name:<9} {what}");
    }
    text.push('\n');
    let mut codes = Code::ALL.to_vec();
    codes.sort_by_key(|code| code.number());
    for code in codes {
        let mark = if code.severity() == crate::model::Severity::Warning { " (warning)" } else { "" };
        let _ = writeln!(text, "  {:<9} {}{mark}", code.to_string(), manual::section(code).title);
    }
    text
}
