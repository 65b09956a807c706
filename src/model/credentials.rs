//! The credentials of a connection: their names, where each comes from, and their values.

use super::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a credential is called, in profiles and runbooks alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialName {
    /// Id of an OAuth client.
    ClientId,
    /// Secret of an OAuth client.
    ClientSecret,
    /// Name of a user.
    Username,
    /// Password of a user.
    Password,
    /// Id of an access key.
    AccessKeyId,
    /// Secret of an access key.
    AccessKeySecret,
    /// A token that somebody else has made.
    Token,
    /// An API key.
    ApiKey,
}

impl CredentialName {
    /// Every name.
    pub const ALL: [Self; 8] = [
        Self::ClientId,
        Self::ClientSecret,
        Self::Username,
        Self::Password,
        Self::AccessKeyId,
        Self::AccessKeySecret,
        Self::Token,
        Self::ApiKey,
    ];

    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientId => "client_id",
            Self::ClientSecret => "client_secret",
            Self::Username => "username",
            Self::Password => "password",
            Self::AccessKeyId => "access_key_id",
            Self::AccessKeySecret => "access_key_secret",
            Self::Token => "token",
            Self::ApiKey => "api_key",
        }
    }

    /// The credential of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }

    /// False for the name or id of an account, which an answer may repeat without harm.
    pub fn is_secret(self) -> bool {
        !matches!(self, Self::ClientId | Self::Username | Self::AccessKeyId)
    }
}

/// Where a secret comes from. A literal is not among them on purpose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// The only line of a file, relative to the runbook.
    File(PathBuf),
    /// The only line that a command prints; run without a shell, in the runbook's folder.
    Exec(Vec<String>),
}

impl SecretSource {
    /// Its key in a runbook.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Env(_) => "env",
            Self::File(_) => "file",
            Self::Exec(_) => "exec",
        }
    }
}

/// Credentials by name. `Debug` shows names only.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Credentials(BTreeMap<CredentialName, Secret<String>>);

impl Credentials {
    /// The value of a credential.
    pub fn get(&self, name: CredentialName) -> Option<&Secret<String>> {
        self.0.get(&name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (CredentialName, &Secret<String>)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }
}

impl FromIterator<(CredentialName, Secret<String>)> for Credentials {
    fn from_iter<I: IntoIterator<Item = (CredentialName, Secret<String>)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}
