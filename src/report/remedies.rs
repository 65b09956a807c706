//! The probable cause of a failure, and what to do about it, in the words of the one who has to do it.
//!
//! By evidence first, then by the answer's status. Nothing here ever advises to send an unknown again.

use crate::model::{Evidence, Outcome};

/// What stands beside a group of failures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Advice {
    /// What is probably behind it.
    pub(super) cause: &'static str,
    /// What to do.
    pub(super) remedy: &'static str,
}

/// The tail of every remedy for an unknown.
macro_rules! look_up {
    ($($more:literal),*) => {
        concat!("Look each call up in the vendor's records; never re-send it blindly.", $(" ", $more),*)
    };
}

const fn advice(cause: &'static str, remedy: &'static str) -> Advice {
    Advice { cause, remedy }
}

/// The advice for what a job's last attempt came to.
pub(super) fn advise(outcome: Outcome, evidence: Evidence, status: Option<u16>) -> Advice {
    match outcome {
        Outcome::Unknown => unknown(evidence, status),
        Outcome::NotBridged => advice(
            "It was unknown at first, and was found since to have had no effect.",
            "Such a job may be run again, if its call is still up.",
        ),
        Outcome::Rejected | Outcome::NotSent | Outcome::Succeeded | Outcome::Accepted => {
            without_effect(evidence).unwrap_or_else(|| by_status(status))
        }
    }
}

fn unknown(evidence: Evidence, status: Option<u16>) -> Advice {
    match (evidence, status) {
        (Evidence::Timeout, _) => advice(
            "No answer came within the request timeout, so the bridge may be up.",
            look_up!("If it happens often, raise `timeouts.request` or lower the concurrency."),
        ),
        (Evidence::ConnectionLost, _) => advice(
            "The connection broke after the request had left: a gateway, a firewall or a restart on the vendor's side cut it.",
            look_up!("If it happens often, ask the network's and the vendor's people what closes connections."),
        ),
        (Evidence::BadAnswer, _) => advice(
            "What came back is no HTTP answer: something between here and the API answered in its place, or cut it.",
            look_up!("Check base URL, port and proxy before the next run."),
        ),
        (Evidence::Abandoned, _) => advice(
            "The operator stopped the run twice while the request was in flight.",
            look_up!("One signal and some patience lets requests in flight end."),
        ),
        (Evidence::Crash, _) => advice(
            "The process died while the request was in flight.",
            look_up!("`bridgebook resume` does not send it again either."),
        ),
        (_, Some(409)) => advice(
            "The API says that the call is in another state than expected: it may be bridged already.",
            look_up!("Do not have two runs, or a person and a run, work on the same calls."),
        ),
        (_, Some(502 | 504)) => advice(
            "A gateway in front of the API gave up on the request after it had passed it on.",
            look_up!("If it happens often, lower the concurrency and tell the vendor the times and request ids."),
        ),
        (_, Some(503)) => advice(
            "The API, or a gateway before it, was overloaded and did not say that it had not taken the request.",
            look_up!("Lower the rate or the concurrency for the next run."),
        ),
        (_, Some(500..=599)) => advice(
            "The API failed while it worked on the request.",
            look_up!("Give the vendor the request ids; its records tell what became of them."),
        ),
        _ => advice("The request may have had its effect although no usable answer came.", look_up!()),
    }
}

