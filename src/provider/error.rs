//! Why a quote could not be asked for.

/// Why a quote could not be asked for, or what came back is none. An answer with a status of failure is no error: it
/// is told in [`super::Quote::answer`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address of the API.
    #[error(
        "`{0}` is no address of the ingestion API: write `http://host:port`, with nothing behind it"
    )]
    BadAddress(String),
    /// The symbol.
    #[error("`{0}` is no symbol: letters, digits and `.-^:`, at most 32")]
    BadSymbol(String),
    /// It does not answer, not in time, or breaks off.
    #[error(transparent)]
    Http(#[from] crate::http::Error),
    /// A 2xx whose body is no quote.
    #[error("the quote of `{symbol}` cannot be read: {why}")]
    Unreadable {
        /// What was asked for.
        symbol: String,
        /// Why.
        why: String,
    },
}
