//! Each kind of fault, as a client meets it and as the ledger has it.

use super::*;

#[tokio::test]
async fn throttled_twice_then_bridged() {
    let lab = Lab::with("faults:\n- {calls: [a], requests: first 2, answer: {status: 429, retry_after: 1500ms}}").await;
    let token = lab.token().await;
    lab.bridge("expired", "a").await; // not authorised, so not one of the two
    for _ in 0..2 {
        let answer = lab.bridge(&token, "a").await;
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "2", "whole seconds, rounded up");
        assert_eq!(body(answer).await["error"], "simulated_fault");
        assert_eq!(lab.ledger.effects(), 0);
    }
    assert_eq!(lab.bridge(&token, "b").await.status(), 200, "another call is not throttled");
    assert_eq!(lab.bridge(&token, "a").await.status(), 200);
    assert_eq!(lab.ledger.stats().faults, [("answer_429".to_owned(), 2)].into());
}

#[tokio::test]
async fn an_error_answer_can_hide_an_effect_but_not_make_a_wrong_one() {
    let lab = Lab::with("{calls: {missing: [b]}, faults: [{answer: {status: 500}, effect: true}]}").await;
    let token = lab.token().await;
    for (call, effects) in [("a", 1), ("a", 1), ("b", 0)] {
        assert_eq!(lab.bridge(&token, call).await.status(), 500);
        assert_eq!(lab.ledger.effects_of(call), effects, "{call}");
    }
    assert_eq!(lab.last_entry().fault.as_deref(), Some("answer_500_after_effect"));
}

#[tokio::test]
async fn a_scripted_success_looks_like_a_bridge_only_if_it_is_one() {
    let lab =
        Lab::with("faults:\n- {calls: [a], answer: {status: 202}, effect: true}\n- {answer: {status: 200}}").await;
    let token = lab.token().await;
    let answer = lab.bridge(&token, "a").await;
    assert_eq!(answer.status(), 202);
    assert_eq!(body(answer).await["status"], "accepted");
    assert_eq!(body(lab.bridge(&token, "b").await).await["bridgeId"], Value::Null);
    assert_eq!((lab.ledger.effects_of("a"), lab.ledger.effects_of("b")), (1, 0));
}

#[tokio::test]
async fn a_reset_is_a_reset_on_either_side_of_the_effect() {
    let lab = Lab::with("faults:\n- {calls: [a], reset: after_effect}\n- {calls: [b], reset: before_effect}").await;
    let token = lab.token().await;
    for (call, effects) in [("a", 1), ("b", 0)] {
        let mut stream = lab.raw_bridge(&token, call).await;
        let error = timeout(BOUND, stream.read_u8()).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{call}");
        assert_eq!((lab.ledger.effects_of(call), lab.last_entry().status), (effects, None), "{call}");
    }
    let request = lab.client.post(format!("{}{}", lab.base, path("a"))).bearer_auth(&token);
    let request = request.header(header::CONTENT_TYPE, "application/json").body(payload("a"));
    assert!(request.send().await.unwrap_err().is_request(), "the engine's client sees an error as well");
    assert_eq!(lab.ledger.effects_of("a"), 1);
}

#[tokio::test]
async fn a_hanging_request_has_its_effect_and_ends_with_the_server() {
    let lab = Lab::with("faults:\n- {calls: [a, b], hang: after_effect}").await;
    let token = lab.token().await;

    let abandoned = lab.raw_bridge(&token, "a").await;
    lab.effect_of("a").await;
    drop(abandoned);

    let mut waiting = lab.raw_bridge(&token, "b").await;
    lab.effect_of("b").await;
    assert_eq!(lab.bridge(&token, "c").await.status(), 200, "others are served meanwhile");
    let silence = waiting.try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(silence.kind(), io::ErrorKind::WouldBlock, "no answer, and the connection is open");

    lab.stop.send(()).unwrap();
    timeout(BOUND, lab.server).await.unwrap().unwrap();
    let end = timeout(BOUND, waiting.read(&mut [0; 1])).await.unwrap();
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

#[tokio::test]
async fn a_delay_comes_after_the_effect_and_before_the_true_answer() {
    let lab = Lab::with("{latency: {min: 20ms}, faults: [{calls: [a], delay: 40ms}]}").await;
    let token = lab.token().await;
    let start = Instant::now();
    assert_eq!(lab.bridge(&token, "a").await.status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(60), "{:?}", start.elapsed());

    let lab = Lab::with("faults: [{delay: 1h}]").await;
    let _slow = lab.raw_bridge(&lab.token().await, "a").await;
    lab.effect_of("a").await;
}

#[tokio::test]
async fn the_order_of_arrival_does_not_choose_the_faults() {
    let forward: Vec<String> = (0..60).map(|n| format!("call-{n}")).collect();
    let backward: Vec<String> = forward.iter().rev().cloned().collect();
    let mut throttled = Vec::new();
    for order in [forward, backward] {
        let lab = Lab::with("{seed: 3, faults: [{share: 30%, answer: {status: 429}}]}").await;
        let token = lab.token().await;
        let mut calls = Vec::new();
        for call in order {
            if lab.bridge(&token, &call).await.status() == 429 {
                calls.push(call);
            }
        }
        calls.sort();
        throttled.push(calls);
    }
    assert!((5..=35).contains(&throttled[0].len()), "{throttled:?}");
    assert_eq!(throttled[0], throttled[1]);
}