/// What is proven to have had no effect, by its evidence; `None` where the answer's status tells more.
fn without_effect(evidence: Evidence) -> Option<Advice> {
    Some(match evidence {
        Evidence::TokenRefused => advice(
            "A fresh access token was refused (401): wrong client, revoked secret, or another region than the token's.",
            "Check the client id and its secret, that the client may use this API and region, and this machine's clock; \
             `bridgebook auth check` shows what is granted.",
        ),
        Evidence::Dns => advice(
            "The API's host name could not be resolved from this machine, so nothing was sent.",
            "Check the host in base URL or region, and this machine's DNS; then these jobs may be run again.",
        ),
        Evidence::Connect => advice(
            "No connection to the API came about, so nothing was sent.",
            "Check base URL and port, firewall and proxy from this machine, and the vendor's status page; then these jobs \
             may be run again.",
        ),
        Evidence::Tls => advice(
            "The TLS handshake failed, so nothing was sent: no common version, a proxy that inspects traffic, or no TLS at \
             that port.",
            "Check port, proxy and `connection.tls`; then these jobs may be run again.",
        ),
        Evidence::Certificate => advice(
            "One side does not accept the other's certificate, so nothing was sent.",
            "Compare base URL, `connection.tls` and this machine's clock with what the message says; then these jobs may be \
             run again.",
        ),
        Evidence::Proxy => advice(
            "The proxy made no tunnel, so nothing was sent.",
            "Check `connection.proxy`, its credentials, and that the proxy allows this host and port; then these jobs may be \
             run again.",
        ),
        Evidence::NotProcessed => advice(
            "The server said that it had not processed the request (HTTP/2), so nothing was bridged.",
            "These jobs may be run again.",
        ),
        Evidence::Withdrawn => advice(
            "The run was stopped before the first byte left, so nothing was sent.",
            "These jobs may be run again.",
        ),
        Evidence::Expired => advice(
            "The jobs' time (`not_after`) ran out before the first byte left, so nothing was sent.",
            "Start earlier, or raise the rate or the concurrency; run them again only if the calls are still up.",
        ),
        Evidence::Refusal => advice(
            "The API was too busy and refused to the last attempt, so nothing was bridged.",
            "Lower the rate or the concurrency, or allow more attempts and a longer Retry-After; then these jobs may be run \
             again.",
        ),
        Evidence::Answer
        | Evidence::BadAnswer
        | Evidence::Timeout
        | Evidence::ConnectionLost
        | Evidence::Abandoned
        | Evidence::Crash => return None,
    })
}

fn by_status(status: Option<u16>) -> Advice {
    match status {
        Some(300..=399) => advice(
            "The API answered with a redirect, which is never followed with a bridge request.",
            "Set the base URL to the address it points to, if that is the vendor's.",
        ),
        Some(400) => advice(
            "The API could not read the request, or found a field wrong.",
            "Compare the job's fields with the API's reference and correct the runbook or its data; `plan --payloads` shows \
             what is sent.",
        ),
        Some(401) => advice(
            "The access token was not taken.",
            "Check the client id, its secret and this machine's clock; `bridgebook auth check` shows what is granted.",
        ),
        Some(402) => advice("The account may not be charged for this.", "Ask who pays the account, or the vendor."),
        Some(403) => advice(
            "The client may not do this: a scope is missing, or the calls belong to another account.",
            "Check the scopes it was granted (`bridgebook auth check`) and its rights on the account that owns the calls.",
        ),
        Some(404 | 410) => advice(
            "The API knows no such call: it has ended, or its id is of another account or region.",
            "Take fresher rows, and check the region.",
        ),
        Some(405 | 406 | 415) => {
            advice("The address is not the bridge operation.", "Check base URL, region and profile.")
        }
        Some(409) => advice(
            "The API says that the call is in another state than expected, and the profile takes that for a refusal.",
            "See how the call stands before anything is sent for it again.",
        ),
        Some(413 | 431) => {
            advice("The request is too large for the API.", "Use fewer targets in one job, or shorter fields.")
        }
        Some(422) => advice(
            "The API understood the request and found its content wrong: a number, a direction or a matrix that it does not take.",
            "Read the message, and correct the runbook or its data.",
        ),
        Some(407) => advice("A proxy asks for credentials.", "Check `connection.proxy` and its credentials."),
        Some(400..=499) => {
            advice("The API refused the request.", "Its message says why; correct the runbook or its data.")
        }
        Some(500..=599) => advice(
            "The API failed, and the runbook or the profile takes that for a refusal.",
            "Make sure of that with the vendor; a server error is no proof that nothing was bridged.",
        ),
        _ => advice("The answer is not what the profile calls a success.", "Read the message and check the profile."),
    }
}

/// What a status code says about an answer, for the table of answers.
pub(super) fn status_words(status: u16) -> &'static str {
    match status {
        202 => "taken, not confirmed",
        _ if (200..300).contains(&status) => "done",
        _ if (300..400).contains(&status) => "a redirect, not followed",
        400 => "the request was not understood",
        401 => "the access token was not taken",
        403 => "the client may not do this",
        404 | 410 => "no such call",
        408 | 425 => "not processed, may be sent again",
        409 => "the call is in another state than expected",
        421 => "not processed, wrong server",
        422 => "the request's content was found wrong",
        429 => "too many requests, slow down",
        _ if (400..500).contains(&status) => "refused",
        502 | 504 => "a gateway gave up",
        503 => "overloaded or down for a while",
        _ if (500..600).contains(&status) => "the API failed",
        _ => "not a status that HTTP knows",
    }
}
