//! Profiles on the wire: each shipped one against a server that follows its public documentation, and one of a user's own.

use crate::support::book::{Book, Run};
use crate::support::process::{Running, bridgebook};
use crate::support::repository;
use crate::support::server::{RawServer, Reply, answer, locked, ok};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::sync::Mutex;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const KEY: &str = "KEY-itest-9fQ2sX";

/// Answers every request with these in turn, and with the last one from then on.
fn replying(replies: impl IntoIterator<Item = Reply>) -> RawServer {
    let replies = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
    RawServer::start(move |_| {
        let mut replies = locked(&replies);
        if replies.len() > 1 { replies.pop_front().unwrap() } else { replies[0].clone() }
    })
}

fn json_answer(status: u16, body: &Value) -> Reply {
    answer(status, &[("content-type", "application/json")], &body.to_string())
}

/// A runbook of one set: connection, inline rows and the job, each as YAML.
fn book(connection: &str, items: &Value, job: &str) -> Book {
    Book::offline().verbatim(&format!(
        "version: 1\nname: itest\nconnection: {connection}\nsets:\n  - name: s\n    rows: {{items: {items}}}\n    job: {job}\n\
         limits: {{concurrency: 1}}\nretry: {{max_attempts: 3, min_wait: 1ms, max_wait: 5ms, max_retry_after: 10ms}}\n"
    ))
}

fn telnyx(url: &str, items: &Value) -> Book {
    let connection = format!("{{profile: telnyx, base_url: \"{url}/v2\", auth: {{api_key: {{env: KEY}}}}}}");
    book(&connection, items, "{call_control_id: \"{{row.a}}\", bridge_with: \"{{row.b}}\"}").env("KEY", KEY)
}

fn two_legs() -> Value {
    json!([{"a": "v3:leg/A1", "b": "v3:leg-B1"}, {"a": "v3:leg-A2", "b": "v3:leg-B2"}])
}

fn outcome(run: &Run) -> (Value, Value, Value) {
    let attempts = run.audit.attempts();
    let last = attempts.last().unwrap();
    (last["outcome"].clone(), last["status_code"].clone(), last["error_message"].clone())
}

fn host(server: &RawServer) -> String {
    server.url().replace("http://", "")
}

#[test]
fn telnyx_is_sent_the_command_of_its_reference() {
    let done = json!({"data": {"result": "ok"}});
    let limited = json!({"errors": [{"code": "10011", "title": "Too many requests", "detail": "You have exceeded the maximum number of allowed requests."}]});
    let server = replying([
        answer(429, &[("x-ratelimit-reset", "7"), ("content-type", "application/json")], &limited.to_string()),
        json_answer(200, &done),
    ]);
    let run = telnyx(&server.url(), &two_legs()).run(0);
    let mut sent = server.requests();
    assert_eq!(sent.len(), 3, "no token is asked for, and one command is repeated: {sent:#?}");
    // Another job may pass by while the first one waits.
    let first = sent[0].path().to_owned();
    sent.sort_by_key(|request| request.path() != first);
    let id = sent[0].json()["command_id"].as_str().unwrap().to_owned();
    let body = format!("{{\"call_control_id\":\"v3:leg-B1\",\"command_id\":\"{id}\"}}");
    let expected = format!(
        "POST /v2/calls/v3%3Aleg%2FA1/actions/bridge HTTP/1.1\r\n\
         authorization: Bearer {KEY}\r\n\
         content-type: application/json\r\n\
         accept: application/json\r\n\
         user-agent: bridgebook/{VERSION}\r\n\
         host: {}\r\n\
         content-length: {}\r\n\r\n{body}",
        host(&server),
        body.len()
    );
    assert_eq!(sent[0].text(), expected);
    assert_eq!(sent[0].raw, sent[1].raw, "the same command, the same key");
    assert_ne!(sent[2].json()["command_id"], id.as_str(), "another job, another key");
    // The reset header of the vendor asks for seven seconds; the runbook caps a wait at 10 ms.
    assert_eq!(run.audit.event("throttled")["pause_ms"], 10);
    assert_eq!(run.audit.attempts()[0]["error_message"], "You have exceeded the maximum number of allowed requests.");
    assert_eq!(run.audit.lines[0].get("token_url"), None);
    assert!(run.audit.events("token_fetched").is_empty());
    let again = telnyx(&server.url(), &two_legs()).run(0);
    assert_eq!(again.audit.total("succeeded"), 2);
    assert_ne!(server.requests()[3].json()["command_id"], id.as_str(), "another run, another key");
}

