//! What is said about names and URLs that cannot be ones.

/// Longest name of a runbook or set, in characters.
const LONGEST: usize = 64;

/// A name of a set may have capitals and dots, one of a runbook is a folder's in small letters. `None`: in quotes it is
/// one.
pub(super) fn explain_name(text: &str, of_set: bool) -> Option<(String, String)> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || (of_set && c.is_ascii_uppercase());
    let signs: &[char] = if of_set { &['-', '_', '.'] } else { &['-', '_'] };
    let kept = |c: char| if plain(c) || signs.contains(&c) { c } else { '-' };
    let lower = if of_set { text.to_owned() } else { text.to_lowercase() };
    let near: String = lower.chars().map(kept).take(LONGEST).collect();
    let near = near.trim_matches(signs);
    if near == text {
        return None;
    }
    let letters = if of_set { "letters, digits, `.`, `-` and `_`" } else { "lower-case letters, digits, `-` and `_`" };
    let help = if near.is_empty() { format!("write {letters}") } else { format!("write `{near}`: {letters}") };
    Some((format!("{:?} cannot be a name", crate::model::printable(text, 60)), help))
}

/// A region stands in host names. `None`: in quotes it may be one.
pub(super) fn explain_region(text: &str) -> Option<(String, String)> {
    let lower = text.to_lowercase();
    (lower != text)
        .then(|| (format!("{text:?} is not a region: it becomes part of a host name"), format!("write `{lower}`")))
}

/// What is not said again may be a secret.
pub(super) fn explain_url(text: &str) -> (String, String) {
    let (message, help) = if text.contains('@') {
        (
            "a URL cannot hold a user or a password",
            "name them in `auth`; then change the password, since it has been written down",
        )
    } else if text.contains(['?', '#']) {
        ("this URL goes on behind its path", "write scheme, host and path alone")
    } else if text.contains(' ') {
        ("a URL has no blanks", "write for example https://api.example.com")
    } else if text.contains("://") {
        ("this is not a URL of https or http with a host", "write for example https://api.example.com")
    } else {
        ("a URL begins with https://", "write for example https://api.example.com")
    };
    (message.to_owned(), help.to_owned())
}

/// The secret itself may stand there: it is not said again.
pub(super) fn explain_variable() -> (String, String) {
    let help =
        "write its name, such as CXONE_CLIENT_SECRET; a secret that stands here has been written down: change it";
    ("this is not the name of an environment variable".to_owned(), help.to_owned())
}
