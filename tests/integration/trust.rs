//! Whom a run trusts and what it sends where: certificates, keys, hosts.

use crate::support::book::Book;
use crate::support::peer::Peer;
use crate::support::server::{RawServer, Reply, answer, ok};
use crate::support::tls::{Authority, Tls, Validity};
use crate::through_a_proxy::serve;
use std::os::unix::fs::PermissionsExt;

fn api(authority: &Authority) -> Peer {
    Peer::tls(Tls::with(authority.server("127.0.0.1", Validity::Now)).clients_of(authority).config(), serve)
}

/// RFC 8705: a token that is bound to a certificate is good with that certificate alone.
#[test]
fn the_client_certificate_is_shown_to_token_endpoint_and_api_alike() {
    let authority = Authority::new();
    let (tokens, api) = (api(&authority), api(&authority));
    let client = authority.client();
    let book = Book::at(&api.url())
        .token_at(&tokens.url())
        .file("ca.pem", &authority.pem())
        .file("client.pem", &client.certificate)
        .file("client.key", &client.key)
        .connection("tls: {ca: ca.pem, client_cert: client.pem, client_key: client.key, min_version: \"1.3\"}");
    // A key that others can read is no secret.
    let refused = book.refused(78, &[]);
    assert!(refused.stderr.contains("client.key can be read by others"), "{refused}");
    std::fs::set_permissions(book.dir().join("client.key"), PermissionsExt::from_mode(0o600)).unwrap();
    let run = book.run(0);
    assert_eq!((api.effects(), tokens.effects(), tokens.connections()), (1, 0, 1));
    let settings = run.audit.event("run_started")["settings"].to_string();
    for shown in [r#""name":"tls.ca","value":"ca.pem""#, r#""name":"tls.client_cert","value":"client.pem""#] {
        assert!(settings.contains(shown), "{settings}");
    }
}

#[test]
fn certificates_and_keys_that_do_not_fit_are_refused_before_anything_is_created() {
    let authority = Authority::new();
    let (client, other) = (authority.client(), authority.client());
    let book = Book::at("https://api.example.com")
        .file("client.pem", &client.certificate)
        .connection("tls: {client_cert: client.pem, client_key: {env: KEY}}");
    let encrypted = client.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (key, words) in [
        (other.key.as_str(), "belongs to another certificate"),
        (encrypted.as_str(), "is encrypted"),
        (client.certificate.as_str(), "no private key in PEM"),
        ("hunter2", "no private key in PEM"),
    ] {
        let refused = book.clone().env("KEY", key).refused(78, &[]);
        assert!(refused.stderr.contains(words) && !refused.stderr.contains("hunter2"), "{words}: {refused}");
    }
    let refused = book.refused(78, &[]);
    assert!(refused.stderr.contains("environment variable KEY is not set"), "{refused}");
    // `validate` needs no secret.
    book.command(0, &["validate", "runbook.yaml"]);
}

/// `tls.ca` stands in place of the system's authorities, not beside them.
#[test]
fn an_authority_of_the_system_is_not_trusted_where_the_runbook_names_its_own() {
    let (system, ours) = (Authority::new(), Authority::new());
    let tokens = RawServer::bridging(|_| ok());
    let peer = Peer::tls(Tls::with(system.server("127.0.0.1", Validity::Now)).config(), serve);
    let book =
        Book::at(&peer.url()).token_at(&tokens.url()).file("system.pem", &system.pem()).file("ours.pem", &ours.pem());
    let file = book.dir().join("system.pem");
    let book = book.env("SSL_CERT_FILE", file.to_str().unwrap());
    book.run(0);
    let run = book.connection("tls: {ca: ours.pem}").run(69);
    assert_eq!((peer.effects(), &run.audit.attempts()[0]["evidence"]), (1, &"certificate".into()));
}

/// A certificate that is not trusted at the token endpoint: nothing is sent, and nothing is tried again.
#[test]
fn an_untrusted_token_endpoint_ends_the_run_at_once() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let peer = Peer::tls(Tls::with(theirs.server("127.0.0.1", Validity::Now)).config(), serve);
    let book = Book::at(&peer.url()).file("ca.pem", &ours.pem()).connection("tls: {ca: ca.pem}").many_calls(3);
    let run = book.run(69);
    assert_eq!((peer.connections(), peer.effects(), run.audit.total("not_attempted")), (1, 0, 3));
    let failed = run.audit.event("token_failed");
    assert!(failed["error_message"].as_str().unwrap().contains("connection.tls.ca"), "{failed}");
    assert!(failed.get("retry_in_ms").is_none_or(serde_json::Value::is_null), "{failed}");
}

