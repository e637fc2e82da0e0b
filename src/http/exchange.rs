//! Sends a request: its attempts, the hops of each, and the body.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, COOKIE, HOST, HeaderMap,
    HeaderValue, LOCATION, PROXY_AUTHORIZATION,
};
use reqwest::{Method, StatusCode};
use tokio::time::Instant as Deadline;
use url::Url;

use super::client::{LEG, Leg, Reached, client};
use super::request::{Hop, Piece, Prepared, Request, asks, call, credentials};
use super::response::{all_headers, joined, text};
use super::retry::{Cause, Next, passing, random, retry_after};
use super::{Error, Phase, Response, fault, origin};
use crate::net::ms_since;
use crate::run::Cx;

/// Sends `request` and waits for the whole response, as often as its `retry` allows.
pub fn request(cx: &Cx, request: &Request) -> Result<Response, Error> {
    let prepared = Arc::new(request.prepare()?);
    let idempotent = matches!(
        prepared.method,
        Method::GET | Method::HEAD | Method::PUT | Method::DELETE | Method::OPTIONS
    );
    let mut attempts = 1;
    loop {
        let sent = prepared.clone();
        let mut answer = cx.wait(async move { attempt(&sent).await })?;
        let cause = match &answer {
            Ok(response) => u16::try_from(response.status)
                .ok()
                .filter(|status| passing(*status))
                .map(|status| Cause::Status(status, asked_to_wait(response, cx))),
            Err(error) => error.transient().then_some(Cause::NoAnswer),
        };
        let next = cause.map_or(Next::Stop, |cause| {
            let left = cx.cancel().remaining();
            request
                .retry
                .next(cause, idempotent, attempts, left, random())
        });
        match next {
            Next::After(wait) => {
                cx.sleep(wait)?;
                attempts += 1;
            }
            Next::Stop | Next::GiveUp(_) => {
                let gave_up = match next {
                    Next::GiveUp(why) => Some(why),
                    _ => None,
                };
                if let Ok(response) = &mut answer {
                    response.attempts = i64::try_from(attempts).unwrap_or(i64::MAX);
                    response.gave_up = gave_up;
                    return answer;
                }
                return answer.map_err(|last| match (attempts, gave_up) {
                    (1, None) => last,
                    (1, Some(why)) => gave_up_on(last, why),
                    (n, None) => gave_up_on(last, format!("after {n} attempts")),
                    (n, Some(why)) => gave_up_on(last, format!("after {n} attempts; {why}")),
                });
            }
        }
    }
}

fn gave_up_on(last: Error, why: String) -> Error {
    Error::GaveUp {
        last: Box::new(last),
        why,
    }
}

fn asked_to_wait(response: &Response, cx: &Cx) -> Option<std::time::Duration> {
    response
        .header_values("retry-after")
        .first()
        .and_then(|value| retry_after(value, cx.now()))
}

/// One attempt: from the first look-up to the last byte, over at most the allowed redirects.
async fn attempt(request: &Prepared) -> Result<Response, Error> {
    let began = Instant::now();
    let deadline = Deadline::now() + request.timeout;
    let mut method = request.method.clone();
    let mut url = request.url.clone();
    let mut headers = request.headers.clone();
    let mut body = request.body.clone();
    for number in 0.. {
        let hop = Hop {
            method: method.as_str(),
            url: &url,
            number,
        };
        (request.allow)(hop).map_err(|why| Error::Denied {
            call: call(&method, &url),
            why,
        })?;
        let answer = send(request, &method, &url, &headers, body.clone(), deadline).await?;
        let status = answer.status();
        let next = redirect(status, &method, answer.headers());
        let Some((next_method, location)) = next.filter(|_| request.redirects > 0) else {
            return whole(request, &method, &url, answer, deadline, began).await;
        };
        let stray = |why: String| Error::Redirect {
            call: call(&method, &url),
            why,
        };
        if number >= request.redirects {
            return Err(stray(format!(
                "redirected more than {} times",
                request.redirects
            )));
        }
        let mut target = url.join(&location).map_err(|_| {
            stray(format!(
                "answered {status} with a `location` that is no URL"
            ))
        })?;
        if !matches!(target.scheme(), "http" | "https") {
            return Err(stray(format!(
                "redirects to a `{}:` address",
                target.scheme()
            )));
        }
        // Credentials that a server writes into its `location` are not ours to send.
        let _ = credentials(&mut target);
        if origin(&target) != origin(&url) || target.scheme() != url.scheme() {
            // Who may see these was decided for the first host only.
            for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, HOST] {
                headers.remove(name);
            }
        }
        if next_method != method {
            body = None;
            for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE] {
                headers.remove(name);
            }
        }
        method = next_method;
        url = target;
    }
    unreachable!("the loop ends with an answer or an error")
}

