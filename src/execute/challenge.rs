//! `WWW-Authenticate` of an answer: whether a fresh token can help (RFC 6750 section 3).

use crate::model::printable;
use http_auth::parse_challenges;

/// Characters of a scope list that are repeated.
const MAX_SCOPE: usize = 120;

/// A fault that no fresh token mends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum TokenFault {
    /// The token lacks a scope: these, if the answer names them.
    InsufficientScope(Option<String>),
    /// The request itself is wrong.
    InvalidRequest,
}

impl TokenFault {
    /// What to do about it.
    pub(super) fn remedy(&self) -> String {
        match self {
            Self::InsufficientScope(Some(scope)) => {
                format!("the token lacks the scope {scope}: grant it to the client, and let the profile ask for it")
            }
            Self::InsufficientScope(None) => {
                "the token lacks a scope: grant it to the client, and let the profile ask for it".to_owned()
            }
            Self::InvalidRequest => {
                "the server calls the way in which the token is sent wrong: check `auth` of the profile".to_owned()
            }
        }
    }
}

/// What the Bearer challenges of an answer say. `invalid_token`, no code and a vendor's own code say that the token is at
/// fault: `None`, and a fresh one may help. So does a header that cannot be read.
pub(super) fn token_fault<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<TokenFault> {
    headers.into_iter().filter_map(|header| parse_challenges(header).ok()).flatten().find_map(|challenge| {
        if !challenge.scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let param = |wanted: &str| {
            let found = challenge.params.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.to_unescaped())
        };
        match param("error")?.as_str() {
            "insufficient_scope" => {
                let scope = param("scope").map(|scope| printable(&scope, MAX_SCOPE).into_owned());
                Some(TokenFault::InsufficientScope(scope.filter(|scope| !scope.is_empty())))
            }
            "invalid_request" => Some(TokenFault::InvalidRequest),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_codes_that_speak_against_a_fresh_token_are_faults() {
        for none in [
            "Bearer",
            r#"Bearer realm="calls""#,
            r#"Bearer error="invalid_token", error_description="expired""#,
            r#"Bearer error="token_expired""#,
            r#"Basic realm="x", error="insufficient_scope""#,
            "Bearer error=\"insufficient_scope",
            "",
        ] {
            assert_eq!(token_fault([none]), None, "{none}");
        }
        let scope = TokenFault::InsufficientScope(Some("cti:bridge:write".to_owned()));
        let header = r#"bearer realm="a, b", Error=insufficient_scope, scope="cti:bridge:write""#;
        assert_eq!(token_fault([header]), Some(scope.clone()));
        assert_eq!(
            token_fault([r#"Basic realm="x", Bearer error="insufficient_scope""#]),
            Some(TokenFault::InsufficientScope(None))
        );
        assert_eq!(token_fault(["Basic realm=x", header]), Some(scope));
        assert_eq!(token_fault([r#"Bearer error="invalid_request""#]), Some(TokenFault::InvalidRequest));
    }
}
