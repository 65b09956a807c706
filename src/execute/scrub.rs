//! Takes the run's own secrets out of other people's words: a server may echo what it was sent.
//!
//! Secrets cannot be printed by type; this is for texts that come back from outside, before anything is done with them.

use crate::model::Secret;
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
    /// Looks for secrets as they are and as a form would carry them.
    pub(super) fn for_secrets(secrets: impl IntoIterator<Item = Secret<String>>) -> Self {
        let shapes = |secret: Secret<String>| {
            let encoded = utf8_percent_encode(secret.expose(), NON_ALPHANUMERIC).to_string();
            let form = form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect::<String>();
            [secret, Secret::new(encoded), Secret::new(form)]
        };
        let mut fixed: Vec<Secret<String>> = secrets.into_iter().flat_map(shapes).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_shape_in_which_it_was_sent() {
        let mut scrubber = Scrubber::for_secrets([Secret::new("p+w=d %1".to_owned())]);
        scrubber.add_token(&Secret::new("tok-123".to_owned()));
        let words = "raw p+w=d %1, form p%2Bw%3Dd+%251, percent p%2Bw%3Dd%20%251, Bearer tok-123";
        assert_eq!(scrubber.clean(words), "raw ***, form ***, percent ***, Bearer ***");
    }
}