/// Where a response sends the asker, and with which method.
fn redirect(status: StatusCode, method: &Method, headers: &HeaderMap) -> Option<(Method, String)> {
    let next = match status.as_u16() {
        303 if *method != Method::HEAD => Method::GET,
        // What every browser does, and most servers expect.
        301 | 302 if *method == Method::POST => Method::GET,
        301 | 302 | 303 | 307 | 308 => method.clone(),
        _ => return None,
    };
    let location = headers.get(LOCATION)?;
    Some((
        next,
        String::from_utf8_lossy(location.as_bytes()).into_owned(),
    ))
}

/// Sends one hop and waits for the response's head.
async fn send(
    request: &Prepared,
    method: &Method,
    url: &Url,
    headers: &HeaderMap,
    body: Option<Bytes>,
    deadline: Deadline,
) -> Result<reqwest::Response, Error> {
    let mut first = true;
    loop {
        let leg = Leg::new(request.connect_timeout);
        let sending = hop(request, method, url, headers, body.clone())?;
        let answer = LEG.scope(leg.clone(), sending);
        let error = match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => fault::sending(&error, method, url, request, leg.reached()),
            Err(_) => {
                let error = Error::Timeout {
                    call: call(method, url),
                    phase: fault::phase(leg.reached()),
                    limit: request.timeout,
                    status: None,
                };
                return Err(match leg.reached() {
                    Reached::Sent => fault::doubtful(method, error),
                    Reached::Looking | Reached::Connecting => error,
                });
            }
        };
        // A kept connection that the server had closed meanwhile says nothing about the server.
        let stale = matches!(error, Error::Dropped { .. }) && !leg.fresh();
        if !(first && stale && asks(method)) {
            return Err(error);
        }
        first = false;
    }
}

type Sending = std::pin::Pin<Box<dyn Future<Output = reqwest::Result<reqwest::Response>> + Send>>;

fn hop(
    request: &Prepared,
    method: &Method,
    url: &Url,
    headers: &HeaderMap,
    body: Option<Bytes>,
) -> Result<Sending, Error> {
    let mut target = url.clone();
    let mut headers = headers.clone();
    let mut instead = None;
    // The name on the certificate is asked for in the handshake, so it takes the host's place in the
    // URL, and the resolver is told where it really is.
    if let Some(name) = &request.tls.server_name
        && url.scheme() == "https"
        && url.host_str() == request.url.host_str()
    {
        instead = url.host_str().map(str::to_owned);
        let authority = url.port().map_or_else(
            || url.host_str().unwrap_or_default().to_owned(),
            |port| format!("{}:{port}", url.host_str().unwrap_or_default()),
        );
        if let Ok(value) = HeaderValue::from_str(&authority) {
            headers.entry(HOST).or_insert(value);
        }
        target
            .set_host(Some(name))
            .map_err(|_| Error::Invalid(format!("`server_name`: {name:?} is no host name")))?;
    }
    let client = client(url, &request.tls, asks(method), instead.as_deref())?;
    let mut builder = client.request(method.clone(), target).headers(headers);
    if let Some(body) = body {
        builder = builder.body(body);
    }
    let built = builder
        .build()
        .map_err(|_| Error::Invalid(format!("`{}` cannot be sent", call(method, url))))?;
    Ok(Box::pin(async move { client.execute(built).await }))
}