#[test]
fn what_telnyx_answers_is_what_its_reference_says() {
    let error = |code: &str, detail: &str| json!({"errors": [{"code": code, "title": "Title", "detail": detail}]});
    let ended = "This call is no longer active and can't receive commands.";
    for (reply, exit, expected, status, words) in [
        (json_answer(200, &json!({"data": {"result": "ok"}})), 0, "succeeded", 200, None),
        // The status alone is no bridge.
        (
            json_answer(200, &json!({"data": {"result": "queued"}})),
            11,
            "unknown",
            200,
            Some("not with the body of a success"),
        ),
        (answer(200, &[], ""), 11, "unknown", 200, Some("not with the body of a success")),
        (json_answer(422, &error("90018", ended)), 10, "rejected", 422, Some(ended)),
        (
            json_answer(404, &error("10005", "The requested resource or URL could not be found.")),
            10,
            "rejected",
            404,
            Some("could not be found"),
        ),
        (
            json_answer(500, &error("10007", "An unexpected error occured.")),
            11,
            "unknown",
            500,
            Some("unexpected error"),
        ),
        // A gateway's reset header is no proof that nothing was done.
        (answer(503, &[("x-ratelimit-reset", "1")], ""), 11, "unknown", 503, None),
    ] {
        let server = replying([reply]);
        let run = telnyx(&server.url(), &json!([{"a": "A", "b": "B"}])).run(exit);
        let (got, code, message) = outcome(&run);
        assert_eq!((&got, &code), (&expected.into(), &status.into()), "{message}");
        assert!(words.is_none_or(|words| message.as_str().unwrap().contains(words)), "{message}");
        // What may have had its effect is sent again with its command id, and with nothing else.
        let sent = server.requests();
        assert_eq!(sent.len(), if expected == "unknown" { 3 } else { 1 });
        assert!(sent.iter().all(|request| request.raw == sent[0].raw));
    }
}

#[test]
fn a_refused_api_key_ends_the_run_at_once_and_is_written_nowhere() {
    let words = format!("The key {KEY} is not known.");
    let server = replying([json_answer(
        401,
        &json!({"errors": [{"code": "10009", "title": "Authentication failed", "detail": words}]}),
    )]);
    let run = telnyx(&server.url(), &two_legs()).run(77);
    assert_eq!(server.requests().len(), 1, "the same key again would be refused again");
    assert_eq!(run.audit.finished()["ending"], "credentials_refused");
    assert_eq!((run.audit.total("rejected"), run.audit.total("not_attempted")), (1, 1));
    for name in ["audit.jsonl", "summary.json", "report.html", "results.csv", "inputs/runbook.yaml"] {
        assert!(!String::from_utf8_lossy(&run.bytes(name)).contains(KEY), "{name}");
    }
    assert!(!run.stdout.contains(KEY) && !run.stderr.contains(KEY));
    assert_eq!(run.audit.attempts()[0]["error_message"], "The key *** is not known.");
}

const AGENT_AUTH: &str =
    "auth: {client_id: {env: CI}, client_secret: {env: CS}, access_key_id: {env: AI}, access_key_secret: {env: AS}}";

fn agent(url: &str) -> Book {
    let connection =
        format!("{{profile: cxone-agent, base_url: \"{url}\", token_url: \"{url}/auth/token\", {AGENT_AUTH}}}");
    book(&connection, &json!([{"s": "sess/1=="}]), "{session_id: \"{{row.s}}\"}")
        .env("CI", "app@vendor")
        .env("CS", "s3:cret+/=")
        .env("AI", "KEYID==")
        .env("AS", "key secret&more==")
}

