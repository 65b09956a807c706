//! A checked runbook. Only `load` makes one.

use super::{
    AbortRule, Again, AuditSpec, BreakerPolicy, CredentialName, Criterion, DurationSpec, Guards, Limits, Link,
    MovedStatus, Numbers, Rows, SecretSource, SetName, Share, Wave, Window,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The text that a runbook was read from.
#[derive(Clone)]
pub struct Source {
    /// The path as given.
    pub path: PathBuf,
    /// Its text, without a byte order mark.
    pub text: String,
    /// Whether a byte order mark stands in front of it.
    pub marked: bool,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({}, {} bytes)", self.path.display(), self.text.len())
    }
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
    /// The profile file that its connection names: a document of its own, with its own pointers.
    Profile,
}

impl Role {
    /// Where the text's members stand in the whole, as a JSON pointer.
    pub fn mount(self) -> &'static str {
        match self {
            Self::Vars => "/vars",
            Self::Runbook | Self::Include | Self::Profile => "",
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

/// Whether a profile's name is that of a file: it contains a slash or ends in `.yaml` or `.yml`.
pub fn is_profile_file(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
    name.contains('/') || matches!(ending, Some("yaml" | "yml"))
}

/// Which API, and how to reach it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Endpoints {
    /// The region for the profile's URLs. Never together with `base_url`.
    pub region: Option<String>,
    /// In front of every request path; `None`: as the profile says.
    pub base_url: Option<String>,
    /// The token endpoint; `None`: as the profile says.
    pub token_url: Option<String>,
    /// Plain `http:` to other machines than this one is allowed.
    pub allow_plain_http: bool,
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
    /// The profile: the name of a shipped one, or a file relative to the runbook.
    pub profile: String,
    /// Region or URLs.
    pub endpoints: Endpoints,
    /// Where each credential comes from.
    pub auth: BTreeMap<CredentialName, SecretSource>,
    /// Time limits.
    pub timeouts: Timeouts,
    /// How requests travel.
    pub link: Link,
}

/// What becomes of a job with more targets than one bridge takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Legs {
    /// The run is refused.
    #[default]
    Refuse,
    /// It becomes several bridges of the same call, one after the other.
    Split,
}

/// One set of bridge jobs.
#[derive(Clone, PartialEq)]
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
    /// A template for the moment from which a job is not begun any more.
    pub not_after: Option<String>,
    /// What becomes of a job with more targets than one bridge takes.
    pub legs: Legs,
    /// Requests of this set in flight at most; `None`: the run's limit.
    pub concurrency: Option<usize>,
    /// No rows is not an error.
    pub allow_empty: bool,
}

/// Without the values of the job's fields.
impl fmt::Debug for SetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, index, rows, when, key, job, not_after, legs, concurrency, allow_empty } = self;
        f.debug_struct("SetSpec")
            .field("name", name)
            .field("index", index)
            .field("rows", rows)
            .field("when", when)
            .field("key", key)
            .field("not_after", not_after)
            .field("legs", legs)
            .field("concurrency", concurrency)
            .field("allow_empty", allow_empty)
            .field("job", &job.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// What becomes of a job whose attempt may have had its effect, where the profile has an idempotency key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownRetry {
    /// The same request is sent again with the same key: the API makes one effect of both.
    #[default]
    SameKey,
    /// It stays unknown.
    Never,
}

impl UnknownRetry {
    /// The word for it in a runbook.
    pub fn word(self) -> &'static str {
        match self {
            Self::SameKey => "same_key",
            Self::Never => "never",
        }
    }
}

/// When a job that is proven not processed is tried again.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RetryPolicy {
    /// Attempts of one job, the first included. Default 4.
    pub max_attempts: u32,
    /// Shortest back-off. Default 2 s.
    pub min_wait: DurationSpec,
    /// Longest back-off. Default 10 s.
    pub max_wait: DurationSpec,
    /// Longest Retry-After that is waited for. Default 60 s.
    pub max_retry_after: DurationSpec,
    /// Attempts beyond the first of all jobs together. Default: as many as the plan has jobs.
    pub budget: Share,
    /// Requests for a token in a row that may fail before a run without one ends. Default 8.
    pub token_attempts: u32,
    /// Whether an unknown is sent again with the profile's idempotency key.
    pub unknown: UnknownRetry,
}

impl Runbook {
    /// Every file that it names beside its texts, once, in order: data, lists of numbers, certificates. Not the files of
    /// secrets.
    pub fn input_files(&self) -> Vec<&Path> {
        let mut files: Vec<&Path> = Vec::new();
        let deny_list = self.guards.deny_numbers.iter().map(|list| list.file.as_path());
        let tls = &self.connection.link.tls;
        let certificates = [&tls.ca, &tls.client_cert].into_iter().flatten().map(std::path::PathBuf::as_path);
        for file in self.sets.iter().filter_map(|set| set.rows.file()).chain(deny_list).chain(certificates) {
            if !files.contains(&file) {
                files.push(file);
            }
        }
        files
    }
}

/// What a run does when one of its criteria can no longer be met.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLostCriterion {
    /// It ends; what is left is not attempted.
    #[default]
    Stop,
    /// It goes on, and fails at its end.
    Continue,
}

impl OnLostCriterion {
    /// The word in a runbook.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Continue => "continue",
        }
    }
}

/// A checked runbook.
#[derive(Clone)]
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
    /// Answers that mean something else than the profile says.
    pub moved: Vec<MovedStatus>,
    /// When an API that does not work is left alone.
    pub breaker: BreakerPolicy,
    /// Parts of the run, one after the other; empty: all at once.
    pub waves: Vec<Wave>,
    /// When jobs may begin; `None`: at any time.
    pub window: Option<Window>,
    /// What ends the run.
    pub abort_when: Vec<AbortRule>,
    /// Whether it goes on when a criterion can no longer be met.
    pub on_lost_criterion: OnLostCriterion,
    /// What the run must not do.
    pub guards: Guards,
    /// All must be met at the end.
    pub criteria: Vec<Criterion>,
    /// How the audit file is kept.
    pub audit: AuditSpec,
    /// How numbers are written down; without a key until somebody has read it.
    pub numbers: Numbers,
    /// Where the key of pseudonyms comes from.
    pub number_key: Option<SecretSource>,
    /// What the command line says of rows that come again.
    pub again: Again,
}

/// Without its texts and the values of its variables, which are data of people.
impl fmt::Debug for Runbook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            texts: _,
            name,
            description,
            owner,
            labels,
            connection,
            env,
            vars,
            sets,
            limits,
            retry,
            moved,
            breaker,
            waves,
            window,
            abort_when,
            on_lost_criterion,
            guards,
            criteria,
            audit,
            numbers,
            number_key,
            again,
        } = self;
        f.debug_struct("Runbook")
            .field("name", name)
            .field("description", description)
            .field("owner", owner)
            .field("labels", labels)
            .field("connection", connection)
            .field("env", env)
            .field("sets", sets)
            .field("limits", limits)
            .field("retry", retry)
            .field("moved", moved)
            .field("breaker", breaker)
            .field("waves", waves)
            .field("window", window)
            .field("abort_when", abort_when)
            .field("on_lost_criterion", on_lost_criterion)
            .field("guards", guards)
            .field("criteria", criteria)
            .field("audit", audit)
            .field("numbers", numbers)
            .field("number_key", number_key)
            .field("again", again)
            .field("vars", &vars.keys().collect::<Vec<_>>())
            .finish()
    }
}
