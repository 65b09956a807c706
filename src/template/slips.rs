//! What people write that is no template of this language, and what they should write instead.

use super::error::CompileError;
use super::names::Scope;
use handlebars::TemplateErrorReason;

/// Quotes that word processors make of plain ones.
pub(super) const TYPOGRAPHIC: [char; 5] = ['\u{201c}', '\u{201d}', '\u{201e}', '\u{2018}', '\u{2019}'];
/// The remedy for them.
pub(super) const PLAIN_QUOTES: &str = "write plain quotes: `'none'`";

/// The parser's own words name its grammar rules; these name what people do wrong.
pub(super) fn syntax(text: &str, error: &handlebars::TemplateError) -> CompileError {
    let count = |sign: &str| text.matches(sign).count();
    let (message, help) = match error.reason() {
        TemplateErrorReason::MismatchingClosedHelper(open, close) => {
            (format!("`{open}` is open and `{close}` closes"), Some(format!("write `{{{{/{open}}}}}`")))
        }
        _ if count("{{") > count("}}") => ("a `{{` has no `}}`".to_owned(), None),
        _ if count("{{") < count("}}") => ("a `}}` has no `{{`".to_owned(), None),
        _ if count("{{{") != count("}}}") => {
            ("three braces on one side, two on the other".to_owned(), Some("write two: nothing is escaped".to_owned()))
        }
        _ if count("{{#") > count("{{/") => {
            ("a block is not closed".to_owned(), Some("a `{{#if ...}}` needs its `{{/if}}`".to_owned()))
        }
        _ => ("what stands between `{{` and `}}` is no expression".to_owned(), foreign(text).map(str::to_owned)),
    };
    CompileError::Syntax(message, help)
}

/// What to write in place of the signs of other template languages.
fn foreign(text: &str) -> Option<&'static str> {
    let mut inner = text.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0.trim()));
    inner.find_map(|inner| {
        let has = |signs: &[&str]| signs.iter().any(|sign| inner.contains(sign));
        if inner.contains(TYPOGRAPHIC) {
            Some(PLAIN_QUOTES)
        } else if has(&["==", "!=", "<", ">", "&&", "||"]) {
            Some("compare with a helper: `{{eq row.status 'waiting'}}`")
        } else if has(&["|"]) {
            Some("a helper stands in front: `{{lower row.status}}`")
        } else if has(&["["]) {
            Some("an entry of a list is read as `row.legs.[0]`, a name with blanks as `row.[Call ID]`")
        } else if inner.split_once(' ').is_some_and(|(first, _)| first.contains('.')) {
            Some("a name with blanks stands in brackets: `row.[Call ID]`; a helper stands in front: `{{lower row.status}}`")
        } else {
            None
        }
    })
}

/// A name of the scope between single braces: `{row.call_id}` would be sent as it stands.
pub(super) fn in_one_brace<'t>(text: &'t str, scope: &Scope) -> Option<&'t str> {
    let single = text.match_indices('{').filter(|(at, _)| !text[..*at].ends_with('{'));
    single.filter_map(|(at, _)| Some(text[at + 1..].split_once('}')?.0)).find(|inner| {
        let plain = inner.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        plain && inner.split_once('.').is_some_and(|(root, _)| scope.has(root))
    })
}
