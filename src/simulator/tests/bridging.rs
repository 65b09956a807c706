//! What is bridged, what is refused, and what the ledger says of it.

use super::*;

#[tokio::test]
async fn a_bridge_is_answered_and_entered() {
    let lab = Lab::with("").await;
    let token = lab.token().await;
    let call = "call/1 \u{fc}";
    let path = path("call%2F1%20%C3%BC");
    let answer = lab.post(&path, &token, "Application/JSON; charset=utf-8", payload(call)).await;
    assert_eq!(answer.status(), 200);
    let expected = json!({"callId": call, "bridgeId": "br-000001", "status": "bridged"});
    assert_eq!(body(answer).await, expected);

    let entry = lab.last_entry();
    assert_eq!((entry.sequence, entry.call_id.as_str(), entry.effect), (1, call, true));
    assert_eq!(entry.request_id.as_deref(), Some("bridge-1"));
    assert_eq!((entry.token_generation, entry.status, entry.fault), (Some(1), Some(200), None));
    assert_eq!(entry.payload.unwrap()["targets"][0]["value"], "+12025550101");
    assert_eq!((lab.ledger.effects(), lab.ledger.effects_of(call)), (1, 1));
}

#[tokio::test]
async fn a_bridged_call_is_a_conflict_unless_the_script_lets_it_grow() {
    for (script, statuses, effects) in
        [("", [200, 409], 1), ("{calls: {rebridge: true}}", [200, 200], 2), ("{calls: {bridged: [a]}}", [409, 409], 0)]
    {
        let lab = Lab::with(script).await;
        let token = lab.token().await;
        for status in statuses {
            assert_eq!(lab.bridge(&token, "a").await.status(), status, "{script}");
        }
        assert_eq!(lab.ledger.effects_of("a"), effects, "{script}");
    }
}

#[tokio::test]
async fn of_two_requests_at_once_one_bridges() {
    let lab = Lab::with("{latency: {median: 20ms}}").await;
    let token = lab.token().await;
    let (one, other) = tokio::join!(lab.bridge(&token, "a"), lab.bridge(&token, "a"));
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(lab.ledger.effects_of("a"), 1);
    assert_eq!(lab.ledger.stats().max_concurrent_bridge_requests, 2);
}

#[tokio::test]
async fn calls_that_do_not_exist_are_not_found() {
    let lab = Lab::with("{calls: {known: [a, b], missing: [b]}}").await;
    let token = lab.token().await;
    for (call, status) in [("a", 200), ("b", 404), ("c", 404)] {
        assert_eq!(lab.bridge(&token, call).await.status(), status, "{call}");
    }
    assert_eq!(lab.ledger.effects(), 1);
}

#[tokio::test]
async fn a_request_that_is_not_a_bridge_is_refused_with_its_reason() {
    let lab = Lab::with("").await;
    let token = lab.token().await;
    for (content_type, sent, reason) in [
        ("text/plain", payload("a"), "the content type is not application/json"),
        ("application/json", "{".to_owned(), "the body is not JSON"),
        ("application/json", payload("b"), "callId is not the call of the path"),
    ] {
        let answer = lab.post(&path("a"), &token, content_type, sent).await;
        assert_eq!(answer.status(), 400);
        assert_eq!(body(answer).await, json!({"error": "invalid_request", "error_description": reason}));
    }
    assert_eq!((lab.ledger.effects(), lab.ledger.entries().len()), (0, 3));
}
