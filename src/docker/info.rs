//! What an engine says about itself and its host.

use serde::Serialize;

use super::engine::ANSWER;
use super::{Engine, Error};
use crate::run::Cx;
use crate::system;

/// An engine and its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EngineInfo {
    /// Where it was reached: `unix:///var/run/docker.sock`.
    pub address: String,
    /// Who chose it: `DOCKER_HOST`, a context and where it is set; nothing when it is the default socket.
    pub chosen_by: Option<String>,
    /// The `docker` command's context; `default` when none is used.
    pub context: String,
    /// Whether it is reached with TLS.
    pub tls: bool,
    /// Whether its host is this machine, so that its paths are paths here.
    pub local: bool,
    /// The engine's version.
    pub version: String,
    /// The newest API version that it speaks.
    pub api_version: String,
    /// The host's name.
    pub host_name: String,
    /// The host's system: `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// The kernel's version.
    pub kernel: String,
    /// Cores.
    pub cpus: i64,
    /// The host's memory.
    pub memory_bytes: i64,
    /// `1` or `2`.
    pub cgroup_version: String,
    /// `overlay2`, ...
    pub storage_driver: String,
    /// Where new containers' output goes.
    pub log_driver: String,
    /// Where the engine keeps everything.
    pub root_dir: String,
    /// Containers in all.
    pub containers: i64,
    /// Of them, running.
    pub running: i64,
    /// Of them, paused.
    pub paused: i64,
    /// Of them, stopped.
    pub stopped: i64,
    /// Images, build steps too.
    pub images: i64,
    /// Whether running containers outlive a restart of the engine.
    pub live_restore: bool,
    /// What the engine itself warns of.
    pub warnings: Vec<String>,
}

impl Engine {
    /// What this engine says about itself.
    pub fn info(&self, cx: &Cx) -> Result<EngineInfo, Error> {
        let endpoint = self.endpoint()?;
        self.read(
            cx,
            "ask the engine about itself",
            ANSWER,
            |client| async move {
                let (info, version) =
                    futures_util::future::try_join(client.info(), client.version()).await?;
                let text = Option::unwrap_or_default;
                let number = |n: Option<i64>| n.unwrap_or(0);
                Ok(EngineInfo {
                    address: endpoint.address(),
                    chosen_by: endpoint.origin().map(str::to_owned),
                    context: endpoint.context().to_owned(),
                    tls: endpoint.tls(),
                    // A socket may be a tunnel's: the engine's host has to bear this machine's name, too.
                    local: endpoint.other_host().is_none()
                        && info.name.as_ref() == Some(&system::host_name()),
                    version: text(info.server_version),
                    api_version: text(version.api_version),
                    host_name: text(info.name),
                    os: text(info.operating_system),
                    arch: text(info.architecture),
                    kernel: text(info.kernel_version),
                    cpus: number(info.ncpu),
                    memory_bytes: number(info.mem_total),
                    // Engines before API 1.41 do not tell it, and know only the first.
                    cgroup_version: info
                        .cgroup_version
                        .map_or_else(|| "1".into(), |v| v.to_string()),
                    storage_driver: text(info.driver),
                    log_driver: text(info.logging_driver),
                    root_dir: text(info.docker_root_dir),
                    containers: number(info.containers),
                    running: number(info.containers_running),
                    paused: number(info.containers_paused),
                    stopped: number(info.containers_stopped),
                    images: number(info.images),
                    live_restore: info.live_restore_enabled.unwrap_or(false),
                    warnings: info.warnings.unwrap_or_default(),
                })
            },
        )
    }
}
