//! Where a script that may only read over HTTP may go.
//!
//! A GET is not harmless by itself: QuestDB runs DDL by GET, and some services start jobs by one. So
//! reads go only to hosts that somebody named, and never to a route or a port on the deny lists. Every
//! hop of a redirect is asked about again.
//!
//! The matching is deliberately greedy: a path is decoded until nothing changes, and what some server or
//! proxy on the way might take off (`;params`, a trailing slash, a doubled one) is taken off first.

use std::net::IpAddr;

use url::{Host, Url};

use super::capability::glob;
use super::http_path::plain_path;

/// Last path segments behind which QuestDB runs SQL or imports, on whatever host.
const QUESTDB_ROUTES: [&str; 3] = ["exec", "exp", "imp"];

/// Headers by which a GET becomes another method or another path.
const TURNING_HEADERS: [&str; 7] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-method",
    "x-original-url",
    "x-rewrite-url",
    "upgrade",
];

/// Decides which URLs a read may ask.
#[derive(Debug, Clone, Default)]
pub struct HttpPolicy {
    hosts: Vec<Place>,
    providers: Vec<Place>,
    denied_routes: Vec<Route>,
    denied_ports: Vec<(String, u16)>,
}

/// A host, on one port or on all.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    host: String,
    port: Option<u16>,
}

/// A path pattern, at one place or everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    place: Option<Place>,
    path: String,
}

impl HttpPolicy {
    /// A policy from its lists. `Err` names the entry that makes no sense.
    ///
    /// - `hosts`: `grafana`, `grafana:3000`, `[2001:db8::1]:80`, `*.example.com` (names below it, not
    ///   itself). Loopback is always allowed.
    /// - `denied_routes`: a path, `/jobs/*/start`, or one at a host, `ml:8000/train*`. `*` stands for any
    ///   text, slashes too; a pattern also covers what lies below it.
    /// - `denied_ports`: `questdb:9000`. One on loopback counts for all of loopback's names.
    pub fn new<'a>(
        hosts: impl IntoIterator<Item = &'a str>,
        denied_routes: impl IntoIterator<Item = &'a str>,
        denied_ports: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, String> {
        let denied_ports = denied_ports.into_iter().map(|text| {
            let place = Place::read(text)?;
            match place.port {
                Some(port) => Ok((place.host, port)),
                None => Err(format!("`{text}` names no port")),
            }
        });
        Ok(Self {
            providers: Vec::new(),
            hosts: hosts
                .into_iter()
                .map(Place::read)
                .collect::<Result<_, _>>()?,
            denied_routes: denied_routes
                .into_iter()
                .map(Route::read)
                .collect::<Result<_, _>>()?,
            denied_ports: denied_ports.collect::<Result<_, _>>()?,
        })
    }

    /// The same policy with the hosts of the overlay's providers: these are for [`Self::allows_provider`] alone.
    pub fn with_providers<'a>(
        mut self,
        hosts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, String> {
        self.providers = hosts
            .into_iter()
            .map(Place::read)
            .collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Whether a provider may be asked there: where a read may go, the overlay's providers, and the hosts in `more`.
    pub fn allows_provider<'a>(
        &self,
        url: &Url,
        more: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), String> {
        let mut places = self.providers.clone();
        places.extend(more.into_iter().filter_map(|text| Place::read(text).ok()));
        self.allows(url, &places)
    }

    /// Whether a GET or HEAD may go there; `Err` says why not.
    pub fn allows_read(&self, url: &Url) -> Result<(), String> {
        self.allows(url, &[])
    }