#[test]
fn a_cxone_agent_session_is_conferenced_with_its_access_keys() {
    let token = json!({"access_token": "agent-token-1", "token_type": "bearer", "expires_in": 3600, "refresh_token": "r", "id_token": "i"});
    let server = replying([json_answer(200, &token), answer(202, &[("correlationid", "vendor-77")], "")]);
    let run = agent(&server.url()).run(0);
    let requests = server.requests();
    let [token, bridge] = requests.as_slice() else { panic!("{requests:#?}") };
    // base64("app%40vendor:s3%3Acret%2B%2F%3D"): RFC 6749 section 2.3.1.
    let body = "grant_type=password&username=KEYID%3D%3D&password=key+secret%26more%3D%3D";
    let expected = format!(
        "POST /auth/token HTTP/1.1\r\n\
         authorization: Basic YXBwJTQwdmVuZG9yOnMzJTNBY3JldCUyQiUyRiUzRA==\r\n\
         accept: application/json\r\n\
         content-type: application/x-www-form-urlencoded\r\n\
         user-agent: bridgebook/{VERSION}\r\n\
         host: {}\r\n\
         content-length: {}\r\n\r\n{body}",
        host(&server),
        body.len()
    );
    assert_eq!(token.text(), expected);
    let id = bridge.header("correlationid");
    let expected = format!(
        "POST /InContactAPI/services/v27.0/agent-sessions/sess%2F1%3D%3D/interactions/conference-calls HTTP/1.1\r\n\
         authorization: Bearer agent-token-1\r\n\
         accept: application/json\r\n\
         correlationid: {id}\r\n\
         content-length: 0\r\n\
         user-agent: bridgebook/{VERSION}\r\n\
         host: {}\r\n\r\n",
        host(&server)
    );
    assert_eq!(bridge.text(), expected);
    assert_eq!(id.len(), 36, "a UUID: {id}");
    assert_eq!(run.audit.intents()[0]["request_id"], id);
    let attempt = run.audit.attempts()[0].clone();
    assert_eq!((&attempt["outcome"], &attempt["correlation_id"]), (&"accepted".into(), &"vendor-77".into()));
}

#[test]
fn cxone_agent_errors_are_read_and_their_secrets_are_not_repeated() {
    let token = || json_answer(200, &json!({"access_token": "agent-token-1", "expires_in": 3600}));
    let refused = json!({"error": "invalid_grant", "error_description": "bad s3:cret+/= and key+secret%26more%3D%3D and YXBwJTQwdmVuZG9yOnMzJTNBY3JldCUyQiUyRiUzRA=="});
    let run = agent(&replying([json_answer(400, &refused)]).url()).run(77);
    assert_eq!(run.audit.event("token_failed")["error_message"], "bad *** and *** and ***");
    let missing =
        json!({"error": "not_found", "error_description": "There is no such agent session.", "correlationId": "c"});
    let run = agent(&replying([token(), json_answer(404, &missing)]).url()).run(10);
    assert_eq!(outcome(&run).2, "There is no such agent session.");
    let server = replying([token(), answer(401, &[], ""), token(), answer(200, &[], "")]);
    let run = agent(&server.url()).run(0);
    assert_eq!((server.requests().len(), run.audit.total("succeeded")), (4, 1), "a fresh token, and once more");
}

fn asterisk(url: &str, items: &Value) -> Book {
    let connection = format!(
        "{{profile: asterisk-ari, base_url: \"{url}/ari\", auth: {{username: {{env: U}}, password: {{env: P}}}}}}"
    );
    let job = "{bridge_id: \"{{row.bridge}}\", channel_id: \"{{row.a}}\", with: \"{{row.with}}\"}";
    book(&connection, items, job).env("U", "asterisk").env("P", "päss:word")
}

