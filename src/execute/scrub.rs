//! Takes the run's own secrets out of other people's words: a server may echo what it was sent.
//!
//! Secrets cannot be printed by type; this is for texts that come back from outside, before anything is done with them.

use crate::model::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands in a secret's place.
const MASK: &str = "***";
/// Shorter secrets would take half of the text with them; they are no secrets either.
const SHORTEST: usize = 4;
/// Tokens that are remembered. A run sees few, and an answer echoes the one of its own request.
const MAX_TOKENS: usize = 8;

/// The secrets to look for.
#[derive(Debug, Default)]
pub(super) struct Scrubber {
    fixed: Vec<Secret<String>>,
    tokens: Vec<Secret<String>>,
}

impl Scrubber {
    /// Looks for secrets as they are, and as forms, JSON and base64 carry them.
    pub(super) fn for_secrets(secrets: impl IntoIterator<Item = Secret<String>>) -> Self {
        let shapes = |secret: Secret<String>| {
            let encoded = utf8_percent_encode(secret.expose(), NON_ALPHANUMERIC).to_string();
            let form = form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect::<String>();
            let json = serde_json::Value::from(secret.expose().as_str()).to_string();
            let json = json.trim_matches('"').to_owned();
            let base64 = [STANDARD.encode(secret.expose()), URL_SAFE_NO_PAD.encode(secret.expose())];
            let lower = [&encoded, &form].map(|text| lower_escapes(text));
            [secret].into_iter().chain([encoded, form, json].into_iter().chain(base64).chain(lower).map(Secret::new))
        };
        let mut fixed: Vec<Secret<String>> = Vec::new();
        // Most of them are the same for a secret of plain letters.
        for shape in secrets.into_iter().flat_map(shapes) {
            if !fixed.contains(&shape) {
                fixed.push(shape);
            }
        }
        // One secret may stand within another: the longer one goes first.
        fixed.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        Self { fixed, tokens: Vec::new() }
    }

    /// Looks for a token too.
    pub(super) fn add_token(&mut self, token: &Secret<String>) {
        if self.tokens.len() == MAX_TOKENS {
            self.tokens.remove(0);
        }
        self.tokens.push(token.clone());
    }

    /// The text without them.
    pub(super) fn clean(&self, text: &str) -> String {
        let secrets =
            self.fixed.iter().chain(&self.tokens).map(Secret::expose).filter(|secret| secret.len() >= SHORTEST);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
    }
}

/// Percent escapes with small letters, as some servers write them.
fn lower_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |mut out, part| {
        let (digits, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        out.push('%');
        out.push_str(&digits.to_ascii_lowercase());
        out.push_str(rest);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_shape_in_which_it_was_sent() {
        let mut scrubber = Scrubber::for_secrets([Secret::new("p+w=d %1".to_owned())]);
        scrubber.add_token(&Secret::new("tok-123".to_owned()));
        let words = "raw p+w=d %1, form p%2Bw%3Dd+%251, percent p%2bw%3dd%20%251, cCt3PWQgJTE=, Bearer tok-123";
        assert_eq!(scrubber.clean(words), "raw ***, form ***, percent ***, ***, Bearer ***");
    }
}
