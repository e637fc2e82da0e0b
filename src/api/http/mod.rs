//! `http`: requests and probes.

pub(super) mod request;
pub(super) mod shapes;

use std::sync::Arc;

use rhai::{Array, Dynamic, ImmutableString, Map};
use sha2::{Digest as _, Sha256};

use super::{Answer, Args, Call, Failure, Kind, Namespace, Primitive, Record, Ty, param};
use crate::gate::{Access, Blast, HttpPolicy, Op, http_target};
use crate::http::{self, Allow, Error, Hop};
use crate::run::Stop;
use request::{KNOCK, READ, URL, WRITE, base, request, with_body};
use shapes::{HEADER, PROBE, RATE_LIMIT, RESPONSE};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Stopped(stop) => stop.into(),
            Error::Invalid(_) => Self::invalid(message),
            Error::Denied { .. } => Self::new(Kind::Refused, message)
                .hint("the script's header names the hosts that it may read from"),
            Error::Unreachable { .. } => Self::new(Kind::Unreachable, message),
            Error::Timeout { status, .. } => Self {
                status: status.map(i64::from),
                ..Self::new(Kind::Timeout, message)
            },
            Error::Dropped { .. } => Self::new(Kind::Failed, message).retryable(true),
            Error::Cut { status, .. } => Self::new(Kind::Failed, message)
                .status(status.into())
                .retryable(true),
            Error::TooLarge { status, .. } => Self::new(Kind::Failed, message)
                .status(status.into())
                .hint("raise `body_limit` if so much is expected"),
            Error::Redirect { .. } => Self::new(Kind::Failed, message),
            Error::Unknown(last) => Self {
                status: Self::from(*last).status,
                ..Self::new(Kind::Unknown, message)
                    .hint("look at what it should have changed before asking again")
            },
            Error::GaveUp { last, .. } => Self {
                message,
                ..Self::from(*last)
            },
        }
    }
}

pub(super) use request::SCRAPE;

pub(super) fn target(a: &Args) -> String {
    http::parse(a.str("url")).map_or_else(|_| "http".into(), |url| http_target(&url))
}

fn asks(method: &str) -> bool {
    matches!(method.trim().to_ascii_uppercase().as_str(), "GET" | "HEAD")
}

fn policy(call: &Call<'_>) -> Arc<HttpPolicy> {
    call.frame().http.clone()
}

/// What a read may ask for. A URL that is none is no matter of permission: the call itself says so.
pub(super) fn vet_read(call: &Call<'_>) -> Result<(), String> {
    let a = call.args();
    let policy = policy(call);
    for (name, _) in a.str_map("headers") {
        policy.allows_header(&name)?;
    }
    http::parse(a.str("url")).map_or(Ok(()), |url| policy.allows_read(&url))
}

fn vet_request(call: &Call<'_>) -> Result<(), String> {
    if asks(call.args().str("method")) {
        vet_read(call)
    } else {
        Ok(())
    }
}

/// Asks the gate about every hop of a redirect as about a call of its own.
fn allow(call: &Call<'_>, verb: &'static str, first: Access) -> Allow {
    let frame = call.frame().clone();
    let policy = policy(call);
    let site = call.site().clone();
    let start = http::parse(call.args().str("url"))
        .ok()
        .map(|url| http::origin(&url));
    Arc::new(move |hop: Hop<'_>| {
        let access = if asks(hop.method) {
            Access::Read
        } else {
            first
        };
        if hop.number == 0 {
            // The wrapper has vetted this one.
            return Ok(());
        }
        if access == Access::Read {
            policy.allows_read(hop.url)?;
        } else if start.as_deref() != Some(http::origin(hop.url).as_str()) {
            return Err(format!("a `{}` is not sent on to another host", hop.method));
        }
        let op = Op {
            namespace: "http",
            verb,
            access,
            capability: format!("http.{access}"),
            target: http_target(hop.url),
            args: serde_json::Value::Null,
            site: site.clone(),
        };
        frame.grants.check(&op).map_err(|denial| denial.message)
    })
}