#[test]
fn asterisk_is_given_the_channels_in_the_query_and_no_body() {
    let server = replying([answer(204, &[], "")]);
    let items = json!([{"bridge": "night desk", "a": "1400513440.0", "with": ["1400513440.1", "1400513440.2"]}]);
    let run = asterisk(&server.url(), &items).run(0);
    let requests = server.requests();
    let [bridge] = requests.as_slice() else { panic!("{requests:#?}") };
    // base64 of UTF-8: RFC 7617 section 2.1.
    let expected = format!(
        "POST /ari/bridges/night%20desk/addChannel?channel=1400513440.0%2C1400513440.1%2C1400513440.2 HTTP/1.1\r\n\
         authorization: Basic YXN0ZXJpc2s6cMOkc3M6d29yZA==\r\n\
         accept: application/json\r\n\
         content-length: 0\r\n\
         user-agent: bridgebook/{VERSION}\r\n\
         host: {}\r\n\r\n",
        host(&server)
    );
    assert_eq!(bridge.text(), expected);
    assert_eq!(run.audit.attempts()[0]["outcome"], "succeeded");
    assert_eq!(run.audit.attempts()[0].get("warning"), None, "no body is what 204 has");
}

#[test]
fn asterisk_errors_are_those_of_its_reference() {
    for (status, body, exit, expected) in [
        (400, json!({"message": "Channel not found"}), 10, "rejected"),
        (404, json!({"message": "Bridge not found"}), 10, "rejected"),
        (422, json!({"message": "Channel not in Stasis application"}), 10, "rejected"),
        // One of several channels may be in by then.
        (409, json!({"message": "Channel 1400513440.1 currently recording"}), 11, "unknown"),
        (500, json!({"message": "Internal Server Error"}), 11, "unknown"),
        (401, json!({"error": "Authentication required"}), 77, "rejected"),
    ] {
        let server = replying([json_answer(status, &body)]);
        let items = json!([{"bridge": "b", "a": "1400513440.0", "with": ["1400513440.1"]}]);
        let run = asterisk(&server.url(), &items).run(exit);
        let (got, code, message) = outcome(&run);
        assert_eq!((&got, &code), (&expected.into(), &status.into()), "{body}");
        let sent = server.requests();
        assert_eq!(sent.iter().filter(|request| request.text().starts_with("POST ")).count(), 1);
        // What may have had its effect is looked up.
        let looked_up = sent.iter().any(|request| request.text().starts_with("GET /ari/bridges/b HTTP/1.1\r\n"));
        assert_eq!(looked_up, expected == "unknown");
        assert!(message.as_str().is_some_and(|message| message.len() > 10), "{message}");
    }
}

/// The example's own files, against this server.
fn form_api(url: &str) -> Book {
    let file = |name: &str| std::fs::read_to_string(repository(&format!("examples/form-api/{name}"))).unwrap();
    let runbook = file("runbook.yaml")
        .replace("region: berlin", &format!("base_url: \"{url}/api\""))
        .replace("{file: secrets/switchboard}", "{env: SWITCHBOARD_PASSWORD}")
        + "retry: {min_wait: 1ms, max_wait: 5ms}\n";
    Book::offline()
        .verbatim(&runbook)
        .file("switchboard.yaml", &file("switchboard.yaml"))
        .file("data/waiting.csv", &file("data/waiting.csv"))
        .env("SWITCHBOARD_USER", "ops")
        .env("SWITCHBOARD_PASSWORD", "itest-pass-77")
}

#[test]
fn a_profile_of_ones_own_bridges_through_a_form_api() {
    let server = RawServer::start(|request| {
        answer(
            200,
            &[("content-type", "text/plain")],
            if request.body().contains("0104") { "+OK 17\n" } else { "-ERR no such call\n" },
        )
    });
    let book = form_api(&server.url()).more("");
    let run = book.run(10);
    let requests = server.requests();
    let first = requests.iter().find(|request| request.body().contains("0104")).unwrap();
    let run_id = run.audit.lines[0]["run_id"].as_str().unwrap();
    let body = format!("To=%2B12025550104&CallerName=After+hours&Key={run_id}-1");
    let expected = format!(
        "POST /api/calls/W-0001/connect HTTP/1.1\r\n\
         authorization: Basic b3BzOml0ZXN0LXBhc3MtNzc=\r\n\
         content-type: application/x-www-form-urlencoded\r\n\
         accept: text/plain\r\n\
         user-agent: bridgebook/{VERSION}\r\n\
         host: {}\r\n\
         content-length: {}\r\n\r\n{body}",
        host(&server),
        body.len()
    );
    assert_eq!(first.text(), expected);
    assert_eq!(run.audit.outcome_of("W-0001")["outcome"], "succeeded");
    let failed = run.audit.outcome_of("W-0002");
    assert_eq!((&failed["outcome"], &failed["error_message"]), (&"rejected".into(), &"-ERR no such call".into()));
    let targets: Vec<&Value> = run.audit.intents().iter().map(|intent| &intent["targets"][0]).collect();
    assert!(targets.contains(&&json!("to:+1202*****04")), "{targets:?}");

    let profile = run.bytes("inputs/profile.yaml");
    assert_eq!(profile, std::fs::read(repository("examples/form-api/switchboard.yaml")).unwrap());
    let digest: String = Sha256::digest(&profile).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(run.audit.lines[0]["profile_sha256"], digest.as_str());
    assert_eq!(run.audit.lines[0]["profile"], "switchboard");
}

