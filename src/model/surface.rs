//! What an API looks like to its callers: what `profile` knows of it and the simulator shows of it.

use super::{Method, Secret};

/// An API from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiSurface {
    /// Who is let in.
    pub admission: Admission,
    /// The method of a bridge request.
    pub method: Method,
    /// The segments of its path behind the first slash; `None` is one that differs from job to job.
    pub segments: Vec<Option<String>>,
    /// Where it names its call; `None`: nowhere that could be told apart.
    pub call: Option<CallPlace>,
    /// The header with the request id, if it has one.
    pub request_id_header: Option<String>,
    /// The status of a success.
    pub status: u16,
    /// `Content-Type` of a success, when it has a body.
    pub content_type: Option<String>,
    /// The body of a success.
    pub body: String,
}

/// Who is let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admission {
    /// Everybody.
    Open,
    /// Whoever sends this header.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: Secret<String>,
    },
    /// Whoever has a token of the token endpoint.
    Token {
        /// Path of the token endpoint.
        path: String,
        /// `Authorization` that it wants to see.
        authorization: Option<Secret<String>>,
        /// `Content-Type` that it wants to see.
        content_type: String,
        /// The body that it wants to see.
        body: Secret<String>,
        /// Where its answer holds the token, as a JSON pointer.
        access_token: String,
        /// Where its answer holds the lifetime in seconds.
        expires_in: String,
        /// The header that carries the token.
        header: String,
        /// The word in front of it there; empty: none.
        scheme: String,
    },
}

/// Where a request names its call: the value there, up to the first of these characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallPlace {
    /// Which value.
    pub part: CallPart,
    /// What follows the call's id there, if anything.
    pub until: Option<char>,
}

/// A part of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CallPart {
    /// A segment of the path, counted from 0 behind the first slash.
    Segment(usize),
    /// A query parameter.
    Query(String),
    /// A member of the JSON body.
    Json(String),
    /// A field of the form body.
    Form(String),
}
