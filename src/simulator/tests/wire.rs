//! Connections, paths, methods, sizes, and the simulator's own endpoints.

use super::*;

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let lab = Lab::with("").await;
    let token = lab.token().await;
    let mut stream = lab.raw_bridge(&token, "a").await;
    stream.write_all(raw_request(&token, "b").as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let both = async {
        while read.windows(8).filter(|part| part == b"br-00000").count() < 2 {
            assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "closed after one answer");
        }
    };
    timeout(BOUND, both).await.unwrap();
    assert_eq!(lab.ledger.effects(), 2);
}

#[tokio::test]
async fn other_paths_methods_and_sizes_are_refused() {
    let lab = Lab::with("").await;
    let token = lab.token().await;
    for path in ["/", "/api/v2/cti/calls//bridge", "/api/v2/cti/calls/a/b/bridge", "/api/v2/cti/calls/a"] {
        assert_eq!(lab.post(path, &token, "application/json", payload("a")).await.status(), 404, "{path}");
    }
    let answer = lab.client.get(format!("{}{}", lab.base, path("a"))).send().await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()[header::ALLOW]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
    );
    assert_eq!(lab.post("/_simulator/stats", &token, FORM, String::new()).await.status(), 405);
    assert_eq!(lab.ledger.entries().len(), 0, "none of these reached the bridge endpoint");

    for (length, bridge, token_request) in [(1 << 20, 200, 400), ((1 << 20) + 1, 413, 413), (5 << 20, 413, 413)] {
        // Padded in front: a body that loses its end is no JSON any more.
        let payload = payload("a");
        let padded = " ".repeat(length - payload.len()) + &payload;
        let answer = lab.post(&path("a"), &token, "application/json", padded).await;
        assert_eq!(answer.status(), bridge, "{length}");
        let answer = lab.ask_token(&"a".repeat(length)).await;
        assert_eq!(answer.status(), token_request, "{length}");
    }
}

#[tokio::test]
async fn the_ledger_can_be_read_over_http_and_from_a_file() {
    let lab = Lab::with("faults: [{calls: [b], answer: {status: 503}}]").await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ledger.jsonl");
    lab.ledger.append_to(&file).unwrap();
    let token = lab.token().await;
    lab.bridge(&token, "a").await;
    lab.bridge(&token, "b").await;

    let get = async |path: &str| body(lab.client.get(format!("{}{path}", lab.base)).send().await.unwrap()).await;
    let served = get("/_simulator/ledger").await;
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(served, Value::from(lines));
    assert!(!text.contains(&token));
    let entries: Vec<LedgerEntry> = serde_json::from_value(served).unwrap();
    assert_eq!(entries.iter().map(|entry| (entry.sequence, entry.effect)).collect::<Vec<_>>(), [(1, true), (2, false)]);

    let stats: Stats = serde_json::from_value(get("/_simulator/stats").await).unwrap();
    let expected = Stats {
        token_requests: 1,
        tokens_issued: 1,
        bridge_requests: 2,
        effects: 1,
        max_concurrent_bridge_requests: 1,
        faults: [("answer_503".to_owned(), 1)].into(),
    };
    assert_eq!(stats, expected);
}
