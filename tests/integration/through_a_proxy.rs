//! Runs through a real proxy, to a server with a private authority that wants a client certificate.

use crate::support::book::Book;
use crate::support::peer::{Peer, Wire};
use crate::support::proxy::TinyProxy;
use crate::support::tls::{Authority, Tls, Validity};

/// Token endpoint and API in one, for clients with a certificate of this authority.
fn api(authority: &Authority) -> Peer {
    let config = Tls::with(authority.server("127.0.0.1", Validity::Now)).clients_of(authority).config();
    Peer::tls(config, serve)
}

/// Answers token requests and bridge requests; the latter have effects.
pub(crate) fn serve(mut wire: Wire) {
    while let Some(request) = wire.request_without_effect() {
        let token = br#"{"access_token":"itest-token-Zk3vQ9","token_type":"Bearer","expires_in":3600}"#;
        let body: &[u8] = if request.starts_with(b"POST /oauth/token ") {
            token
        } else {
            wire.acted(request);
            br#"{"status":"bridged"}"#
        };
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        if !wire.send(&[head.as_bytes(), body].concat()) {
            break;
        }
    }
}

/// A runbook with certificate and authority.
fn book(api: &Peer, authority: &Authority) -> Book {
    let client = authority.client();
    Book::at(&api.url())
        .file("tls/ca.pem", &authority.pem())
        .file("tls/client.pem", &client.certificate)
        .env("CLIENT_KEY_PEM", &client.key)
        .connection("tls: {ca: tls/ca.pem, client_cert: tls/client.pem, client_key: {env: CLIENT_KEY_PEM}}")
}

const USER: &str = "itest-proxy-user";
const PASSWORD: &str = "itest-proxy-password-q8";

fn with_credentials(book: Book, proxy: &str) -> Book {
    book.connection(&format!(
        "proxy: {{url: \"{proxy}\", username: {{env: PROXY_USER}}, password: {{env: PROXY_PASSWORD}}}}"
    ))
    .env("PROXY_USER", USER)
    .env("PROXY_PASSWORD", PASSWORD)
}

#[test]
fn tokens_and_bridges_go_through_the_proxy_with_our_certificate() {
    let authority = Authority::new();
    let (api, proxy) = (api(&authority), TinyProxy::start(&format!("BasicAuth {USER} {PASSWORD}\n")));
    let book = with_credentials(book(&api, &authority), &proxy.url()).many_calls(20).limits("{concurrency: 4}");
    let run = book.run(0);
    assert_eq!((api.effects(), run.audit.total("succeeded")), (20, 20));
    let settings = run.audit.event("run_started")["settings"].as_array().unwrap().clone();
    let shown = settings.iter().find(|setting| setting["name"] == "proxy").unwrap();
    assert_eq!((&shown["value"], &shown["source"]), (&proxy.url().into(), &"runbook".into()));
    let plan = book.command(0, &["plan", "runbook.yaml", "--format", "json"]);
    assert!(plan.stdout.contains(&proxy.url()), "{plan}");
    let log = proxy.log();
    let tunnels = log.matches(&format!("CONNECT {} HTTP/1.1", api.address())).count();
    assert_eq!(tunnels, api.connections(), "no connection is made past the proxy: {log}");
    let audit = String::from_utf8(run.bytes("audit.jsonl")).unwrap();
    for secret in [USER, PASSWORD, "BEGIN PRIVATE KEY"] {
        let all = [&audit, &run.stdout, &run.stderr, &plan.stdout];
        assert!(all.iter().all(|text| !text.contains(secret)), "{secret} is shown");
    }
}

#[test]
fn credentials_of_the_environment_are_used_and_never_shown() {
    let authority = Authority::new();
    let (api, proxy) = (api(&authority), TinyProxy::start(&format!("BasicAuth {USER} {PASSWORD}\n")));
    let url = proxy.url().replace("http://", &format!("http://{USER}:{PASSWORD}@"));
    let book = book(&api, &authority).connection("proxy: env").env("all_proxy", &url);
    let run = book.run(0);
    assert_eq!(api.effects(), 1);
    let plan = book.command(0, &["plan", "runbook.yaml", "--save", "plan.json"]);
    let saved = std::fs::read_to_string(book.dir().join("plan.json")).unwrap();
    let audit = String::from_utf8(run.bytes("audit.jsonl")).unwrap();
    for text in [&audit, &run.stdout, &run.stderr, &plan.stdout, &saved] {
        assert!(!text.contains(USER) && !text.contains(PASSWORD), "{text}");
    }
    assert!(audit.contains(&proxy.url()) && plan.stdout.contains(&proxy.url()), "{plan}");
    drop(proxy);
}