    fn allows(&self, url: &Url, more: &[Place]) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{}` is neither http nor https", url.scheme()));
        }
        let Some(host) = url.host() else {
            return Err("it names no host".into());
        };
        let host = host_name(&host);
        let port = url.port_or_known_default().unwrap_or(80);
        let named = || {
            self.hosts
                .iter()
                .chain(more)
                .any(|place| place.holds(&host, port))
        };
        if !is_loopback(&host) && !named() {
            return Err(format!(
                "`{host}` is neither loopback, nor a service of the stack, nor a host that the script's header names"
            ));
        }
        // `0.0.0.0` and `::` reach loopback when dialled, so a denied loopback port covers them too.
        let local = is_loopback(&host) || is_unspecified(&host);
        if self
            .denied_ports
            .iter()
            .any(|(denied, at)| *at == port && (*denied == host || (local && is_loopback(denied))))
        {
            return Err(format!(
                "port {port} of `{host}` belongs to a namespace of its own"
            ));
        }
        let Some(path) = plain_path(url.path()).map(|path| path.to_lowercase()) else {
            return Err("its path is encoded too many times over to tell what it asks for".into());
        };
        let last = path.rsplit('/').next().unwrap_or_default();
        if QUESTDB_ROUTES.contains(&last) {
            return Err(format!(
                "`/{last}` is a route by which QuestDB changes data on a GET: use `questdb::query`"
            ));
        }
        if let Some(route) = self.denied_routes.iter().find(|route| {
            route
                .place
                .as_ref()
                .is_none_or(|place| place.holds(&host, port))
                && route.covers(&path)
        }) {
            return Err(format!(
                "`{}` is on the list of routes that do more than answer",
                route.path
            ));
        }
        Ok(())
    }

    /// Whether a GET or HEAD may carry a header of this name: some make servers do something else than
    /// what the request line says.
    pub fn allows_header(&self, name: &str) -> Result<(), String> {
        let lower = name.trim().to_ascii_lowercase().replace('_', "-");
        if TURNING_HEADERS.contains(&lower.as_str()) {
            return Err(format!(
                "header `{lower}` makes some servers do something else than what was asked for"
            ));
        }
        Ok(())
    }
}

impl Place {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no host or `host:port`");
        let trimmed = text.trim();
        let (host, port) = match trimmed.rsplit_once(':') {
            // A bare IPv6 address has colons of its own.
            _ if trimmed.parse::<IpAddr>().is_ok() => (trimmed, None),
            Some((host, port)) if !port.ends_with(']') => {
                (host, Some(port.parse::<u16>().map_err(|_| wrong())?))
            }
            _ => (trimmed, None),
        };
        let (wild, bare) = match host.strip_prefix("*.") {
            Some(rest) => ("*.", rest),
            None => ("", host),
        };
        let unbracketed = bare.trim_start_matches('[').trim_end_matches(']');
        let host = match unbracketed.parse::<IpAddr>() {
            Ok(ip) => canonical(ip).to_string(),
            Err(_) => host_name(&Host::parse(bare).map_err(|_| wrong())?),
        };
        if host.is_empty() || host.contains('*') {
            return Err(wrong());
        }
        Ok(Self {
            host: format!("{wild}{host}"),
            port,
        })
    }

    fn holds(&self, host: &str, port: u16) -> bool {
        let named = match self.host.strip_prefix("*.") {
            Some(domain) => host
                .strip_suffix(domain)
                .is_some_and(|below| below.len() > 1 && below.ends_with('.')),
            None => self.host == host || (is_loopback(&self.host) && is_loopback(host)),
        };
        named && self.port.is_none_or(|own| own == port)
    }
}

impl Route {
    fn read(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let Some(slash) = trimmed.find('/') else {
            return Err(format!("`{text}` is no path: it has no `/`"));
        };
        let (place, path) = trimmed.split_at(slash);
        Ok(Self {
            place: (!place.is_empty())
                .then(|| Place::read(place))
                .transpose()?,
            path: plain_path(path)
                .ok_or_else(|| format!("`{text}` is encoded too many times over"))?
                .to_lowercase(),
        })
    }

    fn covers(&self, path: &str) -> bool {
        let below = format!("{}/*", self.path.trim_end_matches('/'));
        glob(&self.path, path) || glob(&below, path)
    }
}

/// A host as one text: lower case, no trailing dot, mapped IPv4 as IPv4, no brackets.
fn host_name<S: AsRef<str>>(host: &Host<S>) -> String {
    match host {
        Host::Domain(name) => name.as_ref().trim_end_matches('.').to_lowercase(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => canonical(IpAddr::V6(*ip)).to_string(),
    }
}

fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_unspecified(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;

    fn policy() -> HttpPolicy {
        HttpPolicy::new(
            [
                "grafana",
                "loki:3100",
                "*.example.com",
                "10.0.0.7",
                "[2001:db8::1]:80",
                "questdb",
                "ml",
            ],
            ["/api/jobs/*/start", "ml:8000/train*", "/-/reload"],
            ["questdb:9000", "127.0.0.1:19000"],
        )
        .unwrap()
    }

    fn allowed(url: &str) -> bool {
        policy().allows_read(&Url::parse(url).unwrap()).is_ok()
    }

    #[test]
    fn hosts() {
        for url in [
            "http://localhost:8080/health",
            "http://LOCALHOST./",
            "http://api.localhost/",
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f.0.0.1:3000/",
            "http://[::1]:9090/",
            "http://[::ffff:127.0.0.1]/",
            "http://grafana:3000/api/health",
            "https://GRAFANA./",
            "http://loki:3100/ready",
            "https://a.example.com/",
            "https://a.b.example.com/",
            "http://10.0.0.7/",
            "http://[::ffff:10.0.0.7]/",
            "http://[2001:db8::1]/",
            "http://user:word@grafana/",
        ] {
            assert!(allowed(url), "{url}");
        }
        for url in [
            "http://loki:3101/",
            "http://example.com/",
            "http://evilexample.com/",
            "http://.example.com/",
            "http://grafana.evil.test/",
            "http://grafana@evil.test/",
            "http://localhost.evil.test/",
            "http://notlocalhost/",
            "http://10.0.0.8/",
            "http://[2001:db8::1]:81/",
            "http://169.254.169.254/latest/meta-data",
            "http://0.0.0.0/",
            "http://[::]/",
            "ftp://localhost/",
            "file:///etc/passwd",
        ] {
            assert!(!allowed(url), "{url}");
        }
    }

    #[test]
    fn no_spelling_of_a_questdb_route_gets_through() {
        for path in [
            "exec",
            "/exec",
            "EXEC",
            "exec?query=drop",
            "exec/",
            "exec//",
            "//exec",
            "/x/../exec",
            "/./exec",
            "exec/.",
            "exec/x/..",
            "%65xec",
            "%65%78%65%63",
            "%2565xec",
            "%252565xec",
            "exec;a=b",
            "exec;",
            "exec;a/",
            "exec%3Bx",
            "exec%2F",
            "exec%3Fquery=x",
            "exec%23",
            "exec%00",
            "exec%20",
            "exec%09",
            "x%2Fexec",
            "x%5Cexec",
            "x\\exec",
            "a/b/c/exec",
            "context/path/Exp",
            "imp",
            "IMP/",
            "exec%0d%0a",
            &format!("%{}65xec", "25".repeat(5000)),
        ] {
            let url = format!("http://localhost:8080/{path}");
            assert!(!allowed(&url), "{url}");
        }
        for path in [
            "",
            "executions",
            "exec/1",
            "api/exec-status",
            "export",
            "?q=/exec",
            "#/exec",
        ] {
            let url = format!("http://localhost:8080/{path}");
            assert!(allowed(&url), "{url}");
        }
    }

    #[test]
    fn ports_of_typed_namespaces() {
        for url in [
            "http://questdb:9000/",
            "http://QuestDB.:9000/health",
            "http://localhost:19000/",
            "http://127.0.0.1:19000/",
            "http://127.9.9.9:19000/",
            "http://[::1]:19000/",
            "http://x.localhost:19000/",
        ] {
            assert!(!allowed(url), "{url}");
        }
        assert!(allowed("http://questdb:9003/metrics"));
        assert!(
            allowed("http://localhost:9000/"),
            "another stack's business"
        );
        let wide = HttpPolicy::new(["0.0.0.0", "[::]"], [], ["localhost:19000"]).unwrap();
        for url in ["http://0.0.0.0:19000/", "http://[::]:19000/"] {
            assert!(
                wide.allows_read(&Url::parse(url).unwrap()).is_err(),
                "{url}"
            );
        }
    }

    #[test]
    fn routes_of_the_overlay() {
        for url in [
            "http://localhost/api/jobs/7/start",
            "http://localhost/API/jobs/7/START/",
            "http://localhost/api/jobs/7/start/now",
            "http://localhost/api/jobs/%37/%73tart",
            "http://localhost/api//jobs/7;v=1/start",
            "http://grafana/-/reload",
            "http://ml:8000/train",
            "http://ml:8000/training/new",
        ] {
            assert!(!allowed(url), "{url}");
        }
        for url in [
            "http://localhost/api/jobs/7",
            "http://localhost/api/jobs/7/started",
            "http://ml:8001/train",
            "http://localhost:8000/train",
            "http://localhost/-/ready",
        ] {
            assert!(allowed(url), "{url}");
        }
    }

    #[test]
    fn a_policy_of_nonsense_says_so() {
        for host in [
            "",
            "a b",
            "x:notaport",
            "x:70000",
            "*",
            "a/b",
            "*.",
            "http://x",
        ] {
            assert!(HttpPolicy::new([host], [], []).is_err(), "{host:?}");
        }
        assert!(HttpPolicy::new([], ["jobs"], []).is_err());
        assert!(HttpPolicy::new([], [], ["questdb"]).is_err());
    }

    #[test]
    fn the_message_says_what_to_do() {
        let why = policy()
            .allows_read(&Url::parse("http://localhost/exec?query=x").unwrap())
            .unwrap_err();
        assert!(why.contains("questdb::query"), "{why}");
        let why = policy()
            .allows_read(&Url::parse("http://evil.test/").unwrap())
            .unwrap_err();
        assert!(why.contains("`evil.test`"), "{why}");
    }

    #[test]
    fn headers_that_turn_a_read_into_something_else() {
        let policy = HttpPolicy::default();
        for name in [
            "X-HTTP-Method-Override",
            " x_http_method ",
            "X-Original-URL",
        ] {
            assert!(policy.allows_header(name).is_err(), "{name}");
        }
        assert!(policy.allows_header("Accept").is_ok());
    }
}
