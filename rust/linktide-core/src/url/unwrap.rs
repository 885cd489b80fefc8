//! Redirect and AMP pages that name their target in their own URL (P23): an option, for it changes which
//! page is meant. A table of known pages; nothing is guessed from parameter names alone.

use super::cluster::www_length;
use super::options::UrlOptions;
use super::scheme::{Start, start_of};

/// Which option unwraps a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrapperKind {
    /// `unwrap_redirects`
    Redirect,
    /// `unwrap_amp`
    Amp,
}

/// The hosts of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrapperHost {
    /// This host.
    Is(&'static str),
    /// This host and those below it.
    Below(&'static str),
    /// `google.` and a country's or general suffix, with or without `www.`.
    Google,
}

/// Where a page's URL holds its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrapperTarget {
    /// In the first of these query parameters that holds an absolute http(s) URL.
    Parameter(&'static [&'static str]),
    /// After the path's beginning: `s/` for https, then host, path and query.
    PathRest,
}

/// One known page.
#[derive(Debug, Clone, Copy)]
pub struct Wrapper {
    /// Whose page it is.
    pub maker: &'static str,
    /// Which option unwraps it.
    pub kind: WrapperKind,
    /// Its hosts.
    pub host: WrapperHost,
    /// Its path, without a slash at its end; with a `*` at the end, the path's beginning.
    pub path: &'static str,
    /// Where the target stands.
    pub target: WrapperTarget,
}

const fn redirect(
    maker: &'static str,
    host: WrapperHost,
    path: &'static str,
    names: &'static [&'static str],
) -> Wrapper {
    Wrapper { maker, kind: WrapperKind::Redirect, host, path, target: WrapperTarget::Parameter(names) }
}

const fn amp(maker: &'static str, host: WrapperHost, path: &'static str) -> Wrapper {
    Wrapper { maker, kind: WrapperKind::Amp, host, path, target: WrapperTarget::PathRest }
}

use WrapperHost::{Below, Google, Is};

/// Every page that is unwrapped.
pub const WRAPPERS: &[Wrapper] = &[
    redirect("Google", Google, "/url", &["q", "url"]),
    redirect("Facebook", Is("l.facebook.com"), "/l.php", &["u"]),
    redirect("Facebook", Is("lm.facebook.com"), "/l.php", &["u"]),
    redirect("Facebook", Is("facebook.com"), "/l.php", &["u"]),
    redirect("Messenger", Is("l.messenger.com"), "/l.php", &["u"]),
    redirect("Instagram", Is("l.instagram.com"), "/", &["u"]),
    redirect("Threads", Is("l.threads.net"), "/", &["u"]),
    redirect("YouTube", Is("youtube.com"), "/redirect", &["q"]),
    redirect("Reddit", Is("out.reddit.com"), "/*", &["url"]),
    redirect("Tumblr", Is("t.umblr.com"), "/redirect", &["z"]),
    redirect("VK", Is("vk.com"), "/away.php", &["to"]),
    redirect("Steam", Is("steamcommunity.com"), "/linkfilter", &["u", "url"]),
    redirect("Slack", Is("slack-redir.net"), "/link", &["url"]),
    redirect("DuckDuckGo", Is("duckduckgo.com"), "/l", &["uddg"]),
    redirect("LinkedIn", Is("linkedin.com"), "/redir/redirect", &["url"]),
    redirect("LinkedIn", Is("linkedin.com"), "/safety/go", &["url"]),
    redirect("Microsoft Safe Links", Below("safelinks.protection.outlook.com"), "/", &["url"]),
    amp("Google AMP viewer", Google, "/amp/*"),
    amp("Google AMP cache", Below("cdn.ampproject.org"), "/c/*"),
    amp("Google AMP cache", Below("cdn.ampproject.org"), "/v/*"),
    amp("Bing AMP cache", Below("bing-amp.com"), "/c/*"),
];

/// What the AMP viewer adds to the query of the page it shows.
const VIEWER_PARAMETERS: [&[u8]; 3] = [b"amp_js_v", b"amp_gsa", b"usqp"];

/// The page that a URL is of, if `options` unwrap it: told from its cluster form, which is the same at every level.
/// `path` is the URL from its path on.
pub(super) fn wrapper_of(host: &[u8], path: &[u8], options: &UrlOptions) -> Option<&'static Wrapper> {
    let name = path.split(|byte| matches!(byte, b'?' | b'#')).next()?;
    let is_on = |row: &&Wrapper| match row.kind {
        WrapperKind::Redirect => options.unwrap_redirects,
        WrapperKind::Amp => options.unwrap_amp,
    };
    WRAPPERS.iter().filter(is_on).find(|row| is_host(row.host, host) && row.is_path(name))
}

impl Wrapper {
    /// The target in a URL of this page, in whatever form, from its path on; none if it names no absolute http(s) URL.
    pub(super) fn target(&self, path: &[u8]) -> Option<Vec<u8>> {
        let length = path.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(path.len());
        let (name, tail) = path.split_at_checked(length)?;
        match self.target {
            WrapperTarget::Parameter(names) => names.iter().find_map(|name| parameter(tail, name.as_bytes())),
            WrapperTarget::PathRest => path_rest(name.strip_prefix(self.beginning()?.as_bytes())?, tail),
        }
    }

    fn beginning(&self) -> Option<&'static str> {
        self.path.strip_suffix('*')
    }

    /// Whether a path in the cluster form, without a slash at its end, is this one.
    fn is_path(&self, path: &[u8]) -> bool {
        match self.beginning() {
            Some(beginning) => path.starts_with(beginning.as_bytes()),
            None => path == self.path.as_bytes(),
        }
    }
}

