//! Whose call it is: the same id in two APIs, or of two tenants with hosts of their own, is two calls.

use crate::event::RunStarted;

/// An API as the register knows it: the profile's name and the base URL; where that comes with the token, the token URL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Api(String);

impl Api {
    /// From a profile and its URLs.
    pub fn new(profile: &str, base_url: Option<&str>, token_url: Option<&str>) -> Self {
        Self(format!("{profile} {}", base_url.or(token_url).map(plain).unwrap_or_default()))
    }

    /// From the opening record of a run; `None`: nothing but the simulator was asked, and its calls are no calls.
    pub fn of(started: &RunStarted) -> Option<Self> {
        let urls = (started.base_url.as_deref(), started.token_url.as_deref());
        (!started.sandbox).then(|| Self::new(&started.profile, urls.0, urls.1))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A URL in one spelling: scheme and host in small letters, no port that goes without saying, no slash at the end.
fn plain(url: &str) -> String {
    let url = url.trim_end_matches('/');
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (host, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let default = if scheme == "http" { ":80" } else { ":443" };
    format!("{scheme}://{}{path}", host.strip_suffix(default).unwrap_or(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_url_are_one_api_and_other_hosts_paths_and_profiles_are_others() {
        let of = |profile, base| Api::new(profile, Some(base), Some("https://token.example.com"));
        let one = of("cxone", "https://api.example.com/v2");
        for same in ["HTTPS://API.example.com/v2", "https://api.example.com:443/v2/"] {
            assert_eq!(of("cxone", same), one, "{same}");
        }
        for other in ["https://api.example.com/V2", "http://api.example.com/v2", "https://b.example.com/v2"] {
            assert_ne!(of("cxone", other), one, "{other}");
        }
        assert_ne!(of("own", "https://api.example.com/v2"), one);
        let by_token = Api::new("cxone", None, Some("https://token.example.com"));
        assert_ne!(by_token, Api::new("cxone", None, Some("https://other.example.com")));
    }
}
