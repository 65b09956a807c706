//! The token endpoint, and what a bearer token is good for.

use super::*;

#[tokio::test]
async fn a_token_has_the_scopes_and_the_lifetime_of_the_script() {
    let lab = Lab::with("{token: {lifetime: 2m, granted: [cti:calls:read, cti:bridge:write]}}").await;
    let answer = lab.ask_token(&token_form("sandbox-secret", SCOPES)).await;
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
    let body = body(answer).await;
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 120);
    assert_eq!(body["scope"], "cti:bridge:write cti:calls:read");
    assert_ne!(body["access_token"], lab.token().await.as_str(), "each token is a new one");
    assert_eq!((lab.ledger.token_requests(), lab.ledger.tokens_issued()), (2, 2));
}

#[tokio::test]
async fn token_errors_are_those_of_rfc_6749() {
    let lab = Lab::with("").await;
    let good = token_form("sandbox-secret", SCOPES);
    for (form, status, error) in [
        (good.replace("client_credentials", "password"), 400, "unsupported_grant_type"),
        (good.replace("grant_type", "grant"), 400, "invalid_request"),
        (format!("{good}&scope=a"), 400, "invalid_request"),
        (token_form("wrong", SCOPES), 401, "invalid_client"),
        (good.replace("client_id=sandbox", "client_id=x"), 401, "invalid_client"),
        (token_form("sandbox-secret", "cti:calls:read admin"), 400, "invalid_scope"),
    ] {
        let answer = lab.ask_token(&form).await;
        assert_eq!(answer.status(), status, "{form}");
        assert_eq!(body(answer).await["error"], error, "{form}");
    }
    let answer = lab.post("/oauth/token", "none", "application/json", good).await;
    assert_eq!(answer.status(), 400);
    assert_eq!((lab.ledger.token_requests(), lab.ledger.tokens_issued()), (7, 0));
}

#[tokio::test]
async fn missing_unknown_and_expired_tokens_are_refused_alike() {
    let lab = Lab::with("{token: {lifetime: 0s}}").await;
    let expired = lab.token().await;
    for (token, generation) in [("", None), ("made-up", None), (expired.as_str(), Some(1))] {
        let answer = lab.bridge(token, "call-1").await;
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], r#"Bearer error="invalid_token""#);
        assert_eq!(lab.last_entry().token_generation, generation);
        assert_eq!(lab.last_entry().status, Some(401));
    }
    assert_eq!(lab.ledger.effects(), 0);
}

#[tokio::test]
async fn a_token_without_the_bridge_scope_is_not_enough() {
    let lab = Lab::with("{token: {granted: [cti:calls:read]}}").await;
    let answer = lab.bridge(&lab.token().await, "call-1").await;
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.headers()[header::WWW_AUTHENTICATE], r#"Bearer error="insufficient_scope""#);
    assert_eq!(lab.ledger.effects(), 0);
}
