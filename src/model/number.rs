//! What a telephone number is for, and where it belongs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)*) => {
        /// What a telephone number is for (the types of libphonenumber, and what these leave out).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum NumberKind {
            $($(#[$doc])* $name,)*
        }

        impl NumberKind {
            /// The word for it in files.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

kinds! {
    /// A line at an address.
    FixedLine = "fixed_line";
    /// A mobile telephone.
    Mobile = "mobile";
    /// One of the two: the number does not tell (North America).
    FixedOrMobile = "fixed_or_mobile";
    /// Voice over IP.
    Voip = "voip";
    /// Free for the caller.
    TollFree = "toll_free";
    /// Expensive on purpose.
    Premium = "premium";
    /// Between free and premium.
    SharedCost = "shared_cost";
    /// Follows a person.
    Personal = "personal";
    /// A pager.
    Pager = "pager";
    /// One number for all offices of a company.
    Uan = "uan";
    /// Access to a mailbox.
    Voicemail = "voicemail";
    /// A satellite network, whatever type libphonenumber gives it.
    Satellite = "satellite";
    /// Too short for E.164: directory enquiries, carrier services.
    ShortCode = "short_code";
    /// Police, fire, ambulance.
    Emergency = "emergency";
    /// Not known.
    Unknown = "unknown";
}

impl fmt::Display for NumberKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The kinds that nobody means to call in bulk: refused unless the runbook allows them by name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RiskyKind {
    /// Premium-rate numbers.
    Premium,
    /// Satellite networks.
    Satellite,
    /// Emergency numbers.
    Emergency,
    /// Short codes.
    ShortCode,
}

impl RiskyKind {
    /// The risky kind that a kind is, if it is one.
    pub fn of(kind: NumberKind) -> Option<Self> {
        match kind {
            NumberKind::Premium => Some(Self::Premium),
            NumberKind::Satellite => Some(Self::Satellite),
            NumberKind::Emergency => Some(Self::Emergency),
            NumberKind::ShortCode => Some(Self::ShortCode),
            NumberKind::FixedLine
            | NumberKind::Mobile
            | NumberKind::FixedOrMobile
            | NumberKind::Voip
            | NumberKind::TollFree
            | NumberKind::SharedCost
            | NumberKind::Personal
            | NumberKind::Pager
            | NumberKind::Uan
            | NumberKind::Voicemail
            | NumberKind::Unknown => None,
        }
    }
}

/// A region: two capital letters of ISO 3166-1, or `001` for networks that belong to no country.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region {
    bytes: [u8; 3],
    length: u8,
}

impl Region {
    /// Reads two capital letters or `001`; whether there is such a country is another matter.
    pub fn new(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [a @ b'A'..=b'Z', b @ b'A'..=b'Z'] => Some(Self { bytes: [*a, *b, 0], length: 2 }),
            b"001" => Some(Self { bytes: *b"001", length: 3 }),
            _ => None,
        }
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