#[test]
fn a_proxy_that_refuses_the_tunnel_is_not_sent_and_named() {
    let authority = Authority::new();
    let (api, tokens) = (api(&authority), Peer::plain(serve));
    // CONNECT to another port alone.
    let proxy = TinyProxy::start("ConnectPort 443\n");
    let book = book(&api, &authority)
        .token_at(&tokens.url())
        .connection("proxy: env")
        .env("HTTPS_PROXY", &proxy.url())
        .many_calls(2);
    let run = book.run(69);
    assert_eq!((api.connections(), run.audit.total("not_sent"), run.audit.attempts().len()), (0, 2, 6));
    for attempt in run.audit.attempts() {
        assert_eq!((&attempt["outcome"], &attempt["evidence"]), (&"not_sent".into(), &"proxy".into()));
        let words = attempt["error_message"].as_str().unwrap();
        assert!(words.contains(&proxy.url()) && words.contains("refused the tunnel"), "{words}");
    }
    assert!(proxy.log().contains("Refused CONNECT method"));
}

/// This proxy answers 401 where RFC 9110 has 407; either way nothing is sent.
#[test]
fn a_proxy_that_does_not_know_our_credentials_is_not_sent() {
    let authority = Authority::new();
    let (api, proxy) = (api(&authority), TinyProxy::start("BasicAuth another another-password\n"));
    let run = with_credentials(book(&api, &authority), &proxy.url()).run(69);
    assert_eq!((api.connections(), run.audit.total("not_attempted")), (0, 1));
    let failed = run.audit.events("token_failed")[0]["error_message"].as_str().unwrap();
    assert!(failed.contains("credentials") && !failed.contains(PASSWORD), "{failed}");
}

#[test]
fn a_proxy_that_wants_credentials_stops_the_run_before_anything_is_sent() {
    let authority = Authority::new();
    let (api, proxy) = (api(&authority), TinyProxy::start("BasicAuth another another-password\n"));
    let run = book(&api, &authority).connection(&format!("proxy: \"{}\"", proxy.url())).many_calls(3).run(77);
    assert_eq!((api.connections(), run.audit.total("not_attempted")), (0, 3));
    let failed = run.audit.event("token_failed")["error_message"].as_str().unwrap();
    assert!(failed.contains("407") && failed.contains("connection.proxy"), "{failed}");
    assert_eq!(run.audit.finished()["ending"], "credentials_refused");
    assert_eq!(proxy.log().matches("CONNECT 127").count(), 1, "it is asked once");
}

/// This proxy ends a plain connection after each answer and does not say so: a request on a kept one could meet its end.
#[test]
fn plain_http_through_a_proxy_is_one_request_with_the_whole_url() {
    let server = Peer::plain(serve);
    let proxy = TinyProxy::start("");
    let book = Book::at(&server.url()).connection(&format!("proxy: \"{}\"", proxy.url())).many_calls(5);
    let run = book.connection("keep_alive: 0s").run(0);
    assert_eq!((server.effects(), run.audit.total("succeeded")), (5, 5));
    let log = proxy.log();
    let posts = log.matches(&format!("POST {}/", server.url())).count();
    assert_eq!(posts, 6, "a token and five bridges: {log}");
}

#[test]
fn a_proxy_of_the_environment_that_is_none_is_refused_and_not_repeated() {
    for proxy in ["socks5://ann:hunter2@proxy.example.com", "http://ann:hunter2@"] {
        let book = Book::at("https://api.example.com").connection("proxy: env").env("HTTPS_PROXY", proxy);
        let refused = book.refused(78, &[]);
        assert!(refused.stderr.contains("HTTPS_PROXY is not") && !refused.stderr.contains("hunter2"), "{refused}");
        let plan = book.command(0, &["plan", "runbook.yaml"]);
        assert!(plan.stdout.contains("HTTPS_PROXY is not") && !plan.stdout.contains("hunter2"), "{plan}");
    }
}

#[test]
fn the_sandbox_is_asked_past_any_proxy_and_without_certificates() {
    let proxy = Peer::plain(serve);
    let book = with_credentials(Book::at("https://api.example.com"), &proxy.url())
        .without_env("PROXY_PASSWORD")
        .connection("allow_hosts: [api.example.com]");
    let run = book.run_with(0, &["--sandbox"]);
    assert_eq!((proxy.connections(), run.audit.total("succeeded")), (0, 1));
}

#[test]
fn the_sandbox_is_reached_without_the_proxy_and_the_audit_file_says_so() {
    let proxy = crate::support::server::closed_port();
    let book = Book::offline().connection(&format!("proxy: \"{proxy}\""));
    let run = book.run_with(0, &["--sandbox"]);
    let settings = run.audit.event("run_started")["settings"].as_array().unwrap().clone();
    assert_eq!(settings.iter().find(|setting| setting["name"] == "proxy").unwrap()["value"], "none");
}
