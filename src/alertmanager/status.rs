//! `/api/v2/status`. Its configuration is left where it is: it may hold secrets.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Error, Server};
use crate::run::Cx;

/// An Alertmanager.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// `0.27.0`.
    pub version: String,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// `ready`, `settling`, or `disabled` when it stands alone.
    pub cluster: String,
    /// Members of the cluster, itself among them; 0 when it stands alone.
    pub peers: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    cluster: Cluster,
    version_info: Version,
    uptime: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Cluster {
    status: String,
    #[serde(default)]
    peers: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    version: String,
}

/// How it is.
///
/// # Errors
///
/// When the server does not answer, refuses, or answers with something else.
pub fn status(cx: &Cx, server: &Server) -> Result<Status, Error> {
    let raw: Raw = server.get(cx, "status", Vec::new())?;
    Ok(Status {
        version: raw.version_info.version,
        started_at: raw.uptime,
        cluster: raw.cluster.status,
        peers: raw.cluster.peers.len(),
    })
}
