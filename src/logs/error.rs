//! What can go wrong while logs are read.

use std::io;

use crate::docker;
use crate::run::Stop;

/// What can go wrong while logs are read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read `{0}`: {1}")]
    Input(String, io::Error),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] docker::Error),
    /// The branch was stopped.
    #[error(transparent)]
    Stopped(#[from] Stop),
}