/// Whether a canonical host may be that of a page to unwrap.
pub(super) fn is_wrapper_host(host: &[u8]) -> bool {
    let host = host.get(www_length(host)..).unwrap_or_default();
    WRAPPERS.iter().any(|row| is_host(row.host, host))
}

fn is_host(wanted: WrapperHost, host: &[u8]) -> bool {
    match wanted {
        Is(name) => host == name.as_bytes(),
        Below(name) => {
            host.strip_suffix(name.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.ends_with(b"."))
        }
        Google => {
            let rest = host.strip_prefix(b"google.");
            rest.is_some_and(|suffix| match suffix.iter().position(|&byte| byte == b'.') {
                None => matches!(suffix.len(), 2 | 3),
                Some(dot) => matches!(suffix.get(..dot), Some(b"co" | b"com")) && suffix.len() == dot + 3,
            })
        }
    }
}

fn parameter(tail: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    let query = tail.strip_prefix(b"?")?.split(|&byte| byte == b'#').next()?;
    let pair =
        query.split(|&byte| byte == b'&').find_map(|pair| pair.strip_prefix(wanted)?.strip_prefix(b"="))?;
    let target = decode(pair);
    is_absolute(&target).then_some(target)
}

fn is_absolute(target: &[u8]) -> bool {
    std::str::from_utf8(target).is_ok_and(|text| start_of(text, false) == Start::Absolute)
}

fn path_rest(rest: &[u8], tail: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest): (&[u8], _) = match rest.strip_prefix(b"s/") {
        Some(rest) => (b"https://", rest),
        None => (b"http://", rest),
    };
    let host = rest.split(|&byte| byte == b'/').next()?;
    if !host.contains(&b'.') || host.starts_with(b".") {
        return None;
    }
    let mut target = [scheme, rest].concat();
    let query = tail.strip_prefix(b"?").and_then(|query| query.split(|&byte| byte == b'#').next());
    let mut separator = b'?';
    for pair in query.unwrap_or_default().split(|&byte| byte == b'&') {
        let name = pair.split(|&byte| byte == b'=').next().unwrap_or_default();
        if !pair.is_empty() && !VIEWER_PARAMETERS.contains(&name) {
            target.push(separator);
            target.extend_from_slice(pair);
            separator = b'&';
        }
    }
    Some(target)
}

/// A form value as its server reads it: `+` is a space, triples are bytes.
fn decode(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    let hex = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        let triple = match (first, tail) {
            (b'%', [high, low, after @ ..]) => hex(*high).zip(hex(*low)).map(|pair| (pair, after)),
            _ => None,
        };
        if let Some(((high, low), after)) = triple {
            out.push(high << 4 | low);
            rest = after;
        } else {
            out.push(if first == b'+' { b' ' } else { first });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, path: &str) -> Option<String> {
        let options = UrlOptions { unwrap_redirects: true, unwrap_amp: true, ..UrlOptions::default() };
        let wrapper = wrapper_of(host.as_bytes(), path.as_bytes(), &options)?;
        wrapper.target(path.as_bytes()).map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn every_page_gives_its_target() {
        for row in WRAPPERS {
            let host = match row.host {
                Is(name) => name.to_owned(),
                Below(name) => format!("x.{name}"),
                Google => "google.co.uk".to_owned(),
            };
            let path = row.path.replace('*', "");
            match row.target {
                WrapperTarget::Parameter(names) => {
                    for name in names {
                        let url = format!("{path}?a=b&{name}=https%3A%2F%2Fa.com%2F%3Fb%3Dc%2Bd&sa=D");
                        assert_eq!(target(&host, &url).unwrap(), "https://a.com/?b=c+d", "{row:?}");
                        for refused in ["/b", "ftp%3A%2F%2Fa.com", "javascript:x", "", "%FFhttp://a.com"] {
                            assert_eq!(target(&host, &format!("{path}?{name}={refused}")), None);
                        }
                    }
                }
                WrapperTarget::PathRest => {
                    let url = format!("{path}s/a.com/b?amp_js_v=0.1&c=d&usqp=x#e");
                    assert_eq!(target(&host, &url).unwrap(), "https://a.com/b?c=d", "{row:?}");
                    assert_eq!(target(&host, &format!("{path}a.com/")).unwrap(), "http://a.com/");
                    assert_eq!(target(&host, &format!("{path}s/about")), None);
                }
            }
        }
    }

    #[test]
    fn other_pages_stay() {
        for host in
            ["google.com.evil.com", "evilgoogle.com", "google.evil", "google.co.abc", "l.facebook.com.a.com"]
        {
            assert_eq!(target(host, "/url?q=http://a.com/"), None, "{host}");
            assert_eq!(target(host, "/l.php?u=http://a.com/"), None, "{host}");
        }
        assert_eq!(target("google.com", "/search?q=http://a.com/"), None);
        assert_eq!(target("xcdn.ampproject.org", "/c/s/a.com"), None);
    }

    #[test]
    fn only_what_is_asked_for_is_unwrapped() {
        let options = UrlOptions { unwrap_amp: true, ..UrlOptions::default() };
        assert!(wrapper_of(b"google.com", b"/url?q=http://a.com/", &options).is_none());
        assert!(wrapper_of(b"google.com", b"/amp/s/a.com", &options).is_some());
    }
}