/// A read as the call's options say, each of whose hops the gate is asked about.
pub(super) fn reading(
    call: &Call<'_>,
    verb: &'static str,
    method: &str,
) -> Result<http::Request, Failure> {
    let mut request = request(call.args(), method)?;
    request.allow = allow(call, verb, Access::Read);
    Ok(request)
}

fn read(call: &Call<'_>, verb: &'static str, method: &str) -> Answer {
    let request = reading(call, verb, method)?;
    Ok(RESPONSE.record(&http::request(call.cx(), &request)?))
}

fn write(call: &Call<'_>, verb: &'static str, method: &str) -> Answer {
    let mut request = with_body(call.args(), method)?;
    request.allow = allow(call, verb, access_of(method));
    Ok(RESPONSE.record(&http::request(call.cx(), &request)?))
}

fn access_of(method: &str) -> Access {
    if asks(method) {
        Access::Read
    } else {
        Access::Change
    }
}

/// What a change would send.
fn preview(call: &Call<'_>, method: &str) -> Result<Blast, Failure> {
    let a = call.args();
    let request = with_body(a, method)?;
    request.check()?;
    let method = request.method.trim().to_ascii_uppercase();
    let url = http::parse(&request.url).map(|url| http::shown(&url))?;
    let bytes = request.body.as_ref().map_or(0, bytes::Bytes::len);
    let mut facts = serde_json::Map::new();
    facts.insert("method".into(), method.clone().into());
    facts.insert("url".into(), url.clone().into());
    facts.insert("body_bytes".into(), bytes.into());
    // Text and values stand in the op's arguments, and so in its digest; of bytes only their number does.
    let identity = a
        .blob("bytes")
        .map_or_else(String::new, |blob| crate::gate::hex(&Sha256::digest(blob)));
    Ok(Blast {
        summary: format!("{method} {url}, body of {bytes} bytes"),
        facts,
        identity,
        ..Blast::default()
    })
}

const ERRORS: &[Kind] = &[
    Kind::Unreachable,
    Kind::Timeout,
    Kind::Refused,
    Kind::Invalid,
    Kind::Failed,
];
const CHANGE_ERRORS: &[Kind] = &[
    Kind::Unreachable,
    Kind::Timeout,
    Kind::Refused,
    Kind::Invalid,
    Kind::Failed,
    Kind::Unknown,
];

