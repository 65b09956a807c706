//! One request for a token and nothing else: what a run would be granted, before there is one.

use super::after_run::no_token;
use super::auth::{self, TokenError};
use super::transport::Transport;
use crate::event::LifetimeSource;
use crate::model::Credentials;
use crate::profile::Profile;
use std::time::Duration;

/// A token as it was granted; the token itself is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrantedToken {
    /// How long it lives.
    pub lifetime: Duration,
    /// Who says so.
    pub lifetime_from: LifetimeSource,
    /// The scopes that the answer names; `None`: as asked (RFC 6749 section 5.1).
    pub scopes: Option<Vec<String>>,
    /// Those that were asked for and are not among them.
    pub missing_scopes: Vec<String>,
    /// The base URL that came with it, where the profile takes it from there.
    pub base_url: Option<String>,
    /// The time that the endpoint took.
    pub took: Duration,
}

/// Why there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoToken {
    /// No answer, or one that says "later".
    Unreachable(String),
    /// The endpoint refused the credentials or the scopes.
    Refused(String),
    /// What answers is no token endpoint.
    Misconfigured(String),
}

/// Asks for a token once. Nothing is sent to the API itself.
pub async fn check_token(
    transport: &Transport,
    credentials: &Credentials,
    profile: &Profile,
) -> Result<GrantedToken, NoToken> {
    let failed = |error: TokenError| no_token(profile, credentials, error.kind, &error.message);
    let grant = auth::fetch(transport, credentials, profile).await.map_err(failed)?;
    Ok(GrantedToken {
        lifetime: grant.lifetime,
        lifetime_from: grant.lifetime_from,
        scopes: grant.granted_scopes,
        missing_scopes: grant.missing_scopes,
        base_url: grant.base_url,
        took: grant.took,
    })
}