#[test]
fn a_body_that_is_neither_success_nor_failure_leaves_the_outcome_unknown() {
    for body in ["", "OK", "<html>200</html>", "+O"] {
        let server = replying([answer(200, &[], body)]);
        let run = form_api(&server.url()).run(11);
        assert_eq!(run.audit.total("unknown"), 2, "{body:?}");
    }
}

/// A small profile: `parts` are its endpoints, auth and what else differs.
fn own(parts: &str) -> String {
    format!(
        "version: 1\nname: own\n{parts}\nanswers: {{succeeded: [2xx], token_refused: [401]}}\njob:\n  call_id: call_id\n  schema:\n    \
         type: object\n    required: [call_id]\n    properties: {{call_id: {{type: string}}, note: {{type: string}}, tags: {{type: array}}}}\n"
    )
}

fn own_book(profile: &str, connection: &str, items: &Value, job: &str) -> Book {
    book(&format!("{{profile: ./own.yaml, {connection}}}"), items, job).file("own.yaml", profile)
}

const REQUEST: &str = "request: {path: \"/bridge/{{job.call_id}}\"}";

#[test]
fn every_grant_asks_and_authorises_as_it_says() {
    let token = json!({"data": {"jwt": "tok-1", "ttl": "90"}});
    for (auth, given, token_head, token_body, authorization) in [
        (
            "{grant: json, body: {keyId: \"{{credentials.access_key_id}}\", nested: {secret: \"{{credentials.access_key_secret}}\"}}, answer: {access_token: /data/jwt, expires_in: /data/ttl}}",
            "access_key_id: {env: A}, access_key_secret: {env: B}",
            "content-type: application/json",
            r#"{"keyId":"a\"b","nested":{"secret":"b&c"}}"#,
            "authorization: Bearer tok-1",
        ),
        (
            "{grant: password, client: none, params: {audience: \"https://api.example.com/\"}, scopes: [x, y], answer: {access_token: /data/jwt}, header: X-Token, scheme: \"\"}",
            "username: {env: A}, password: {env: B}",
            "content-type: application/x-www-form-urlencoded",
            "grant_type=password&username=a%22b&password=b%26c&scope=x+y&audience=https%3A%2F%2Fapi.example.com%2F",
            "x-token: tok-1",
        ),
        (
            "{grant: client_credentials, client: basic, answer: {access_token: /data/jwt}}",
            "client_id: {env: A}, client_secret: {env: B}",
            "authorization: Basic YSUyMmI6YiUyNmM=",
            "grant_type=client_credentials",
            "authorization: Bearer tok-1",
        ),
    ] {
        let reply = token.clone();
        let server =
            RawServer::start(move |request| if request.path() == "/token" { json_answer(200, &reply) } else { ok() });
        let profile = own(&format!("endpoints: {{token_path: /token}}\nauth: {auth}\n{REQUEST}"));
        let connection = format!("base_url: \"{}\", auth: {{{given}}}", server.url());
        let run = own_book(&profile, &connection, &json!([{"c": "c1"}]), "{call_id: \"{{row.c}}\"}")
            .env("A", "a\"b")
            .env("B", "b&c")
            .run(0);
        let requests = server.requests();
        let [token, bridge] = requests.as_slice() else { panic!("{auth}: {requests:#?}") };
        assert!(token.text().contains(token_head), "{}", token.text());
        assert_eq!(token.body(), token_body);
        assert!(bridge.text().contains(&format!("{authorization}\r\n")), "{}", bridge.text());
        let lifetime = if auth.contains("/data/ttl") { 90 } else { 600 };
        assert_eq!(run.audit.event("token_fetched")["lifetime_s"], lifetime);
    }
    for (auth, given, header) in [
        (
            "{grant: bearer, token: api_key, header: X-API-Key, scheme: \"\"}",
            "auth: {api_key: {env: A}}",
            "x-api-key: itest",
        ),
        ("{grant: bearer}", "auth: {token: {env: A}}", "authorization: Bearer itest"),
        ("{grant: none}", "timeouts: {connect: 5s}", "accept: application/json"),
    ] {
        let server = replying([ok()]);
        let profile = own(&format!("auth: {auth}\n{REQUEST}"));
        let connection = format!("base_url: \"{}\", {given}", server.url());
        own_book(&profile, &connection, &json!([{"c": "c1"}]), "{call_id: \"{{row.c}}\"}").env("A", "itest").run(0);
        let requests = server.requests();
        assert_eq!(requests.len(), 1);
        assert!(requests[0].text().contains(&format!("{header}\r\n")), "{}", requests[0].text());
        assert_eq!(requests[0].text().contains("authorization"), header.starts_with("authorization"));
    }
}

