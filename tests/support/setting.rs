//! What `make test` tells the tests of the small stack.

/// A variable that `make test` sets, or that the stack's own settings have: passwords stand only there.
pub(crate) fn setting(name: &str) -> String {
    let in_file = || {
        let file = std::env::var("TRADEOPS_ENV_FILE").ok()?;
        let mut pairs = dotenvy::from_path_iter(file).ok()?.flatten();
        pairs.find_map(|(key, value)| (key == name).then_some(value))
    };
    std::env::var(name).ok().or_else(in_file).unwrap_or_else(|| {
        panic!("`{name}` is not set: run these tests with `make test`, which brings the stack up and sets it")
    })
}
