//! The process's environment, and `.env` files as plain data. Nothing here ever sets a variable.

mod dotenv;
mod error;

pub use dotenv::{EnvFile, file};
pub use error::Error;

use std::collections::BTreeMap;

/// A variable's value; `None` when it is not set. A value that is not UTF-8 is an error.
pub fn get(name: &str) -> Result<Option<String>, Error> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(Error::BadName(name.into()));
    }
    match std::env::var_os(name).map(std::ffi::OsString::into_string) {
        None => Ok(None),
        Some(Ok(value)) => Ok(Some(value)),
        Some(Err(_)) => Err(Error::NotText(name.into())),
    }
}

/// A variable's value; not set and empty are errors.
pub fn require(name: &str) -> Result<String, Error> {
    match get(name)? {
        None => Err(Error::NotSet(name.into())),
        Some(value) if value.is_empty() => Err(Error::Empty(name.into())),
        Some(value) => Ok(value),
    }
}

/// The variables whose names start with `prefix`. Those that are not UTF-8 are left out.
pub fn list(prefix: &str) -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(prefix))
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn variables() {
        assert!(require("PATH").is_ok());
        assert_eq!(get("TRADEOPS_NO_SUCH_VARIABLE").unwrap(), None);
        assert!(matches!(
            require("TRADEOPS_NO_SUCH_VARIABLE"),
            Err(Error::NotSet(_))
        ));
        for name in ["", "A=B", "A\0"] {
            assert!(matches!(get(name), Err(Error::BadName(_))));
        }
        assert!(list("PAT").contains_key("PATH"));
    }
}