#[test]
fn a_base_url_from_the_token_is_used_if_its_host_is_allowed() {
    let profile = |hosts: &str| {
        own(&format!(
            "endpoints: {{token_url: \"http://127.0.0.1:1/\", base_url_from_token: /base, allowed_hosts: [{hosts}]}}\n\
             auth: {{grant: client_credentials}}\n{REQUEST}"
        ))
    };
    let auth = "auth: {client_id: {env: A}, client_secret: {env: B}}";
    let elsewhere = replying([ok()]);
    for (hosts, exit, sent) in [("127.0.0.1", 0, 1), ("example.com", 78, 0), ("0.0.1", 78, 0)] {
        let before = elsewhere.requests().len();
        let base = elsewhere.url();
        let tokens = RawServer::start(move |_| json_answer(200, &json!({"access_token": "t-1-itest", "base": base})));
        let connection = format!("token_url: \"{}/t\", {auth}", tokens.url());
        let book = own_book(&profile(hosts), &connection, &json!([{"c": "c1"}]), "{call_id: \"{{row.c}}\"}")
            .env("A", "a")
            .env("B", "b");
        let run = book.run(exit);
        assert_eq!(elsewhere.requests().len() - before, sent, "{hosts}");
        assert_eq!(run.audit.lines[0].get("base_url"), None);
        if exit == 0 {
            assert_eq!(run.audit.event("token_fetched")["base_url"], elsewhere.url());
        } else {
            assert!(run.audit.event("token_failed")["error_message"].as_str().unwrap().contains("does not allow"));
        }
    }
    // What the runbook says is stronger than what the token's answer says.
    let own_base = replying([ok()]);
    let tokens = RawServer::start(|_| {
        json_answer(200, &json!({"access_token": "t-1-itest", "base": "https://evil.example.com"}))
    });
    let connection = format!("base_url: \"{}\", token_url: \"{}/t\", {auth}", own_base.url(), tokens.url());
    own_book(&profile("example.com"), &connection, &json!([{"c": "c1"}]), "{call_id: \"{{row.c}}\"}")
        .env("A", "a")
        .env("B", "b")
        .run(0);
    assert_eq!(own_base.requests().len(), 1);
}

