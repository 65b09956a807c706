//! `connection:` as people write it.

use crate::model::DurationSpec;
use schemars::JsonSchema;
use serde::Deserialize;

/// The API that makes the bridges, and the account that asks it.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawConnection {
    /// Which API: a built-in profile. Default `cxone`.
    #[schemars(extend("default" = "cxone", "examples" = ["cxone"]))]
    pub(in crate::load) profile: Option<String>,
    /// Region that the profile's URLs are made from. Exclusive with `base_url`.
    #[schemars(regex(pattern = "^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?$"), extend("examples" = ["mynicecx"]))]
    pub(in crate::load) region: Option<String>,
    /// URL in front of every request path. Exclusive with `region`.
    #[schemars(regex(pattern = "^https?://[^/?#@ ]+(/[^?#@ ]*)?$"), extend("examples" = ["https://api.example.com"]))]
    pub(in crate::load) base_url: Option<String>,
    /// Token endpoint. Default: the profile's, below `base_url` or for `region`.
    #[schemars(regex(pattern = "^https?://[^/?#@ ]+(/[^?#@ ]*)?$"), extend("examples" = ["https://login.example.com/oauth/token"]))]
    pub(in crate::load) token_url: Option<String>,
    /// Plain `http:` to other machines than this one. Tokens and numbers can then be read on the way.
    #[schemars(extend("default" = false, "examples" = [false]))]
    pub(in crate::load) allow_plain_http: Option<bool>,
    /// The OAuth client. Required here or in an included file.
    pub(in crate::load) auth: Option<RawAuth>,
    /// Time limits of one request.
    pub(in crate::load) timeouts: Option<RawTimeouts>,
}

/// The OAuth client (client credentials grant).
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawAuth {
    /// Where the client id comes from.
    #[schemars(required, extend("examples" = [{"env": "CXONE_CLIENT_ID"}], "writeOnly" = true))]
    pub(in crate::load) client_id: Option<RawSecret>,
    /// Where the client secret comes from. A literal secret is an error.
    #[schemars(required, extend("examples" = [{"env": "CXONE_CLIENT_SECRET"}], "writeOnly" = true))]
    pub(in crate::load) client_secret: Option<RawSecret>,
}

/// Where a secret comes from: exactly one key.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(in crate::load) struct RawSecret {
    /// An environment variable.
    #[schemars(regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"), extend("examples" = ["CXONE_CLIENT_SECRET"], "writeOnly" = true))]
    pub(in crate::load) env: Option<String>,
    /// A file that holds the secret alone, relative to the runbook. Mode 0600 or stricter.
    #[schemars(length(min = 1), extend("examples" = ["secrets/cxone"]))]
    pub(in crate::load) file: Option<String>,
}

/// Time limits of one request.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawTimeouts {
    /// Name resolution, TCP and TLS handshake. Default 5s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "5s", "examples" = ["5s"]))]
    pub(in crate::load) connect: Option<String>,
    /// A whole bridge request. When it runs out the outcome is `unknown`. Default 30s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "30s", "examples" = ["30s"]))]
    pub(in crate::load) request: Option<String>,
    /// A whole token request. Default 15s.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "15s", "examples" = ["15s"]))]
    pub(in crate::load) token: Option<String>,
}
