//! The id of a live call, and the one way in which it is spelled in a URL and in a header.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// RFC 3986 section 2.3: everything but the unreserved characters is encoded, so that an id is always one segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest id that is sent, in bytes. Live ids are below 100; the rest is somebody's mistake or attack.
const MAX_BYTES: usize = 256;

/// The vendor's id of a live call. Any text of 1 to 256 bytes that shows all it holds (no control or invisible
/// characters, no blank at an end, no two in a row), except `.` and `..`,
/// which no URL can carry as a path segment (WHATWG URL, "double-dot path segment": `%2e%2e` counts as well).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(Arc<str>);

impl CallId {
    /// Checks the rules above; the error says which one failed.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            Err("is empty")
        } else if text.len() > MAX_BYTES {
            Err("is longer than 256 bytes")
        } else if text == "." || text == ".." {
            Err("is `.` or `..`, which a URL path cannot carry")
        } else if text.trim() != text {
            Err("begins or ends with a blank")
        } else if super::printable(text, usize::MAX) != text {
            // Two ids that look the same are one call to a person, and often to the vendor's gateway.
            Err("holds a character that cannot be seen")
        } else {
            Ok(Self(text.into()))
        }
    }

    /// The id as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as one path segment; the same spelling serves in the request id header, which must stay ASCII.
    pub fn encoded(&self) -> String {
        path_segment(&self.0)
    }
}

/// A text as one segment of a URL's path.
pub fn path_segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}