#[test]
fn what_a_job_leaves_out_is_left_out_of_the_request() {
    let parts = "auth: {grant: none}\nrequest:\n  method: PUT\n  path: \"/x/{{job.call_id}}\"\n  \
        query: {note: \"{{job.note}}\", tags: \"{{job.tags}}\", fixed: \"a b\"}\n  headers: {X-Note: \"{{job.note}}\", X-Length: \"{{len (default job.note '')}}\"}\n  \
        json: {id: \"{{job.call_id}}\", note: \"{{job.note}}\", deep: {tags: \"{{job.tags}}\"}, whole: \"{{job}}\"}\n  \
        idempotency_key: {header: Idempotency-Key, quoted: true}\n";
    let server = replying([ok()]);
    let connection = format!("base_url: \"{}\"", server.url());
    let run = |job: &str| own_book(&own(parts), &connection, &json!([{"c": "c1"}]), job).run(0);
    run("{call_id: \"{{row.c}}\"}");
    run("{call_id: \"{{row.c}}\", note: \"a&b\", tags: [x, \"y,z\"]}");
    let sent = server.requests();
    assert_eq!(sent[0].path(), "/x/c1?fixed=a%20b");
    assert!(sent[0].text().starts_with("PUT /x/") && !sent[0].text().contains("x-note"), "{}", sent[0].text());
    assert_eq!(sent[0].json(), json!({"id": "c1", "deep": {}, "whole": {"call_id": "c1"}}));
    assert_eq!(sent[1].path(), "/x/c1?note=a%26b&tags=x%2Cy%2Cz&fixed=a%20b");
    assert_eq!(sent[1].header("x-note"), "a&b");
    assert_eq!((sent[0].header("x-length"), sent[1].header("x-length")), ("0", "3"));
    let whole = json!({"call_id": "c1", "note": "a&b", "tags": ["x", "y,z"]});
    assert_eq!(sent[1].json(), json!({"id": "c1", "note": "a&b", "deep": {"tags": ["x", "y,z"]}, "whole": whole}));
    let key = sent[0].header("idempotency-key");
    assert!(key.starts_with('"') && key.ends_with('"') && key.len() == 38, "{key}");
}

#[test]
fn a_value_that_no_header_or_path_can_carry_is_an_error_of_its_row() {
    let parts = "auth: {grant: none}\nrequest: {path: \"/x/{{job.call_id}}/{{trim job.call_id}}\", headers: {X-Note: \"{{job.note}}\"}}";
    let server = replying([ok()]);
    let connection = format!("base_url: \"{}\"", server.url());
    let items = json!([{"n": "fine"}, {"n": "a\r\nX-Evil: 1"}, {"n": "é"}]);
    let job = "{call_id: \"call-{{index}}\", note: \"{{row.n}}\"}";
    let book = own_book(&own(parts), &connection, &items, job);
    let refused = book.refused(65, &[]);
    assert_eq!(refused.stderr.matches("BB0323").count(), 2, "{refused}");
    assert_eq!(server.requests().len(), 0);
    let found: Value =
        serde_json::from_str(&book.command(65, &["validate", "runbook.yaml", "--format", "json"]).stdout).unwrap();
    assert_eq!(found["diagnostics"][0]["path"], "/sets/0/rows/items/1/n", "{found:#}");
}

