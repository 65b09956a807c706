//! `connection:` as people write it.

use super::link::{RawProxy, RawTls};
use crate::model::{CredentialName, DurationSpec, HostPattern, HttpVersion};
use schemars::JsonSchema;
use serde::Deserialize;

/// URLs of people: no user, no query, no fragment.
pub(in crate::load) const URL: &str = "^https?://[^/?#@ ]+(/[^?#@ ]*)?$";
/// Regions: parts of host names.
pub(in crate::load) const HOST_PART: &str = "^[a-z0-9]([a-z0-9.-]{0,250}[a-z0-9])?$";
/// Names of environment variables.
pub(in crate::load) const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";

/// The API that makes the bridges, and the account that asks it.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawConnection {
    /// Which API: the name of a shipped profile, or a profile file of your own, relative to the runbook (it contains a
    /// `/` or ends in `.yaml`). Default `cxone`.
    #[schemars(extend("default" = "cxone", "examples" = ["cxone", "telnyx", "./my-api.yaml"]))]
    pub(in crate::load) profile: Option<String>,
    /// Region that the profile's URLs are made from. Exclusive with `base_url`.
    #[schemars(regex(pattern = HOST_PART), extend("examples" = ["mynicecx"]))]
    pub(in crate::load) region: Option<String>,
    /// URL in front of every request path. Exclusive with `region`. Default: the profile's.
    #[schemars(regex(pattern = URL), extend("examples" = ["https://api.example.com"]))]
    pub(in crate::load) base_url: Option<String>,
    /// Token endpoint. Default: the profile's, below `base_url` or for `region`.
    #[schemars(regex(pattern = URL), extend("examples" = ["https://login.example.com/oauth/token"]))]
    pub(in crate::load) token_url: Option<String>,
    /// Plain `http:` to other machines than this one. Tokens and numbers can then be read on the way.
    #[schemars(extend("default" = false, "examples" = [false]))]
    pub(in crate::load) allow_plain_http: Option<bool>,
    /// Where each credential that the profile asks for comes from.
    pub(in crate::load) auth: Option<RawAuth>,
    /// Time limits of one request.
    pub(in crate::load) timeouts: Option<RawTimeouts>,
    /// Versions of HTTP: `1.1` alone (the default), or `auto`, which takes HTTP/2 where the server offers it over TLS.
    #[schemars(extend("default" = "1.1", "examples" = ["auto"]))]
    pub(in crate::load) http: Option<HttpVersion>,
    /// Whom to trust, and the certificate that this machine shows.
    pub(in crate::load) tls: Option<RawTls>,
    /// `none` (the default), `env` for `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, a URL, or `url` with
    /// `username` and `password`.
    pub(in crate::load) proxy: Option<RawProxy>,
    /// The only hosts that are sent requests, a base URL that comes with the token included: names, or `*.` and a name for
    /// all below it. Default: those of `base_url`, `token_url` and the profile.
    #[schemars(length(min = 1), inner(regex(pattern = HostPattern::PATTERN)), extend("examples" = [["api.example.com", "*.example.com"]]))]
    pub(in crate::load) allow_hosts: Option<Vec<Option<String>>>,
    /// How long an idle connection is kept for the next request; `0s`: a connection for each. Default 4s, shorter than
    /// servers keep theirs: a request that meets a closing connection would be `unknown`.
    #[schemars(regex(pattern = DurationSpec::PATTERN), extend("default" = "4s", "examples" = ["0s"]))]
    pub(in crate::load) keep_alive: Option<String>,
}

/// Where each credential comes from. Which ones are needed is the profile's business: `cxone` needs `client_id` and
/// `client_secret`.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawAuth {
    /// The id of an OAuth client.
    #[schemars(extend("examples" = [{"env": "CXONE_CLIENT_ID"}], "writeOnly" = true))]
    pub(in crate::load) client_id: Option<RawSecret>,
    /// The secret of an OAuth client. A literal secret is an error.
    #[schemars(extend("examples" = [{"env": "CXONE_CLIENT_SECRET"}], "writeOnly" = true))]
    pub(in crate::load) client_secret: Option<RawSecret>,
    /// The name of a user.
    #[schemars(extend("examples" = [{"env": "ARI_USERNAME"}], "writeOnly" = true))]
    pub(in crate::load) username: Option<RawSecret>,
    /// The password of a user.
    #[schemars(extend("examples" = [{"env": "ARI_PASSWORD"}], "writeOnly" = true))]
    pub(in crate::load) password: Option<RawSecret>,
    /// The id of an access key.
    #[schemars(extend("examples" = [{"env": "CXONE_ACCESS_KEY_ID"}], "writeOnly" = true))]
    pub(in crate::load) access_key_id: Option<RawSecret>,
    /// The secret of an access key.
    #[schemars(extend("examples" = [{"env": "CXONE_ACCESS_KEY_SECRET"}], "writeOnly" = true))]
    pub(in crate::load) access_key_secret: Option<RawSecret>,
    /// A bearer token that somebody else has made.
    #[schemars(extend("examples" = [{"env": "BRIDGE_TOKEN"}], "writeOnly" = true))]
    pub(in crate::load) token: Option<RawSecret>,
    /// An API key.
    #[schemars(extend("examples" = [{"env": "TELNYX_API_KEY"}], "writeOnly" = true))]
    pub(in crate::load) api_key: Option<RawSecret>,
}

impl RawAuth {
    /// The credentials that are given, by name.
    pub(in crate::load) fn given(&self) -> impl Iterator<Item = (CredentialName, &RawSecret)> {
        let of = |name| match name {
            CredentialName::ClientId => &self.client_id,
            CredentialName::ClientSecret => &self.client_secret,
            CredentialName::Username => &self.username,
            CredentialName::Password => &self.password,
            CredentialName::AccessKeyId => &self.access_key_id,
            CredentialName::AccessKeySecret => &self.access_key_secret,
            CredentialName::Token => &self.token,
            CredentialName::ApiKey => &self.api_key,
        };
        CredentialName::ALL.into_iter().filter_map(move |name| Some((name, of(name).as_ref()?)))
    }
}

/// Where a secret comes from: exactly one key.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub(in crate::load) struct RawSecret {
    /// An environment variable.
    #[schemars(regex(pattern = VARIABLE), extend("examples" = ["CXONE_CLIENT_SECRET"], "writeOnly" = true))]
    pub(in crate::load) env: Option<String>,
    /// A file that holds the secret alone, relative to the runbook. Mode 0600 or stricter.
    #[schemars(length(min = 1), extend("examples" = ["secrets/cxone"]))]
    pub(in crate::load) file: Option<String>,
    /// A command and its arguments, run without a shell in the runbook's folder: the only line that it prints within ten
    /// seconds is the secret. What it writes to stderr is not shown.
    #[schemars(length(min = 1), inner(length(min = 1)), extend("examples" = [["pass", "show", "cxone/client-secret"]]))]
    pub(in crate::load) exec: Option<Vec<Option<String>>>,
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
