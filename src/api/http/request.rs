//! The options of requests and probes, and how they become what the domain takes.

use crate::api::{Args, Failure, Param, Ty, option, param};
use crate::http::{Auth, Request, Retry, Tls};

pub(in crate::api) const URL: Param = param("url", Ty::Str, "absolute, http or https");

/// The options of every request, and then those given.
macro_rules! options {
    ($redirects:literal, $limit:literal $(, $extra:expr)* $(,)?) => {
        &[
            $($extra,)*
            option("headers", Ty::Map, "#{}", "header names and values"),
            option("query", Ty::Map, "#{}", "added to the URL's query, encoded"),
            option("timeout", Ty::Duration, "\"10s\"", "for one attempt, from the look-up to the last byte"),
            option("connect_timeout", Ty::Duration, "\"5s\"", "for making the connection"),
            option("redirects", Ty::Int, $redirects, "how many to follow; with 0 a redirect is the response"),
            option("body_limit", Ty::Size, $limit, "a larger body is an error"),
            option("user", Ty::Opt(&Ty::Str), "()", "for basic authentication"),
            option("password", Ty::Opt(&Ty::Str), "()", "for basic authentication"),
            option("bearer", Ty::Opt(&Ty::Str), "()", "a token"),
            option("retries", Ty::Int, "0", "how often to ask again when no answer came, or 429, 502, 503 or 504"),
            option("backoff", Ty::Duration, "\"200ms\"", "the first wait; doubled each time, with some randomness"),
            option("backoff_max", Ty::Duration, "\"10s\"", "the longest such wait"),
            option("patience", Ty::Duration, "\"60s\"", "the longest wait that a `Retry-After` may ask for"),
            option("verify", Ty::Bool, "true", "whether the server's certificate must be valid"),
            option("ca", Ty::Opt(&Ty::Str), "()", "a PEM file of authorities to trust besides the system's"),
            option("server_name", Ty::Opt(&Ty::Str), "()", "the name on the certificate, if not the URL's host"),
        ]
    };
}

pub(in crate::api) const READ: &[Param] = options!("5", "\"16MiB\"");
/// A metrics page is not held, so that it may be long.
pub(in crate::api) const SCRAPE: &[Param] = options!(
    "5",
    "\"256MiB\"",
    option(
        "only",
        Ty::List(&Ty::Str),
        "[]",
        "keep the metrics of these names (a histogram's own or that of one of its samples); all when empty"
    ),
    option(
        "openmetrics",
        Ty::Bool,
        "false",
        "ask for OpenMetrics first: it has exemplars, and counters are called `jobs` with samples `jobs_total`"
    ),
);
pub(in crate::api) const WRITE: &[Param] = options!(
    "0",
    "\"16MiB\"",
    option("body", Ty::Opt(&Ty::Str), "()", "the body, as text"),
    option("bytes", Ty::Opt(&Ty::Blob), "()", "the body, as bytes"),
    option(
        "json",
        Ty::Any,
        "()",
        "the body, as a value to be sent as JSON"
    ),
    option("content_type", Ty::Opt(&Ty::Str), "()", "the body's type"),
);
pub(in crate::api) const KNOCK: &[Param] = &[
    option(
        "method",
        Ty::OneOf(&["GET", "HEAD"]),
        "\"GET\"",
        "what to send",
    ),
    option("headers", Ty::Map, "#{}", "header names and values"),
    option("query", Ty::Map, "#{}", "added to the URL's query, encoded"),
    option("timeout", Ty::Duration, "\"5s\"", "for all phases together"),
    option(
        "connect_timeout",
        Ty::Duration,
        "\"5s\"",
        "for the connection alone",
    ),
    option(
        "body_limit",
        Ty::Size,
        "\"16MiB\"",
        "a larger body is a failure",
    ),
    option("user", Ty::Opt(&Ty::Str), "()", "for basic authentication"),
    option(
        "password",
        Ty::Opt(&Ty::Str),
        "()",
        "for basic authentication",
    ),
    option("bearer", Ty::Opt(&Ty::Str), "()", "a token"),
    option(
        "verify",
        Ty::Bool,
        "true",
        "whether the server's certificate must be valid",
    ),
    option(
        "ca",
        Ty::Opt(&Ty::Str),
        "()",
        "a PEM file of authorities to trust besides the system's",
    ),
    option(
        "server_name",
        Ty::Opt(&Ty::Str),
        "()",
        "the name on the certificate, if not the URL's host",
    ),
];

/// The parts that every request has.
pub(in crate::api) fn base(a: &Args, method: &str) -> Result<Request, Failure> {
    let auth = match (
        a.opt_str("user"),
        a.opt_str("password"),
        a.opt_str("bearer"),
    ) {
        (None, None, None) => None,
        (None, None, Some(token)) => Some(Auth::Bearer(token.to_owned())),
        (Some(user), password, None) => Some(Auth::Basic(
            user.to_owned(),
            password.unwrap_or_default().to_owned(),
        )),
        (None, Some(_), None) => return Err(Failure::invalid("`password` needs a `user`")),
        (_, _, Some(_)) => return Err(Failure::invalid("`bearer` and `user` exclude each other")),
    };
    Ok(Request {
        query: a.str_map("query"),
        headers: a.str_map("headers"),
        auth,
        timeout: a.duration("timeout"),
        connect_timeout: a.duration("connect_timeout"),
        body_limit: a.size("body_limit"),
        tls: Tls {
            verify: a.bool("verify"),
            ca: a.opt_str("ca").map(Into::into),
            server_name: a.opt_str("server_name").map(str::to_owned),
        },
        ..Request::new(method, a.str("url"))
    })
}

fn count(a: &Args, name: &str) -> Result<usize, Failure> {
    usize::try_from(a.int(name)).map_err(|_| Failure::invalid(format!("`{name}` is negative")))
}

/// A request that may be tried again.
pub(in crate::api) fn request(a: &Args, method: &str) -> Result<Request, Failure> {
    Ok(Request {
        redirects: count(a, "redirects")?,
        retry: Retry {
            retries: count(a, "retries")?,
            backoff: a.duration("backoff"),
            backoff_max: a.duration("backoff_max"),
            patience: a.duration("patience"),
        },
        ..base(a, method)?
    })
}

/// A request with a body.
pub(in crate::api) fn with_body(a: &Args, method: &str) -> Result<Request, Failure> {
    let mut request = request(a, method)?;
    let json = Some(a.any("json")).filter(|value| !value.is_unit());
    let (body, content_type) = match (a.opt_str("body"), a.blob("bytes"), json) {
        (None, None, None) => (None, None),
        (Some(text), None, None) => (
            Some(text.to_owned().into()),
            Some("text/plain; charset=utf-8"),
        ),
        (None, Some(blob), None) => (Some(blob.clone().into()), Some("application/octet-stream")),
        (None, None, Some(value)) => {
            let text = crate::api::dispatch::to_json(&value).to_string();
            (Some(text.into()), Some("application/json"))
        }
        _ => {
            return Err(Failure::invalid(
                "`body`, `bytes` and `json` exclude each other",
            ));
        }
    };
    request.body = body;
    request.content_type = a
        .opt_str("content_type")
        .or(content_type)
        .map(str::to_owned);
    Ok(request)
}
