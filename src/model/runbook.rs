//! A checked runbook. Only `load` makes one.

use super::{Criterion, DurationSpec, NumberPrivacy, Rate, Rows, Secret, SetName};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The text that a runbook was read from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path as given.
    pub path: PathBuf,
    /// Its text, without a byte order mark.
    pub text: String,
    /// Whether a byte order mark stands in front of it.
    pub marked: bool,
}

impl Source {
    /// The exact bytes of the file.
    pub fn bytes(&self) -> Vec<u8> {
        let mark = if self.marked { "\u{feff}" } else { "" };
        [mark.as_bytes(), self.text.as_bytes()].concat()
    }
}

/// What a text is to its runbook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A file of variables from the command line: its members stand below `/vars`.
    Vars,
    /// The runbook itself.
    Runbook,
    /// A file that the runbook includes.
    Include,
}

impl Role {
    /// Where the text's members stand in the whole, as a JSON pointer.
    pub fn mount(self) -> &'static str {
        match self {
            Self::Vars => "/vars",
            Self::Runbook | Self::Include => "",
        }
    }
}

/// One of the texts that a runbook is read from.
#[derive(Clone, Debug)]
pub struct Layer {
    /// What it is.
    pub role: Role,
    /// The text.
    pub source: Source,
}

/// The texts that a runbook is read from. Where several say something, the first one counts.
#[derive(Clone, Debug)]
pub struct Texts(pub Vec<Layer>);

impl Texts {
    /// Every text, in order.
    pub fn layers(&self) -> &[Layer] {
        &self.0
    }

    /// The runbook's own path.
    pub fn path(&self) -> &Path {
        let main = self.0.iter().find(|layer| layer.role == Role::Runbook);
        main.map_or(Path::new(""), |layer| &layer.source.path)
    }

    /// The runbook's directory, to which paths are relative.
    pub fn base(&self) -> &Path {
        self.path().parent().unwrap_or(Path::new(""))
    }
}

/// Where a secret comes from. A literal is not among them on purpose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// The only line of a file, relative to the runbook.
    File(PathBuf),
}

/// Client id and secret of the OAuth client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCredentials {
    /// The client id.
    pub id: Secret<String>,
    /// The client secret.
    pub secret: Secret<String>,
}

/// Which API, and how to reach it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoints {
    /// The profile's URLs, with this region filled in.
    Region(String),
    /// URLs as given.
    Urls {
        /// In front of every request path.
        base_url: String,
        /// The token endpoint; `None`: the profile's path below `base_url`.
        token_url: Option<String>,
    },
}

/// Time limits of one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// Name resolution, TCP and TLS. Default 5 s.
    pub connect: DurationSpec,
    /// From the first byte sent to the last byte of the answer. Default 30 s.
    pub request: DurationSpec,
    /// A whole token request. Default 15 s.
    pub token: DurationSpec,
}

/// `connection:` of a runbook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connection {
    /// The profile's name.
    pub profile: String,
    /// Region or URLs.
    pub endpoints: Endpoints,
    /// Client id.
    pub client_id: SecretSource,
    /// Client secret.
    pub client_secret: SecretSource,
    /// Time limits.
    pub timeouts: Timeouts,
}

/// One set of bridge jobs.
#[derive(Clone, PartialEq, Debug)]
pub struct SetSpec {
    /// Its name.
    pub name: SetName,
    /// Its place in `sets`, for pointers into the runbook.
    pub index: usize,
    /// Its rows.
    pub rows: Rows,
    /// A template that must give true or false; false leaves the row out.
    pub when: Option<String>,
    /// A template for the job's key; `None`: the call id.
    pub key: Option<String>,
    /// The job's fields, templates at the leaves.
    pub job: Map<String, Value>,
    /// Requests of this set in flight at most; `None`: the run's limit.
    pub concurrency: Option<usize>,
    /// No rows is not an error.
    pub allow_empty: bool,
}

/// Limits of the whole run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Limits {
    /// Requests in flight at most. Default 8.
    pub concurrency: usize,
    /// Requests started per second at most; `None`: no limit.
    pub rate: Option<Rate>,
    /// After the first signal, how long requests in flight may take. Default 25 s.
    pub drain_timeout: DurationSpec,
}

/// When a job that is proven not processed is tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RetryPolicy {
    /// Attempts of one job, the first included. Default 4.
    pub max_attempts: u32,
    /// Shortest back-off. Default 2 s.
    pub min_wait: DurationSpec,
    /// Longest back-off. Default 10 s.
    pub max_wait: DurationSpec,
    /// Longest Retry-After that is waited for. Default 60 s.
    pub max_retry_after: DurationSpec,
}

impl Runbook {
    /// Every data file that it names, once, in order.
    pub fn input_files(&self) -> Vec<&Path> {
        let mut files: Vec<&Path> = Vec::new();
        for file in self.sets.iter().filter_map(|set| set.rows.file()) {
            if !files.contains(&file) {
                files.push(file);
            }
        }
        files
    }
}

/// A checked runbook.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Runbook {
    /// The texts it came from.
    pub texts: Texts,
    /// Its name: also the folder of its runs.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Free labels, copied into the audit file.
    pub labels: BTreeMap<String, String>,
    /// The API.
    pub connection: Connection,
    /// Environment variables that templates may read.
    pub env: Vec<String>,
    /// Values for templates.
    pub vars: Map<String, Value>,
    /// Sets in order.
    pub sets: Vec<SetSpec>,
    /// Limits.
    pub limits: Limits,
    /// Retry policy.
    pub retry: RetryPolicy,
    /// Jobs at most; `None`: no bound.
    pub max_jobs: Option<u64>,
    /// All must be met at the end.
    pub criteria: Vec<Criterion>,
    /// How numbers are written down.
    pub numbers: NumberPrivacy,
}
