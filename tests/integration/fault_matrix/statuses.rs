//! Statuses, each with a whole answer.

use super::{Case, Expected, case, rejected, succeeded, unknown};

/// A server that answers every request with a status, and acts on it unless the status says that it did not.
fn of(status: u16, header: &'static str, acts: bool, expected: Expected) -> Case {
    let name = if header.is_empty() { status.to_string() } else { format!("{status} with {}", words(header)) };
    case(format!("the server answers {name}"), expected, move |bench, exit| {
        bench.plain(exit, move |mut wire| {
            while let Some(head) = wire.head() {
                if wire.exactly(crate::support::peer::content_length(&head)).is_none() {
                    break;
                }
                if acts {
                    wire.acted(head);
                }
                wire.send(format!("HTTP/1.1 {status} Whatever\r\n{header}content-length: 0\r\n\r\n").as_bytes());
            }
        })
    })
}

fn words(header: &str) -> String {
    header.split(':').next().unwrap().to_owned()
}

/// Refused as not processed, three times.
fn refused(evidence: &'static str) -> Expected {
    Expected { exit: 10, outcome: "rejected", evidence, attempts: 3, effects: 0, says: "" }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        of(200, "", true, succeeded("")).known(),
        of(202, "", true, Expected { outcome: "accepted", ..succeeded("") }).known(),
        of(204, "", true, succeeded("")),
        of(
            401,
            "",
            false,
            Expected { exit: 77, outcome: "rejected", evidence: "token_refused", attempts: 2, effects: 0, says: "" },
        )
        .known(),
    ];
    // What the server says is the evidence: it has looked at the request, and done nothing.
    for status in [300, 301, 304, 307, 308] {
        cases.push(of(status, "location: /elsewhere\r\n", false, rejected("")));
    }
    for status in [400, 403, 404, 405, 407, 410, 413, 422, 431] {
        let case = of(status, "", false, rejected(""));
        cases.push(if status == 404 { case.known() } else { case });
    }
    for status in [408, 421, 425] {
        cases.push(of(status, "", false, refused("refusal")));
    }
    cases.push(of(429, "retry-after: 0\r\n", false, refused("refusal")).known());
    cases.push(of(503, "retry-after: 0\r\n", false, refused("refusal")).known());
    for status in [409, 500, 501, 502, 503, 504, 507, 599] {
        let case = of(status, "", true, unknown("answer", 1, ""));
        cases.push(if matches!(status, 409 | 500 | 503) { case.known() } else { case });
    }
    cases.push(of(999, "", true, unknown("answer", 1, "")));
    cases
}
