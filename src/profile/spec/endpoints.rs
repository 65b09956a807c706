//! `endpoints:` of a profile.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where the API is. In templates `connection.region` is in scope.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::profile) struct EndpointsSpec {
    /// URL in front of every path. Left out: the runbook gives `base_url`.
    #[schemars(length(min = 1), extend("examples" = ["https://api.{{connection.region}}", "https://api.example.com/v2"]))]
    pub(in crate::profile) base_url: Option<String>,
    /// Path of the token endpoint below the base URL. Exclusive with `token_url`.
    #[schemars(regex(pattern = "^/[^?#]*$"), extend("examples" = ["/oauth/token"]))]
    pub(in crate::profile) token_path: Option<String>,
    /// URL of the token endpoint when it is elsewhere. Exclusive with `token_path`.
    #[schemars(length(min = 1), extend("examples" = ["https://login.example.com/oauth/token"]))]
    pub(in crate::profile) token_url: Option<String>,
    /// Where the token's answer names the base URL, as a JSON pointer. A `base_url` of the runbook is stronger.
    #[schemars(regex(pattern = "^(/[^/]+)+$"), extend("examples" = ["/resource_server_base_uri"]))]
    pub(in crate::profile) base_url_from_token: Option<String>,
    /// Hosts that a base URL from the token's answer may name: each stands for itself and for every host below it. The
    /// token is never sent to another one.
    #[schemars(inner(regex(pattern = "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")), extend("examples" = [["api.example.com"]]))]
    pub(in crate::profile) allowed_hosts: Option<Vec<Option<String>>>,
}
