//! How an attempt can end, and the evidence for it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known about one attempt's effect (DESIGN section 4). Also the final state of a job that was attempted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The server said that the bridge is done.
    Succeeded,
    /// The server took the request and has not confirmed the bridge (202).
    Accepted,
    /// The server answered and refused: the answer proves that nothing was bridged.
    Rejected,
    /// Proven that no server could act on the request: no byte of it arrived, or it was refused unprocessed (HTTP/2, a
    /// TLS handshake that the server did not finish).
    NotSent,
    /// The request may have had its effect. Sent again only with the idempotency key that it carried.
    Unknown,
    /// It was unknown, and has been found since to have had no effect. Only a reconciliation says so: neither did an answer
    /// refuse it (`rejected`), nor is it proven that nothing left (`not_sent`).
    NotBridged,
}

impl Outcome {
    /// All outcomes, in the order in which reports list them.
    pub const ALL: [Self; 6] =
        [Self::Succeeded, Self::Accepted, Self::Rejected, Self::NotSent, Self::Unknown, Self::NotBridged];

    /// True when the server took the job: succeeded or accepted.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Succeeded | Self::Accepted)
    }
}

/// Why an attempt has its outcome. Stable words: reports group errors by them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The answer's status line (and body, where the profile asks for it) decided.
    Answer,
    /// An answer that says "not processed": 408, 421, 425, 429, 503 with Retry-After.
    Refusal,
    /// 401: the access token was not taken.
    TokenRefused,
    /// The host's name could not be resolved: nothing was sent.
    Dns,
    /// No TCP connection, or none of any kind within its time limit: nothing was sent.
    Connect,
    /// The TLS handshake failed: nothing was sent.
    Tls,
    /// One side does not accept the other's certificate: no request was taken. Stops the run.
    Certificate,
    /// The proxy could not be reached, or made no tunnel (CONNECT): nothing was sent.
    Proxy,
    /// HTTP/2: `REFUSED_STREAM`, or GOAWAY below our stream, says that the request was not processed (RFC 9113 section 8.7).
    NotProcessed,
    /// No head of an answer within the request timeout, after the request may have left.
    Timeout,
    /// The connection or stream ended before the head of an answer, after the request may have left.
    ConnectionLost,
    /// What came back is no HTTP, or its head is too long.
    BadAnswer,
    /// The operator's second signal: the request was in flight and its answer was not waited for.
    Abandoned,
    /// Stopped between the durable intent and the first byte: the run is ending, or the request cannot be built.
    Withdrawn,
    /// The job's `not_after` passed between the durable intent and the first byte.
    Expired,
    /// The process died between the intent and the outcome: said afterwards, by whoever closed the run.
    Crash,
}
