//! Reads from a client's error what it means. The client wraps the cause several times over, so the
//! chain is searched for what this crate or a protocol library put in.

use std::error::Error as StdError;
use std::io;

use reqwest::Method;
use url::Url;

use super::client::{ConnectTimedOut, Reached};
use super::request::{Prepared, asks, call};
use super::{Error, Phase};
use crate::net::dns::Unresolved;
use crate::net::tcp::reason;
use crate::tls::{broken_off, reason as tls_reason};

/// What a failed sending means. `reached` is how far the connector came.
pub(super) fn sending(
    error: &reqwest::Error,
    method: &Method,
    url: &Url,
    request: &Prepared,
    reached: Reached,
) -> Error {
    let call = call(method, url);
    let unreachable = |phase, why: String| Error::Unreachable {
        call: call.clone(),
        phase,
        why,
    };
    if error.is_connect() || reached != Reached::Sent {
        if find::<ConnectTimedOut>(error).is_some() {
            return Error::Timeout {
                phase: phase(reached),
                limit: request.connect_timeout,
                status: None,
                call,
            };
        }
        if let Some(unresolved) = find::<Unresolved>(error) {
            return unreachable(Phase::Dns, unresolved.to_string());
        }
        if let Some(tls) = find::<rustls::Error>(error) {
            return unreachable(Phase::Tls, tls_reason(tls));
        }
        let why = deepest_io(error).map_or_else(|| innermost(error), |io| broken_off(&reason(io)));
        return unreachable(Phase::Connect, why);
    }
    if error.is_builder() {
        return Error::Invalid(format!("`{call}` cannot be sent: {}", innermost(error)));
    }
    let hyper = find::<hyper::Error>(error);
    let why = if hyper.is_some_and(hyper::Error::is_incomplete_message) {
        "the connection was closed without a response".into()
    } else if hyper.is_some_and(hyper::Error::is_parse) {
        format!("what came back is not HTTP: {}", innermost(error))
    } else {
        format!(
            "the connection broke off before the response: {}",
            deepest_io(error).map_or_else(|| innermost(error), reason)
        )
    };
    doubtful(method, Error::Dropped { call, why })
}

/// An error that leaves open whether a change happened.
pub(super) fn doubtful(method: &Method, error: Error) -> Error {
    if asks(method) {
        error
    } else {
        Error::Unknown(Box::new(error))
    }
}

/// Where the connector was.
pub(super) fn phase(reached: Reached) -> Phase {
    match reached {
        Reached::Looking => Phase::Dns,
        Reached::Connecting => Phase::Connect,
        Reached::Sent => Phase::Response,
    }
}

/// How a body broke off, after `read` bytes.
pub(super) fn body(error: &reqwest::Error, read: usize) -> String {
    if error.is_decode() && find::<hyper::Error>(error).is_none() {
        return format!("does not decode: {}", innermost(error));
    }
    format!("was cut after {read} bytes")
}

/// The first error of type `E` in the chain; those within an `io::Error` are looked at too, which its
/// `source` skips.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        if let Some(inner) = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            && let Some(found) = find::<E>(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn deepest_io<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a io::Error> {
    let mut found = None;
    let mut next = Some(error);
    while let Some(error) = next {
        found = error.downcast_ref::<io::Error>().or(found);
        next = error.source();
    }
    found
}

/// The last error's text: the outer ones only say that something inside went wrong, and may show the URL.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
