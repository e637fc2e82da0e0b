//! What the namespaces that log in somewhere share: the options of a login, and the handle on a server.

use std::fmt::Display;

use rhai::Dynamic;

use super::{Call, Handle, Param, Ty, option};

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
