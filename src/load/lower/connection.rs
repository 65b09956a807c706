//! `connection:` -> [`Connection`].

use super::quantities::Quantities;
use crate::load::raw::{RawConnection, RawSecret};
use crate::model::{Code, Connection, Endpoints, Problem, SecretSource, Timeouts};

/// The profile when the runbook does not say.
const DEFAULT_PROFILE: &str = "cxone";

pub(super) fn connection(raw: &RawConnection, quantities: &mut Quantities<'_>) -> Connection {
    let timeouts = raw.timeouts.as_ref();
    let timeouts = Timeouts {
        connect: quantities.get("/connection/timeouts/connect", timeouts.and_then(|t| t.connect.as_deref()), 5),
        request: quantities.get("/connection/timeouts/request", timeouts.and_then(|t| t.request.as_deref()), 30),
        token: quantities.get("/connection/timeouts/token", timeouts.and_then(|t| t.token.as_deref()), 15),
    };
    let problems = &mut *quantities.problems;
    // What the schema has refused is not there, and is not missing either.
    let refused = ["/connection", "/connection/region", "/connection/base_url"]
        .iter()
        .any(|place| problems.iter().any(|problem| problem.pointer == *place));
    let zero = [("connect", timeouts.connect), ("request", timeouts.request), ("token", timeouts.token)];
    for (name, _) in zero.iter().filter(|(_, timeout)| timeout.get().is_zero()) {
        problems.push(
            Problem::at(
                Code::OutOfRange,
                format!("/connection/timeouts/{name}"),
                "a time limit of zero lets nothing through",
            )
            .help("write for example 5s"),
        );
    }
    if timeouts.connect > timeouts.request {
        let message = format!("connect ({}) is longer than request ({})", timeouts.connect, timeouts.request);
        problems.push(
            Problem::at(Code::Contradiction, "/connection/timeouts", message)
                .help("make request the longer one")
                .on_key(),
        );
    }
    let plain_allowed = raw.allow_plain_http.unwrap_or(false);
    for (key, url) in [("base_url", &raw.base_url), ("token_url", &raw.token_url)] {
        let Some(url) = url else { continue };
        let pointer = format!("/connection/{key}");
        match reqwest::Url::parse(url) {
            Err(error) => problems.push(
                Problem::at(Code::BadForm, pointer, format!("{url} is not a URL: {error}"))
                    .help("write for example https://api.example.com"),
            ),
            Ok(parsed) if parsed.scheme() == "http" && !plain_allowed && !is_loopback(&parsed) => {
                let message = "plain http would show token and numbers to everybody on the way";
                problems.push(
                    Problem::at(Code::PlainHttp, pointer, message)
                        .help("write https:, or allow it with `allow_plain_http: true`"),
                );
            }
            Ok(_) => {}
        }
    }
    let endpoints = match (&raw.region, &raw.base_url) {
        (Some(region), None) => Endpoints::Region(region.clone()),
        (None, Some(base_url)) => {
            Endpoints::Urls { base_url: base_url.trim_end_matches('/').to_owned(), token_url: raw.token_url.clone() }
        }
        (Some(_), Some(_)) => {
            let message = "`region` and `base_url` are both given: a token for one host could go to the other";
            problems.push(
                Problem::at(Code::Contradiction, "/connection/base_url", message).help("keep one of the two").on_key(),
            );
            Endpoints::Region(String::new())
        }
        (None, None) if refused => Endpoints::Region(String::new()),
        (None, None) => {
            let message = "`connection` says neither `region` nor `base_url`";
            problems.push(
                Problem::at(Code::Contradiction, "/connection", message)
                    .help("add `region: mynicecx` or `base_url: https://api.example.com`")
                    .on_key(),
            );
            Endpoints::Region(String::new())
        }
    };
    if raw.region.is_some() && raw.base_url.is_none() && raw.token_url.is_some() {
        let message = "`token_url` goes with `base_url`; `region` decides both";
        problems.push(
            Problem::at(Code::Contradiction, "/connection/token_url", message)
                .help("remove it, or write `base_url` in place of `region`")
                .on_key(),
        );
    }
    let auth = raw.auth.as_ref();
    if auth.is_none()
        && !problems.iter().any(|problem| ["/connection", "/connection/auth"].contains(&&*problem.pointer))
    {
        let help = "add `auth: {client_id: {env: CXONE_CLIENT_ID}, client_secret: {env: CXONE_CLIENT_SECRET}}`";
        problems
            .push(Problem::at(Code::MissingKey, "/connection/auth", "`connection` has no `auth`").help(help).on_key());
    }
    Connection {
        profile: raw.profile.clone().unwrap_or_else(|| DEFAULT_PROFILE.to_owned()),
        endpoints,
        client_id: secret(auth.and_then(|auth| auth.client_id.as_ref())),
        client_secret: secret(auth.and_then(|auth| auth.client_secret.as_ref())),
        timeouts,
    }
}

/// RFC 6761 section 6.3 and the loopback ranges.
fn is_loopback(url: &reqwest::Url) -> bool {
    match url.host_str() {
        Some(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

fn secret(raw: Option<&RawSecret>) -> SecretSource {
    match raw {
        Some(RawSecret { file: Some(path), .. }) => SecretSource::File(path.into()),
        Some(RawSecret { env, .. }) => SecretSource::Env(env.clone().unwrap_or_default()),
        None => SecretSource::Env(String::new()),
    }
}
