//! The registry of diagnostics: what each code means and whether it refuses the runbook. `docs/diagnostics.md` has the
//! long words, which `bridgebook explain CODE` prints.

use std::fmt;

/// An error refuses the runbook, a warning does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The runbook is refused.
    Error,
    /// Worth a look; the run may go on.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $severity:ident;)*) => {
        /// The registry of diagnostics. A number is never given to another meaning.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The number that is printed after `BB`.
            pub fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* }
            }

            /// Whether it refuses the runbook.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    /// The runbook cannot be read: missing, a directory, not UTF-8, too large.
    Unreadable = 1, Error;
    /// The text is not YAML.
    Syntax = 2, Error;
    /// A key stands twice in one mapping.
    DuplicateKey = 3, Error;
    /// Valid YAML that a runbook does not use: several documents, tags, keys that are not strings.
    UnsupportedYaml = 4, Error;
    /// A file of another kind in the place of a runbook, a part of one, or a profile.
    WrongDocument = 5, Error;
    /// An included file, or a file of variables, cannot be read.
    IncludeUnreadable = 20, Error;
    /// Files that include each other.
    IncludeCycle = 21, Error;
    /// A file of variables has one that the runbook does not.
    UnknownVariable = 22, Error;
    /// The schema does not know this key.
    UnknownKey = 101, Error;
    /// The schema requires a key that is not there.
    MissingKey = 102, Error;
    /// A value of another type is required.
    WrongType = 103, Error;
    /// An identifier or telephone number without quotes: YAML reads it as a number.
    UnquotedNumber = 104, Error;
    /// Not one of the allowed values.
    NotAllowed = 105, Error;
    /// The text has not the required form.
    BadForm = 106, Error;
    /// A number, a length or a count outside its bounds.
    OutOfRange = 107, Error;
    /// A secret stands in the runbook in plain text.
    LiteralSecret = 108, Error;
    /// A template that cannot be compiled.
    TemplateSyntax = 201, Error;
    /// A template asks for a name that is not in scope.
    UnknownName = 202, Error;
    /// A template failed for a row.
    TemplateFailed = 203, Error;
    /// Two sets of the same name.
    DuplicateSet = 301, Error;
    /// A set is named that the runbook has not.
    UnknownSet = 302, Error;
    /// Two settings that exclude each other, or one that is missing.
    Contradiction = 303, Error;
    /// Plain http to another machine.
    PlainHttp = 304, Error;
    /// No such profile.
    UnknownProfile = 305, Error;
    /// A file of certificates is missing, or is none.
    TlsUnusable = 306, Error;
    /// A URL whose host `allow_hosts` does not have.
    HostNotAllowed = 307, Error;
    /// A profile file is missing or cannot be read.
    ProfileUnreadable = 311, Error;
    /// A credential that the profile needs is not given.
    MissingCredential = 312, Error;
    /// A credential is given that the profile has no use for.
    UnusedCredential = 313, Error;
    /// A region or URL is given that the profile has no use for.
    UnusedEndpoint = 314, Error;
    /// Two settings of a profile that exclude each other, or one that is missing.
    ProfileContradiction = 315, Error;
    /// A profile speaks of a field that its jobs do not have.
    UnknownJobField = 316, Error;
    /// The schema of a profile's job fields cannot be used.
    BadJobSchema = 317, Error;
    /// A field that a job may leave out stands where there must always be a value.
    OptionalField = 318, Error;
    /// A request id or idempotency key that two jobs could share.
    KeyNotUnique = 319, Error;
    /// A header that is not the profile's to set.
    ReservedHeader = 320, Error;
    /// A profile with the name of a shipped one.
    ReservedName = 321, Error;
    /// A secret stands in a profile in plain text.
    SecretInProfile = 322, Error;
    /// A value that no header can carry.
    BadHeaderValue = 323, Error;
    /// A value that cannot be one segment of a path.
    BadSegment = 324, Error;
    /// A profile's URL that is none.
    BadProfileUrl = 325, Error;
    /// A data file is missing or cannot be read.
    DataUnreadable = 401, Error;
    /// A data file that is not what its format says.
    DataMalformed = 402, Error;
    /// No rows where there must be some.
    NoRows = 403, Error;
    /// `pointer` does not lead to a list of the document.
    PointerMissing = 404, Error;
    /// A required column is not there.
    MissingColumn = 405, Error;
    /// A data file is older than `max_age`.
    StaleInput = 406, Error;
    /// A record beyond the limits of size or width.
    RecordTooLarge = 407, Error;
    /// A quote in a CSV file is not closed.
    UnclosedQuote = 408, Error;
    /// A data file that is no UTF-8 text.
    DataNotText = 409, Error;
    /// Rows are to come from standard input, and nobody feeds it.
    StdinMissing = 410, Error;
    /// A matrix of more combinations than allowed.
    MatrixTooLarge = 411, Error;
    /// A combination names an axis or value that the matrix has not, or leaves one out.
    BadCombination = 412, Error;
    /// An axis has the name of a column.
    AxisIsColumn = 413, Error;
    /// An `exclude` that leaves nothing out.
    ExcludesNothing = 414, Warning;
    /// Rows that an earlier run has left, of another runbook or of a set that this one has not.
    RowsOfAnother = 415, Error;
    /// A column whose name begins with `bridgebook_` holds what it cannot.
    ReservedColumn = 416, Error;
    /// The call id cannot be sent.
    BadCallId = 501, Error;
    /// A bridge matrix that points outside its legs, to itself or twice the same way.
    BadMatrix = 502, Error;
    /// The same call twice in one run.
    DuplicateCall = 503, Error;
    /// `when` gave something else than true or false.
    WhenNotBoolean = 504, Error;
    /// More jobs than the guard allows.
    TooManyJobs = 505, Error;
    /// A call id or key that holds a telephone number which `privacy` hides.
    NumberShown = 506, Error;
    /// A prefix of a guard with which no number begins.
    UnknownPrefix = 507, Error;
    /// A region of a guard that has no numbers.
    UnknownRegion = 508, Error;
    /// A key that is empty.
    EmptyKey = 509, Error;
    /// A number that begins with a prefix of `deny_prefixes`.
    PrefixDenied = 510, Error;
    /// A number that begins with no prefix of `allow_prefixes`.
    PrefixNotAllowed = 511, Error;
    /// A number that belongs to no region of `allow_regions`.
    RegionNotAllowed = 512, Error;
    /// A premium, satellite, emergency or short number that `allow` does not name.
    KindNotAllowed = 513, Error;
    /// More jobs with numbers under a prefix than `max_per_prefix` allows.
    TooManyForPrefix = 514, Error;
    /// A number that there cannot be.
    ImpossibleNumber = 515, Error;
    /// The list of `deny_numbers` is older than it may be.
    DenyListStale = 516, Error;
    /// An entry of the list of `deny_numbers` that is no number.
    DenyListMalformed = 517, Error;
    /// A link between targets of two parts of a split bridge.
    LinkAcrossParts = 518, Error;
    /// `not_after` is no moment.
    BadMoment = 519, Error;
    /// A row of a job that may have been bridged, or has been.
    BridgedMaybe = 520, Error;
    /// A number without its country code: what it means depends on the server.
    NoCountryCode = 601, Warning;
    /// A number whose range is not in use.
    InvalidNumber = 602, Warning;
    /// `not_after` has passed already.
    ExpiredAlready = 603, Warning;
    /// An entry of the list of `deny_numbers` without its country code.
    DenyEntryLocal = 604, Warning;
    /// The list of `deny_numbers` has no entries.
    DenyListEmpty = 605, Warning;
    /// A status is said to mean that nothing was done, and it may not.
    DoubleBridge = 606, Warning;
}

impl Code {
    /// Whether it says that input is missing, empty or stale.
    pub fn is_missing_input(self) -> bool {
        matches!(
            self,
            Self::IncludeUnreadable
                | Self::ProfileUnreadable
                | Self::DataUnreadable
                | Self::NoRows
                | Self::StaleInput
                | Self::StdinMissing
                | Self::DenyListStale
        )
    }

    /// Whether it says that a guard does not let the input pass, which is not wrong in itself.
    pub fn is_guard(self) -> bool {
        matches!(
            self,
            Self::TooManyJobs
                | Self::PrefixDenied
                | Self::PrefixNotAllowed
                | Self::RegionNotAllowed
                | Self::KindNotAllowed
                | Self::TooManyForPrefix
                | Self::BridgedMaybe
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BB{:04}", self.number())
    }
}