/// After something was sent the exit code no longer says that nothing was.
#[test]
fn a_certificate_that_goes_bad_in_the_middle_stops_the_run_and_exit_69_is_not_given() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let tokens = RawServer::bridging(|_| ok());
    let good = Tls::with(ours.server("127.0.0.1", Validity::Now)).config();
    let bad = Tls::with(theirs.server("127.0.0.1", Validity::Now)).config();
    let peer = Peer::tls_by_connection(move |number| if number == 1 { good.clone() } else { bad.clone() }, serve);
    let run = Book::at(&peer.url())
        .token_at(&tokens.url())
        .file("ca.pem", &ours.pem())
        .connection("tls: {ca: ca.pem}")
        .connection("keep_alive: 0s")
        .many_calls(3)
        .run(12);
    let totals = ["succeeded", "not_sent", "not_attempted"].map(|total| run.audit.total(total));
    assert_eq!((totals, peer.effects()), ([1, 1, 1], 1));
    let stopping = run.audit.event("stopping")["reason"].as_str().unwrap();
    assert!(stopping.contains("certificate"), "{stopping}");
}

/// A profile that takes its base URL from the token's answer.
const DISCOVERING: &str = "version: 1
name: discovering
endpoints: {base_url_from_token: /base_uri, allowed_hosts: [127.0.0.1, localhost]}
auth: {grant: client_credentials}
request: {path: \"/calls/{{job.call_id}}/bridge\", json: {id: \"{{job.call_id}}\"}}
answers: {succeeded: [2xx]}
job: {call_id: call_id, schema: {type: object, required: [call_id], properties: {call_id: {type: string, description: The call.}}}}
";

fn discovering(tokens: &RawServer, hosts: &str) -> Book {
    let text = format!(
        "version: 1\nname: itest\nconnection:\n  profile: ./discovering.yaml\n  token_url: \"{}/oauth/token\"\n  {hosts}\n  \
         auth: {{client_id: {{env: CXONE_CLIENT_ID}}, client_secret: {{env: CXONE_CLIENT_SECRET}}}}\n\
         sets:\n  - name: waiting\n    rows: {{items: [{{id: call-1}}]}}\n    job: {{call_id: \"{{{{row.id}}}}\"}}\n",
        tokens.url()
    );
    Book::offline().file("discovering.yaml", DISCOVERING).verbatim(&text)
}

#[test]
fn the_token_goes_to_no_host_that_is_not_allowed_whatever_its_own_answer_says() {
    let api = RawServer::start(|_| ok());
    // The same machine under another name, which the profile would allow.
    let base = api.url().replace("127.0.0.1", "localhost");
    let tokens = RawServer::start(move |_| {
        let body =
            format!(r#"{{"access_token":"itest-token","token_type":"Bearer","expires_in":3600,"base_uri":"{base}"}}"#);
        answer(200, &[], &body)
    });
    let run = discovering(&tokens, "allow_hosts: [\"127.0.0.1\"]").run(78);
    assert_eq!((api.connections(), run.audit.total("not_attempted")), (0, 1));
    let failed = run.audit.event("token_failed")["error_message"].as_str().unwrap();
    assert!(failed.contains("localhost") && failed.contains("allow_hosts"), "{failed}");

    let run = discovering(&tokens, "allow_hosts: [\"127.0.0.1\", localhost]").run(0);
    assert_eq!((api.bridges().len(), run.audit.total("succeeded")), (1, 1));
    discovering(&tokens, "").run(0);
}

#[test]
fn a_redirect_to_an_allowed_host_is_not_followed_either() {
    let elsewhere = RawServer::bridging(|_| ok());
    let there = elsewhere.url();
    let server = RawServer::bridging(move |_| answer(307, &[("location", &there)], ""));
    let book = Book::at(&server.url()).connection("allow_hosts: [\"127.0.0.1\"]");
    let run = book.run(10);
    assert_eq!((elsewhere.connections(), run.audit.total("rejected")), (0, 1));
}

#[test]
fn a_host_that_is_not_allowed_is_refused_with_its_place_before_anything_is_sent() {
    let server = RawServer::bridging(|_| Reply::Reset);
    for hosts in ["[localhost]", "[\"*.0.0.1\"]", "[\"*.example.com\", api.example.com]"] {
        let refused = Book::at(&server.url()).connection(&format!("allow_hosts: {hosts}")).refused(65, &[]);
        assert!(refused.stderr.contains("error[BB0307]") && refused.stderr.contains("127.0.0.1"), "{refused}");
    }
    assert_eq!(server.connections(), 0);
}
