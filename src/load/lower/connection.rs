//! `connection:` -> [`Connection`].

use super::quantities::Quantities;
use crate::load::raw::{RawAuth, RawConnection, RawSecret};
use crate::model::{Code, Connection, Endpoints, Problem, SecretSource, Timeouts, is_loopback_host};

/// The profile when the runbook does not say.
const DEFAULT_PROFILE: &str = "cxone";

pub(super) fn connection(raw: &RawConnection, quantities: &mut Quantities<'_>) -> Connection {
    let timeouts = raw.timeouts.as_ref();
    let timeouts = Timeouts {
        connect: quantities.get("/connection/timeouts/connect", timeouts.and_then(|t| t.connect.as_deref()), 5),
        request: quantities.get("/connection/timeouts/request", timeouts.and_then(|t| t.request.as_deref()), 30),
        token: quantities.get("/connection/timeouts/token", timeouts.and_then(|t| t.token.as_deref()), 15),
    };
    let link = super::link::link(raw, quantities);
    let problems = &mut *quantities.problems;
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
    if timeouts.connect > timeouts.request && !timeouts.request.get().is_zero() {
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
            Ok(parsed)
                if parsed.scheme() == "http" && !plain_allowed && !parsed.host_str().is_some_and(is_loopback_host) =>
            {
                let message = "plain http would show token and numbers to everybody on the way";
                problems.push(
                    Problem::at(Code::PlainHttp, pointer, message)
                        .help("write https:, or allow it with `allow_plain_http: true`"),
                );
            }
            Ok(_) => {}
        }
    }
    if raw.region.is_some() && raw.base_url.is_some() {
        let message = "`region` and `base_url` are both given: a token for one host could go to the other";
        problems.push(
            Problem::at(Code::Contradiction, "/connection/base_url", message).help("keep one of the two").on_key(),
        );
    } else if raw.region.is_some() && raw.token_url.is_some() {
        let message = "`token_url` goes with `base_url`; `region` decides both";
        problems.push(
            Problem::at(Code::Contradiction, "/connection/token_url", message)
                .help("remove it, or write `base_url` in place of `region`")
                .on_key(),
        );
    }
    let endpoints = Endpoints {
        region: raw.region.clone(),
        base_url: raw.base_url.as_deref().map(|url| url.trim_end_matches('/').to_owned()),
        token_url: raw.token_url.clone(),
        allow_plain_http: plain_allowed,
    };
    let auth = raw.auth.iter().flat_map(RawAuth::given).map(|(name, source)| (name, secret(source))).collect();
    let profile = raw.profile.clone().unwrap_or_else(|| DEFAULT_PROFILE.to_owned());
    Connection { profile, endpoints, auth, timeouts, link }
}

pub(super) fn secret(raw: &RawSecret) -> SecretSource {
    match raw {
        RawSecret { file: Some(path), .. } => SecretSource::File(path.into()),
        RawSecret { exec: Some(command), .. } => SecretSource::Exec(command.iter().flatten().cloned().collect()),
        RawSecret { env, .. } => SecretSource::Env(env.clone().unwrap_or_default()),
    }
}