#[test]
fn a_secret_may_be_what_a_command_prints() {
    let server = replying([ok()]);
    let with = |command: &str, exit: u8| {
        let profile = own(&format!("auth: {{grant: bearer}}\n{REQUEST}"));
        let connection = format!("base_url: \"{}\", auth: {{token: {{exec: {command}}}}}", server.url());
        let book = own_book(&profile, &connection, &json!([{"c": "c1"}]), "{call_id: \"{{row.c}}\"}")
            .file("tok", "tok-from-exec\n");
        if exit == 0 { book.run(0).stderr.clone() } else { book.refused(exit, &[]).stderr }
    };
    // Without a shell, in the runbook's folder.
    with("[/bin/cat, tok]", 0);
    assert_eq!(server.requests()[0].header("authorization"), "Bearer tok-from-exec");
    for (command, words) in [
        ("[/bin/sh, -c, \"echo s3cret-on-stderr >&2; exit 3\"]", "failed: exit status: 3"),
        ("[/bin/sh, -c, \"echo a; echo b\"]", "more than one line"),
        ("[/bin/true]", "token is empty"),
        ("[/no/such/command]", "cannot be run"),
        ("[/bin/sh, -c, \"printf 'a\\\\tb'\"]", "cannot stand in a header"),
    ] {
        let stderr = with(command, 78);
        assert!(stderr.contains(words) && !stderr.contains("s3cret"), "{command}: {stderr}");
    }
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn every_shipped_runbook_validates_plans_and_rehearses() {
    let out = tempfile::TempDir::new().unwrap();
    let run = |args: &[&str]| Running::start(bridgebook(&repository(""), args)).finish().expect(0).stdout;
    let entries = std::fs::read_dir(repository("runbooks")).unwrap().map(|entry| entry.unwrap().path());
    let shipped = entries.filter(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    let mut profiles = 0;
    for path in shipped.chain([repository("examples/form-api/runbook.yaml")]) {
        let path = path.to_str().unwrap();
        run(&["validate", path]);
        run(&["plan", path]);
        let out = out.path().to_str().unwrap();
        let printed = run(&["run", path, "--sandbox", "--no-progress", "--out", out]);
        assert!(printed.starts_with("PASSED"), "{path}: {printed}");
        profiles += 1;
    }
    assert!(profiles >= 5, "{profiles}");
}

#[test]
fn the_sandbox_plays_a_profile_s_own_api_with_faults() {
    let script = "credentials: {client_id: me, client_secret: mine}\nfaults:\n  - {calls: [a1], answer: {status: 500}, effect: true}\n  \
        - {calls: [a2], requests: first 1, answer: {status: 429, retry_after: 1s}}\ncalls: {missing: [a3]}\n";
    let connection = "{profile: telnyx, auth: {api_key: {env: KEY}}}";
    let items = json!([{"a": "a1"}, {"a": "a2"}, {"a": "a3"}, {"a": "a4"}]);
    let book = book(connection, &items, "{call_control_id: \"{{row.a}}\", bridge_with: b}").file("script.yaml", script);
    let run = book.run_with(11, &["--sandbox", "--sandbox-script", "script.yaml"]);
    let outcomes: Vec<&Value> = ["a1", "a2", "a3", "a4"].map(|call| &run.audit.outcome_of(call)["outcome"]).to_vec();
    assert_eq!(outcomes, ["unknown", "succeeded", "rejected", "succeeded"]);
    assert_eq!(run.audit.total("succeeded"), 2);
}

#[test]
fn schemas_and_profiles_are_printed() {
    let book = Book::offline().file("own.yaml", &own(&format!("auth: {{grant: none}}\n{REQUEST}")));
    let printed = |args: &[&str]| -> Value { serde_json::from_str(&book.command(0, args).stdout).unwrap() };
    assert_eq!(
        printed(&["schema", "job", "--profile", "telnyx"])["required"],
        json!(["call_control_id", "bridge_with"])
    );
    assert_eq!(printed(&["schema", "job", "--profile", "./own.yaml"])["title"], "job of the own profile");
    assert_eq!(printed(&["schema", "payload", "--profile", "own.yaml"])["type"], "null");
    let payload = printed(&["schema", "payload", "--profile", "telnyx"]);
    assert_eq!(payload["required"], json!(["call_control_id", "command_id"]));
    let refused = book.command(2, &["schema", "job", "--profile", "telnix"]);
    assert!(refused.stderr.contains("write `telnyx`"), "{refused}");
    let profiles = printed(&["profiles", "--format", "json"]);
    assert_eq!(profiles["profiles"].as_array().unwrap().len(), 4);
    assert_eq!(profiles["profiles"][2]["credentials"], json!(["api_key"]));
}

#[test]
fn a_profile_that_is_refused_is_shown_in_its_own_file() {
    let profile = own(&format!("auth: {{grant: none}}\n{REQUEST}")).replace("job.call_id", "job.cal_id");
    let server = replying([ok()]);
    let book = own_book(
        &profile,
        &format!("base_url: \"{}\"", server.url()),
        &json!([{"c": "c1"}]),
        "{call_id: \"{{row.c}}\"}",
    );
    let refused = book.refused(65, &[]);
    assert!(
        refused.stderr.contains("--> ./own.yaml:4:") && refused.stderr.contains("write `job.call_id`"),
        "{refused}"
    );
    assert!(refused.stderr.contains("1 error\n"), "{refused}");
    let refused = book.command(65, &["schema", "job", "--profile", "own.yaml"]);
    assert!(refused.stderr.contains("--> own.yaml:4:"), "{refused}");
    assert_eq!(server.requests().len(), 0);
}
