//! What the namespaces of servers share: the options of a login, the handle on a server, the target of one at a URL.

use std::fmt::Display;

use rhai::Dynamic;

use super::{Args, Call, Handle, Param, Ty, option};
use crate::http;

/// The user of a login.
pub(super) const USER: Param = option("user", Ty::Opt(&Ty::Str), "()", "the user of a login");

/// The password of a login.
pub(super) const PASSWORD: Param = option(
    "password",
    Ty::Opt(&Ty::Str),
    "()",
    "its password; it is never shown",
);

/// A handle on a server that nothing was sent to yet. From here on its password is masked wherever text leaves the
/// run.
pub(super) fn handle<S: Display + Send + Sync + 'static>(
    call: &Call<'_>,
    name: &'static str,
    server: S,
    password: fn(&S) -> Option<&str>,
) -> Dynamic {
    if let Some(password) = password(&server) {
        call.run().redactor().learn(password);
    }
    Handle::of(name, server.to_string(), server)
}

/// `loki/host:port`: what a call on the server at `url` is about.
pub(super) fn target(namespace: &str, a: &Args) -> String {
    match http::parse(a.str("url")) {
        Ok(url) => format!("{namespace}/{}", http::origin(&url)),
        Err(_) => namespace.to_owned(),
    }
}
