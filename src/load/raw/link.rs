//! The part of `connection:` that says how requests travel, as people write it.

use super::connection::RawSecret;
use crate::model::TlsVersion;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};

/// `none`, `env`, or a URL of host and port. What stands in front of an `@` is refused later, with better words.
pub(in crate::load) const PROXY: &str = "^(none|env|https?://[^/?# ]+/?)$";
/// The same without the two words.
pub(in crate::load) const PROXY_URL: &str = "^https?://[^/?# ]+/?$";

/// Trust and identity.
#[derive(Deserialize, JsonSchema, Debug, Default)]
#[serde(deny_unknown_fields)]
pub(in crate::load) struct RawTls {
    /// A PEM file of authorities that are trusted in place of the system's, relative to the runbook.
    #[schemars(length(min = 1), extend("examples" = ["tls/private-ca.pem"]))]
    pub(in crate::load) ca: Option<String>,
    /// A PEM file with the certificate that this machine shows, and those between it and its authority. Used for token
    /// and API alike (RFC 8705). Needs `client_key`.
    #[schemars(length(min = 1), extend("examples" = ["tls/client.pem"]))]
    pub(in crate::load) client_cert: Option<String>,
    /// The certificate's private key in PEM: a file, or `{env}`, `{file}`, `{exec}` as for secrets.
    pub(in crate::load) client_key: Option<RawKey>,
    /// Older versions of TLS are refused.
    #[schemars(extend("default" = "1.2", "examples" = ["1.3"]))]
    pub(in crate::load) min_version: Option<TlsVersion>,
}

/// A path, or where a secret comes from. Read by hand: an untagged enum says nothing about what is wrong.
#[derive(Deserialize, Debug)]
#[serde(transparent)]
pub(in crate::load) struct RawKey(pub(in crate::load) Value);

impl JsonSchema for RawKey {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClientKey".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut secret = RawSecret::json_schema(generator);
        secret.insert("type".to_owned(), json!(["string", "object"]));
        secret.insert("minLength".to_owned(), json!(1));
        // A key that stands here in full is not said again.
        secret.insert("writeOnly".to_owned(), json!(true));
        secret.insert("examples".to_owned(), json!(["tls/client.key", {"env": "CLIENT_KEY_PEM"}]));
        secret
    }
    fn inline_schema() -> bool {
        true
    }
}

/// A word, a URL, or a URL with credentials. Read by hand, as [`RawKey`].
#[derive(Deserialize, Debug)]
#[serde(transparent)]
pub(in crate::load) struct RawProxy(pub(in crate::load) Value);

impl JsonSchema for RawProxy {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Proxy".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let credential = |generator: &mut SchemaGenerator, words: &str, variable: &str| {
            let mut secret = RawSecret::json_schema(generator);
            secret.insert("description".to_owned(), json!(words));
            secret.insert("examples".to_owned(), json!([{"env": variable}]));
            secret.insert("writeOnly".to_owned(), json!(true));
            secret
        };
        let username = credential(generator, "The name of a user whom the proxy knows.", "PROXY_USERNAME");
        let password = credential(generator, "The user's password. A literal one is an error.", "PROXY_PASSWORD");
        json_schema!({
            "type": ["string", "object"],
            "pattern": PROXY,
            "additionalProperties": false,
            "required": ["url"],
            "properties": {
                "url": {
                    "description": "The proxy: scheme, host and port, without credentials.",
                    "type": "string",
                    "pattern": PROXY_URL,
                    "examples": ["http://proxy.example.com:3128"],
                    "writeOnly": true,
                },
                "username": username,
                "password": password,
            },
            "writeOnly": true,
            "default": "none",
            "examples": ["env", "http://proxy.example.com:3128"],
        })
    }
    fn inline_schema() -> bool {
        true
    }
}
