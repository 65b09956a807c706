//! The URLs of requests: a run talks to one host, whose name is parsed and judged once and not for each request.

use reqwest::Url;
use std::sync::OnceLock;

/// The scheme, host and port of the first base URL.
#[derive(Clone, Debug, Default)]
pub(super) struct Address(OnceLock<Option<(String, Url)>>);

impl Address {
    /// What parsing base URL and path together would give; `None`: that has to be done. `judge` says of the origin whether it
    /// may be sent anything.
    pub(super) fn url(
        &self,
        base_url: &str,
        path: &str,
        judge: impl FnOnce(&str) -> Result<Url, String>,
    ) -> Option<Url> {
        let (origin, below) = base_url.split_at(end_of_authority(base_url)?);
        let (known, parsed) = self.0.get_or_init(|| Some((origin.to_owned(), judge(origin).ok()?))).as_ref()?;
        if known != origin {
            return None;
        }
        let url = if below.is_empty() { parsed.join(path) } else { parsed.join(&format!("{below}{path}")) }.ok()?;
        // A path that begins like a host, or like a URL, is not taken for one.
        let begins = if below.is_empty() { path } else { below };
        let same = |part: fn(&Url) -> &str| part(&url) == part(parsed);
        let stays = same(Url::scheme) && same(Url::authority);
        (begins.starts_with('/') && stays).then_some(url)
    }
}

/// Where the path of a URL begins.
fn end_of_authority(url: &str) -> Option<usize> {
    let start = url.find("://")? + 3;
    Some(url[start..].find(['/', '\\', '?', '#']).map_or(url.len(), |end| start + end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASES: [&str; 9] = [
        "https://api.example.com",
        "https://api.example.com/",
        "https://api.example.com/v1",
        "https://API.example.com:443/v1/",
        "http://127.0.0.1:8080",
        "http://[::1]:8080/a%20b",
        "https://münchen.example",
        "https://user:word@api.example.com/x",
        "https://api.example.com?q=",
    ];
    const PATHS: [&str; 14] = [
        "/calls/call-1/bridge",
        "/calls/a%2Fb/bridge?x=1&y=%20",
        "/calls/../admin",
        "/a/./b//c",
        "//evil.example/calls",
        "/\\evil.example/calls",
        "/\t/evil.example/calls",
        "\\\\evil.example",
        "http://evil.example/",
        "/calls/é#part",
        "",
        "calls",
        "?q=1",
        ".evil.example/calls",
    ];

    fn parse(url: &str) -> Result<Url, String> {
        Url::parse(url).map_err(|error| error.to_string())
    }

    #[test]
    fn it_is_the_url_that_would_be_parsed_or_none() {
        let mut some = 0;
        for base in BASES {
            let address = Address::default();
            for path in PATHS {
                let whole = Url::parse(&format!("{base}{path}")).ok();
                let found = address.url(base, path, parse);
                some += usize::from(found.is_some());
                assert!(found.is_none() || found == whole, "{base} {path}: {found:?}, not {whole:?}");
            }
            let is_odd = base.contains('?') || base.ends_with(".com/");
            assert!(is_odd || address.url(base, PATHS[0], parse).is_some(), "{base}");
        }
        assert!(some > 40, "{some}");
    }

    #[test]
    fn a_host_that_may_not_be_sent_anything_and_another_host_are_judged_elsewhere() {
        let refusing = Address::default();
        assert_eq!(refusing.url("https://a.example", "/x", |_| Err(String::new())), None);
        assert_eq!(refusing.url("https://a.example", "/x", parse), None, "it was judged once");
        let address = Address::default();
        assert!(address.url("https://a.example", "/x", parse).is_some());
        assert_eq!(address.url("https://b.example", "/x", parse), None);
    }
}
