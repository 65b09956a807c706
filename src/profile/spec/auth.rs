//! `auth:` of a profile.

use crate::model::{CredentialName, DurationSpec};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How a request is authorised. A profile names credentials; their values come from the runbook's `connection.auth`.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::profile) struct AuthSpec {
    /// `client_credentials` (RFC 6749 section 4.4), `password` (section 4.3) and `json` (a JSON body of your own) ask a
    /// token endpoint first. `bearer` sends a token that somebody else has made, `basic` user name and password with
    /// every request (RFC 7617), `none` nothing.
    #[schemars(required, extend("examples" = ["client_credentials"]))]
    pub(in crate::profile) grant: Option<Grant>,
    /// How the OAuth client names itself to the token endpoint: `basic` (its header, the standard's own way), `body`
    /// (in the form) or `none` (grant `password` only). Default `body`.
    #[schemars(extend("default" = "body", "examples" = ["basic"]))]
    pub(in crate::profile) client: Option<ClientAuth>,
    /// The credential that is sent as the user name, for `password` and `basic`. Default `username`.
    #[schemars(extend("default" = "username", "examples" = ["access_key_id"]))]
    pub(in crate::profile) username: Option<CredentialName>,
    /// The credential that is sent as the password, for `password` and `basic`. Default `password`.
    #[schemars(extend("default" = "password", "examples" = ["access_key_secret"]))]
    pub(in crate::profile) password: Option<CredentialName>,
    /// The credential that is the token, for `bearer`. Default `token`.
    #[schemars(extend("default" = "token", "examples" = ["api_key"]))]
    pub(in crate::profile) token: Option<CredentialName>,
    /// The body of the token request, for `json`. In templates `credentials` is in scope.
    #[schemars(extend("examples" = [{"accessKeyId": "{{credentials.access_key_id}}", "accessKeySecret": "{{credentials.access_key_secret}}"}]))]
    pub(in crate::profile) body: Option<Map<String, Value>>,
    /// Scopes to ask for. A narrower grant is reported.
    #[schemars(inner(regex(pattern = "^[!#-\\[\\]-~]+$")), extend("examples" = [["calls:bridge"]]))]
    pub(in crate::profile) scopes: Option<Vec<Option<String>>>,
    /// More parameters of the token request's form.
    #[schemars(extend("examples" = [{"audience": "https://api.example.com"}]))]
    pub(in crate::profile) params: Option<BTreeMap<String, String>>,
    /// Where things stand in the token's answer.
    pub(in crate::profile) answer: Option<TokenAnswerSpec>,
    /// Lifetime of a token whose answer does not say. Left out: what the token itself says, if it is a JWT (`exp` less
    /// `iat`), else until the API refuses it, ten minutes at most.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("examples" = ["10m"]))]
    pub(in crate::profile) default_lifetime: Option<String>,
    /// The header that carries the token, for every grant but `basic` and `none`. Default `Authorization`.
    #[schemars(regex(pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"), extend("default" = "Authorization", "examples" = ["X-API-Key"]))]
    pub(in crate::profile) header: Option<String>,
    /// The word in front of the token in that header; empty: the token alone. Default `Bearer`.
    #[schemars(regex(pattern = "^[!#$%&'*+.^_`|~0-9A-Za-z-]*$"), extend("default" = "Bearer", "examples" = ["Token"]))]
    pub(in crate::profile) scheme: Option<String>,
}

/// How a request comes to its authorization.
#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(in crate::profile) enum Grant {
    ClientCredentials,
    Password,
    Json,
    Bearer,
    Basic,
    None,
}

impl Grant {
    pub(in crate::profile) fn as_str(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
            Self::Json => "json",
            Self::Bearer => "bearer",
            Self::Basic => "basic",
            Self::None => "none",
        }
    }

    /// Whether a token endpoint is asked.
    pub(in crate::profile) fn asks(self) -> bool {
        matches!(self, Self::ClientCredentials | Self::Password | Self::Json)
    }
}

/// How the OAuth client names itself.
#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(in crate::profile) enum ClientAuth {
    Body,
    Basic,
    None,
}

/// Where things stand in the token's answer, as JSON pointers.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::profile) struct TokenAnswerSpec {
    /// The token. Default `/access_token`.
    #[schemars(regex(pattern = "^(/[^/]+)+$"), extend("default" = "/access_token", "examples" = ["/data/token"]))]
    pub(in crate::profile) access_token: Option<String>,
    /// Its lifetime in seconds. Default `/expires_in`.
    #[schemars(regex(pattern = "^(/[^/]+)+$"), extend("default" = "/expires_in", "examples" = ["/data/ttl"]))]
    pub(in crate::profile) expires_in: Option<String>,
    /// The scopes that were granted. Default `/scope`.
    #[schemars(regex(pattern = "^(/[^/]+)+$"), extend("default" = "/scope", "examples" = ["/data/scope"]))]
    pub(in crate::profile) scope: Option<String>,
}