/// Reads the body and makes the response.
async fn whole(
    request: &Prepared,
    method: &Method,
    url: &Url,
    answer: reqwest::Response,
    deadline: Deadline,
    began: Instant,
) -> Result<Response, Error> {
    let status = answer.status().as_u16();
    let headers = answer.headers().clone();
    let version = format!("{:?}", answer.version());
    let (raw, bytes) = read_body(request, method, url, answer, deadline)
        .await
        .map_err(|error| fault::doubtful(method, error))?;
    let all_headers = all_headers(&headers);
    let (body, exact) = text(&raw, &headers);
    Ok(Response {
        status: status.into(),
        ok: (200..300).contains(&status),
        url: url.to_string(),
        http_version: version.trim_start_matches("HTTP/").to_owned(),
        headers: joined(&all_headers),
        all_headers,
        body,
        bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        exact,
        ms: ms_since(began),
        attempts: 1,
        gave_up: None,
        raw,
    })
}

/// The body, unless somebody takes it piece by piece, and its length.
async fn read_body(
    request: &Prepared,
    method: &Method,
    url: &Url,
    answer: reqwest::Response,
    deadline: Deadline,
) -> Result<(Bytes, u64), Error> {
    let status = answer.status().as_u16();
    let sink = request
        .sink
        .as_ref()
        .filter(|_| answer.status().is_success());
    let content_type = answer.headers().get(CONTENT_TYPE).cloned();
    let content_type = content_type
        .as_ref()
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let too_large = || Error::TooLarge {
        call: call(method, url),
        status,
        limit: request.body_limit,
    };
    // A HEAD tells the length of a body that does not come.
    if *method != Method::HEAD
        && answer
            .content_length()
            .is_some_and(|length| length > request.body_limit)
    {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    let mut came = 0;
    let mut chunks = answer.bytes_stream();
    loop {
        match tokio::time::timeout_at(deadline, chunks.next()).await {
            Err(_) => {
                return Err(Error::Timeout {
                    call: call(method, url),
                    phase: Phase::Body,
                    limit: request.timeout,
                    status: Some(status),
                });
            }
            Ok(None) => return Ok((body.freeze(), came)),
            Ok(Some(Err(error))) => {
                return Err(Error::Cut {
                    call: call(method, url),
                    status,
                    why: fault::body(&error, usize::try_from(came).unwrap_or(usize::MAX)),
                });
            }
            Ok(Some(Ok(chunk))) => {
                let at = came;
                came += chunk.len() as u64;
                if came > request.body_limit {
                    return Err(too_large());
                }
                let Some(sink) = sink else {
                    body.extend_from_slice(&chunk);
                    continue;
                };
                let piece = Piece {
                    content_type,
                    at,
                    bytes: &chunk,
                };
                if !sink(piece) {
                    return Ok((Bytes::new(), came));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn methods_over_redirects() {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, "/next".parse().unwrap());
        for (status, method, want) in [
            (301, "GET", Some("GET")),
            (302, "POST", Some("GET")),
            (301, "PUT", Some("PUT")),
            (303, "PUT", Some("GET")),
            (303, "HEAD", Some("HEAD")),
            (307, "POST", Some("POST")),
            (308, "DELETE", Some("DELETE")),
            (300, "GET", None),
            (304, "GET", None),
            (200, "GET", None),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let next = redirect(StatusCode::from_u16(status).unwrap(), &method, &headers);
            assert_eq!(
                next.map(|(m, _)| m.to_string()).as_deref(),
                want,
                "{status} {method}"
            );
        }
        assert_eq!(
            redirect(StatusCode::FOUND, &Method::GET, &HeaderMap::new()),
            None
        );
    }
}