/// The `Response` or `Probe` that a call is about. What a planned change will answer is not known: the
/// plan ends there.
fn answered(call: &Call<'_>) -> Result<Record, Failure> {
    let value = call.args().any("response");
    let record = value
        .read_lock::<Record>()
        .filter(|record| [RESPONSE.name, PROBE.name].contains(&record.shape().name))
        .map(|record| record.clone())
        .ok_or_else(|| Failure::invalid("`response` wants a `Response` or a `Probe`"))?;
    if record.planned {
        call.run()
            .end_plan("the script reads the response of a planned request, which is not known before it happens".into(), Some(call.site().clone()));
        return Err(Stop::Cancelled.into());
    }
    Ok(record)
}

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "http",
    doc: "HTTP requests and probes. A response is a response, whatever its status: look at `ok` or `status`. Nothing \
          answering is `unreachable`, too slow is `timeout` and says in which phase, a body that broke off is `failed`, \
          and a change that was sent without an answer is `unknown`.\n\nReads (GET and HEAD) go to loopback and to hosts \
          that the script's header names, and never to a route by which something is changed. \
          Proxies are taken from the environment, and never for loopback.",
    primitives: &[
        Primitive {
            name: "get",
            params: &[URL],
            options: READ,
            returns: Ty::Record(&RESPONSE),
            errors: ERRORS,
            doc: "Sends a GET and waits for the whole response.\n\nIt follows redirects, each of which must be allowed like \
                  the first URL; credentials stay with the first host.",
            example: r#"let page = http::get("http://127.0.0.1:8000/health", #{ timeout: "2s" });
page.status == 200"#,
            target,
            vet: Some(vet_read),
            call: |call| read(call, "get", "GET"),
            ..Primitive::READ
        },
        Primitive {
            name: "head",
            params: &[URL],
            options: READ,
            returns: Ty::Record(&RESPONSE),
            errors: ERRORS,
            doc: "Sends a HEAD: a GET whose body does not come.",
            example: r#"http::head("http://127.0.0.1:8000/health").status"#,
            target,
            vet: Some(vet_read),
            call: |call| read(call, "head", "HEAD"),
            ..Primitive::READ
        },
        Primitive {
            name: "post",
            params: &[URL],
            options: WRITE,
            returns: Ty::Record(&RESPONSE),
            errors: CHANGE_ERRORS,
            doc: "Sends a POST and waits for the whole response.\n\nIt goes over a connection of its own, so `unreachable` \
                  means that nothing was sent; without a whole answer it is `unknown`. It is sent again (`retries`) only \
                  when the server answers 429 or 503 with a `Retry-After`.",
            example: r#"let r = http::post("http://127.0.0.1:8000/jobs", #{ json: #{ name: "nightly" } });
if !r.ok { print(`not taken: ${r.status}`); }"#,
            target,
            preview: Some(|call| preview(call, "POST")),
            call: |call| write(call, "post", "POST"),
            ..Primitive::CHANGE
        },
        Primitive {
            name: "put",
            params: &[URL],
            options: WRITE,
            returns: Ty::Record(&RESPONSE),
            errors: CHANGE_ERRORS,
            doc: "Sends a PUT and waits for the whole response.\n\nWithout a whole answer it is `unknown`. Sending it twice \
                  means the same as once, so `retries` cover a lost answer too.",
            example: r#"http::put("http://127.0.0.1:8000/flag", #{ body: "on" });"#,
            target,
            preview: Some(|call| preview(call, "PUT")),
            call: |call| write(call, "put", "PUT"),
            ..Primitive::CHANGE
        },
        Primitive {
            name: "delete",
            params: &[URL],
            options: WRITE,
            returns: Ty::Record(&RESPONSE),
            errors: CHANGE_ERRORS,
            doc: "Sends a DELETE and waits for the whole response.\n\nWithout a whole answer it is `unknown`.",
            example: r#"http::delete("http://127.0.0.1:8000/jobs/7");"#,
            target,
            preview: Some(|call| preview(call, "DELETE")),
            call: |call| write(call, "delete", "DELETE"),
            ..Primitive::CHANGE
        },
        Primitive {
            name: "request",
            params: &[param("method", Ty::Str, "`GET`, `PATCH` or another"), URL],
            options: WRITE,
            access_of: Some(|a| access_of(a.str("method"))),
            returns: Ty::Record(&RESPONSE),
            errors: CHANGE_ERRORS,
            doc: "Sends a request with any method.\n\nGET and HEAD are `read`, the rest is `change`. \
                  It follows no redirect unless `redirects` says so.",
            example: r#"http::request("PATCH", "http://127.0.0.1:8000/jobs/7", #{ json: #{ paused: true } });"#,
            target,
            vet: Some(vet_request),
            preview: Some(|call| preview(call, call.args().str("method"))),
            call: |call| write(call, "request", call.args().str("method")),
            ..Primitive::CHANGE
        },
        Primitive {
            name: "probe",
            params: &[URL],
            options: KNOCK,
            returns: Ty::Record(&PROBE),
            errors: &[Kind::Invalid],
            doc: "Asks once, on a connection of its own, and times each phase.\n\nNothing answering or too slow is an answer: \
                  `ok` is false, `phase` says where it ended, `error` why. It follows no redirect and uses no proxy.",
            example: r#"let front = http::probe("http://127.0.0.1:8000/health", #{ timeout: "2s" });
if front.ok { front.ms } else { front.error }"#,
            target,
            vet: Some(vet_read),
            call: |call| {
                let a = call.args();
                let mut request = base(a, a.str("method"))?;
                request.allow = allow(call, "probe", Access::Read);
                Ok(PROBE.record(&http::probe(call.cx(), &request)?))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "json",
            params: &[param("response", Ty::Any, "a `Response` or a `Probe`")],
            returns: Ty::Any,
            errors: &[Kind::Failed, Kind::Invalid],
            doc: "Reads the body of a response as JSON.\n\nA body that is no JSON is `failed`, with line, column and the text \
                  around the place. A whole number beyond 64 bits becomes a float.",
            example: r#"let ready = http::probe("http://127.0.0.1:8000/ready", #{ timeout: "2s" });
http::json(ready).status"#,
            call: |call| {
                let response = answered(call)?;
                let json = http::json(&response.str("body")).map_err(|error| Failure {
                    status: response.get("status").and_then(|s| s.as_int().ok()),
                    ..Failure::new(Kind::Failed, format!("the body is {error}"))
                })?;
                rhai::serde::to_dynamic(&json)
                    .map_err(|error| Failure::invalid(format!("the body cannot be read: {error}")))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "header",
            params: &[
                param("response", Ty::Any, "a `Response` or a `Probe`"),
                param("name", Ty::Str, "in any case"),
            ],
            returns: Ty::Opt(&Ty::Str),
            doc: "One header of a response, or `()`.\n\nRepeated lines are joined with `, `.",
            example: r#"let front = http::probe("http://127.0.0.1:8000/health");
http::header(front, "Content-Type")"#,
            call: |call| {
                let response = answered(call)?;
                let name = call.args().str("name").trim().to_ascii_lowercase();
                Ok(response
                    .get("headers")
                    .and_then(|headers| headers.read_lock::<Map>()?.get(name.as_str()).cloned())
                    .unwrap_or(Dynamic::UNIT))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "rate_limit",
            params: &[param("response", Ty::Any, "a `Response` or a `Probe`")],
            access: Access::Local,
            returns: Ty::Record(&RATE_LIMIT),
            errors: &[Kind::Invalid],
            doc: "What a response says of the limit on requests: `X-RateLimit-*`, `RateLimit-*`, `RateLimit` and \
                  `Retry-After`.\n\nInstants and dates are turned into seconds from now.",
            example: r#"let front = http::probe("http://127.0.0.1:8000/health");
!http::rate_limit(front).limited"#,
            call: |call| {
                let response = answered(call)?;
                let status = response.get("status").and_then(|s| s.as_int().ok());
                let headers = response.get("headers").and_then(|headers| {
                    let headers = headers.read_lock::<Map>()?;
                    Some(
                        headers
                            .iter()
                            .map(|(k, v)| (k.to_string(), v.to_string()))
                            .collect(),
                    )
                });
                let said = http::rate_limit(
                    status.unwrap_or(0),
                    &headers.unwrap_or_default(),
                    call.cx().now(),
                );
                Ok(RATE_LIMIT.record(&said))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "header_lines",
            params: &[
                param("response", Ty::Any, "a `Response` or a `Probe`"),
                param("name", Ty::Str, "in any case"),
            ],
            returns: Ty::List(&Ty::Str),
            doc: "Each line of one header of a response, in order: for `Set-Cookie`, which must not be joined.",
            example: r#"let front = http::probe("http://127.0.0.1:8000/health");
http::header_lines(front, "Set-Cookie")"#,
            call: |call| {
                let response = answered(call)?;
                let name = call.args().str("name").trim().to_ascii_lowercase();
                let lines: Array = response
                    .get("all_headers")
                    .and_then(|lines| Some(lines.read_lock::<Array>()?.clone()))
                    .unwrap_or_default();
                let values = lines.iter().filter_map(|line| {
                    let line = line.read_lock::<Record>()?;
                    (line.str("name") == name).then(|| Dynamic::from(line.str("value")))
                });
                Ok(values.collect::<Array>().into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "url_encode",
            params: &[param("text", Ty::Str, "one part of a URL")],
            returns: Ty::Str,
            doc: "Encodes text for use as one part of a URL.\n\nAll but letters, digits and `-._~` becomes `%XX`.",
            example: r#"http::url_encode("a b&c") == "a%20b%26c""#,
            call: |call| {
                let encoded: ImmutableString = http::encode(call.args().str("text")).into();
                Ok(encoded.into())
            },
            ..Primitive::PURE
        },
    ],
    shapes: &[&RESPONSE, &PROBE, &HEADER, &RATE_LIMIT],
};
