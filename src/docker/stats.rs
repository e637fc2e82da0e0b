//! What containers use, by the rules of `docker stats`: CPU from two samples, memory without the page
//! cache.
//!
//! The engine takes about a second for one container's numbers, because it waits for the second CPU
//! sample; so several are always asked at the same time.

use std::path::Path;

use bollard::errors::Error as Wire;
use bollard::models::{
    ContainerBlkioStats, ContainerCpuStats, ContainerMemoryStats, ContainerStatsResponse,
};
use bollard::query_parameters::StatsOptions;
use futures_util::StreamExt;
use futures_util::stream;
use serde::Serialize;

use super::containers::Filter;
use super::detail::meant;
use super::engine::{ANSWER, checked_name};
use super::error::Sort;
use super::{Engine, Error};
use crate::run::Cx;

/// How many containers are asked at a time.
const AT_ONCE: usize = 64;

/// What one running container uses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// The full id.
    pub id: String,
    /// The name.
    pub name: String,
    /// Of one core: 150 is one and a half cores.
    pub cpu_percent: f64,
    /// Without the page cache.
    pub memory_bytes: i64,
    /// Its limit, else the host's memory.
    pub memory_limit_bytes: i64,
    /// Of the limit.
    pub memory_percent: f64,
    /// The most since it started, page cache and all; `None` where neither the engine nor this machine's kernel says it.
    pub memory_peak_bytes: Option<i64>,
    /// Received since it started, all networks.
    pub network_rx_bytes: i64,
    /// Sent since it started, all networks.
    pub network_tx_bytes: i64,
    /// Read from disks since it started.
    pub block_read_bytes: i64,
    /// Written to disks since it started.
    pub block_write_bytes: i64,
    /// Processes and threads.
    pub pids: i64,
}

/// One container of several: its numbers, or why there are none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// As it was asked for.
    pub name: String,
    /// Its numbers.
    pub stats: Option<Stats>,
    /// Why there are none.
    pub error: Option<String>,
}

impl Engine {
    /// What one container uses. One that does not run is a conflict, never a row of zeros.
    pub fn stats(&self, cx: &Cx, name: &str) -> Result<Stats, Error> {
        checked_name(name)?;
        let what = format!("read the use of container `{name}`");
        let asked = name.to_owned();
        let answer = self.read(cx, &what, ANSWER, |client| async move {
            one(&client, &asked).await
        });
        match answer {
            Ok(found) => self.understand(cx, name, &found),
            Err(Error::NotFound { .. }) => Err(self.missing(cx, name)),
            Err(error) => Err(error),
        }
    }

    /// What these containers use, all asked at once, in the order given.
    pub fn stats_of(&self, cx: &Cx, names: &[String]) -> Result<Vec<Sample>, Error> {
        for name in names {
            checked_name(name)?;
        }
        let asked = names.to_vec();
        let answers = self.read(
            cx,
            "read the use of containers",
            ANSWER * 2,
            |client| async move {
                let questions = asked.into_iter().map(|name| {
                    let client = client.clone();
                    async move {
                        match tokio::time::timeout(ANSWER, one(&client, &name)).await {
                            Ok(answer) => answer,
                            Err(_) => Err(Wire::RequestTimeoutError),
                        }
                    }
                });
                Ok(stream::iter(questions)
                    .buffered(AT_ONCE)
                    .collect::<Vec<_>>()
                    .await)
            },
        )?;
        names
            .iter()
            .zip(answers)
            .map(|(name, answer)| {
                let result = match answer {
                    Ok(found) => self.understand(cx, name, &found),
                    Err(error) => Err(self.explain(
                        error,
                        Sort::Read,
                        &format!("read the use of container `{name}`"),
                        ANSWER,
                    )),
                };
                match result {
                    Ok(stats) => Ok(Sample {
                        name: name.clone(),
                        stats: Some(stats),
                        error: None,
                    }),
                    Err(Error::Stopped(stop)) => Err(stop.into()),
                    // The engine itself is gone: that is no fact about one container.
                    Err(error @ (Error::Unreachable { .. } | Error::Refused { .. })) => Err(error),
                    Err(error) => Ok(Sample {
                        name: name.clone(),
                        stats: None,
                        error: Some(error.to_string()),
                    }),
                }
            })
            .collect()
    }

    /// What every running container that `filter` lets through uses.
    pub fn stats_all(&self, cx: &Cx, filter: &Filter) -> Result<Vec<Sample>, Error> {
        let running = Filter {
            all: false,
            ..filter.clone()
        };
        let names: Vec<_> = self
            .containers(cx, &running)?
            .into_iter()
            .map(|c| c.name)
            .collect();
        self.stats_of(cx, &names)
    }

    fn understand(
        &self,
        cx: &Cx,
        name: &str,
        found: &ContainerStatsResponse,
    ) -> Result<Stats, Error> {
        let stats = Stats::from(found);
        if !meant(name, &stats.id, &stats.name) {
            return Err(self.missing(cx, name));
        }
        // For a container that does not run the engine answers with an empty sample.
        if found.memory_stats.as_ref().and_then(|m| m.usage).is_none()
            && found.pids_stats.as_ref().and_then(|p| p.current).is_none()
        {
            return Err(Error::Conflict {
                what: format!("read the use of container `{name}`"),
                message: "it is not running".into(),
            });
        }
        Ok(stats)
    }
}

async fn one(client: &bollard::Docker, name: &str) -> Result<ContainerStatsResponse, Wire> {
    let options = StatsOptions {
        stream: false,
        one_shot: false,
    };
    let mut samples = std::pin::pin!(client.stats(name, Some(options)));
    samples.next().await.unwrap_or_else(|| {
        Err(Wire::DockerStreamError {
            error: "the engine closed the connection without a sample".into(),
        })
    })
}

impl From<&ContainerStatsResponse> for Stats {
    fn from(wire: &ContainerStatsResponse) -> Self {
        let memory = wire.memory_stats.clone().unwrap_or_default();
        let used = memory_without_cache(&memory);
        let limit = memory.limit.unwrap_or(0);
        let networks = wire.networks.clone().unwrap_or_default();
        let (read, written) = blocks(wire.blkio_stats.as_ref());
        Self {
            id: wire.id.clone().unwrap_or_default(),
            name: wire
                .name
                .as_deref()
                .unwrap_or_default()
                .trim_start_matches('/')
                .to_owned(),
            cpu_percent: cpu_percent(wire.precpu_stats.as_ref(), wire.cpu_stats.as_ref()),
            memory_bytes: whole(used),
            memory_limit_bytes: whole(limit),
            memory_percent: if limit == 0 {
                0.0
            } else {
                real(used) / real(limit) * 100.0
            },
            memory_peak_bytes: memory
                .max_usage
                .or_else(|| peak(Path::new(GROUPS), wire.id.as_deref()?))
                .map(whole),
            network_rx_bytes: whole(networks.values().filter_map(|n| n.rx_bytes).sum()),
            network_tx_bytes: whole(networks.values().filter_map(|n| n.tx_bytes).sum()),
            block_read_bytes: whole(read),
            block_write_bytes: whole(written),
            pids: whole(
                wire.pids_stats
                    .as_ref()
                    .and_then(|p| p.current)
                    .unwrap_or(0),
            ),
        }
    }
}

/// Where control groups of version 2 are. The engine passes their peak on only of version 1.
const GROUPS: &str = "/sys/fs/cgroup";

/// The peak of a container's control group, as the engine's two drivers name it. An id is like no other, so that on a remote engine's
/// behalf nothing is found here.
fn peak(groups: &Path, id: &str) -> Option<u64> {
    let ours = [
        format!("docker/{id}"),
        format!("system.slice/docker-{id}.scope"),
    ];
    ours.iter().find_map(|group| {
        let text = std::fs::read_to_string(groups.join(group).join("memory.peak")).ok()?;
        text.trim().parse().ok()
    })
}

/// The CLI's rule: the container's share of the time that all cores spent between the two samples,
/// times the number of cores.
fn cpu_percent(before: Option<&ContainerCpuStats>, now: Option<&ContainerCpuStats>) -> f64 {
    let total = |s: Option<&ContainerCpuStats>| {
        s.and_then(|s| s.cpu_usage.as_ref())
            .and_then(|u| u.total_usage)
            .unwrap_or(0)
    };
    let system = |s: Option<&ContainerCpuStats>| s.and_then(|s| s.system_cpu_usage).unwrap_or(0);
    let spent = real(total(now)) - real(total(before));
    let passed = real(system(now)) - real(system(before));
    if spent <= 0.0 || passed <= 0.0 {
        return 0.0;
    }
    let cores = now.map_or(0.0, |s| match s.online_cpus {
        Some(cores) if cores > 0 => f64::from(cores),
        _ => s
            .cpu_usage
            .as_ref()
            .and_then(|u| u.percpu_usage.as_ref())
            .map_or(1.0, |cores| real(cores.len() as u64)),
    });
    spent / passed * cores * 100.0
}

/// The CLI's rule: less what the kernel could drop at once. Control groups of version 1 call it
/// `total_inactive_file`, version 2 `inactive_file`.
fn memory_without_cache(memory: &ContainerMemoryStats) -> u64 {
    let usage = memory.usage.unwrap_or(0);
    let fact = |key: &str| memory.stats.as_ref().and_then(|s| s.get(key)).copied();
    let droppable = fact("total_inactive_file")
        .or_else(|| fact("inactive_file"))
        .unwrap_or(0);
    if droppable < usage {
        usage - droppable
    } else {
        usage
    }
}

fn blocks(stats: Option<&ContainerBlkioStats>) -> (u64, u64) {
    let entries = stats
        .and_then(|s| s.io_service_bytes_recursive.as_deref())
        .unwrap_or_default();
    let sum = |first: char| {
        entries
            .iter()
            .filter(|e| {
                e.op.as_deref()
                    .is_some_and(|op| op.to_ascii_lowercase().starts_with(first))
            })
            .filter_map(|e| e.value)
            .fold(0, u64::saturating_add)
    };
    (sum('r'), sum('w'))
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "becomes a percentage; the CLI does the same"
)]
fn real(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn stats(text: &str) -> Stats {
        Stats::from(&serde_json::from_str::<ContainerStatsResponse>(text).unwrap())
    }

    #[test]
    fn the_peak_of_a_control_group_is_found_by_either_drivers_name() {
        let groups = tempfile::tempdir().expect("a folder");
        for (id, group) in [("aa", "docker/aa"), ("bb", "system.slice/docker-bb.scope")] {
            let group = groups.path().join(group);
            std::fs::create_dir_all(&group).expect("a folder");
            std::fs::write(group.join("memory.peak"), "7290880\n").expect("a file");
            assert_eq!(peak(groups.path(), id), Some(7_290_880));
        }
        assert_eq!(peak(groups.path(), "cc"), None);
    }

    #[test]
    fn control_groups_of_version_1() {
        let seen = stats(
            r#"{"id":"abc","name":"/a","networks":{"eth0":{"rx_bytes":10,"tx_bytes":1},"eth1":{"rx_bytes":5,"tx_bytes":2}},
            "cpu_stats":{"cpu_usage":{"total_usage":300,"percpu_usage":[1,2]},"system_cpu_usage":2000},
            "precpu_stats":{"cpu_usage":{"total_usage":100},"system_cpu_usage":1000},
            "memory_stats":{"usage":1000,"limit":4000,"stats":{"total_inactive_file":200,"inactive_file":50}},
            "blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":7},{"op":"Write","value":8},{"op":"Total","value":15}]},
            "pids_stats":{"current":3}}"#,
        );
        assert_eq!(seen.name, "a");
        assert!(
            (seen.cpu_percent - 40.0).abs() < 1e-9,
            "{}",
            seen.cpu_percent
        );
        assert_eq!((seen.memory_bytes, seen.memory_limit_bytes), (800, 4000));
        assert!((seen.memory_percent - 20.0).abs() < 1e-9);
        assert_eq!((seen.network_rx_bytes, seen.network_tx_bytes), (15, 3));
        assert_eq!(
            (seen.block_read_bytes, seen.block_write_bytes, seen.pids),
            (7, 8, 3)
        );
    }

    #[test]
    fn control_groups_of_version_2() {
        let seen = stats(
            r#"{"id":"abc","name":"/a",
            "cpu_stats":{"cpu_usage":{"total_usage":1500},"system_cpu_usage":2000,"online_cpus":8},
            "precpu_stats":{"cpu_usage":{"total_usage":1000},"system_cpu_usage":1000},
            "memory_stats":{"usage":1000,"limit":2000,"stats":{"inactive_file":400,"anon":1}},
            "blkio_stats":{"io_service_bytes_recursive":[{"op":"read","value":7},{"op":"write","value":8}]},
            "pids_stats":{"current":3}}"#,
        );
        assert!(
            (seen.cpu_percent - 400.0).abs() < 1e-9,
            "{}",
            seen.cpu_percent
        );
        assert_eq!(seen.memory_bytes, 600);
        assert_eq!((seen.block_read_bytes, seen.block_write_bytes), (7, 8));
    }

    #[test]
    fn odd_samples_give_no_odd_numbers() {
        // A cache larger than the usage, a counter that went back, no numbers at all.
        let odd = stats(
            r#"{"memory_stats":{"usage":100,"limit":0,"stats":{"inactive_file":400}},
            "cpu_stats":{"cpu_usage":{"total_usage":1},"system_cpu_usage":5},
            "precpu_stats":{"cpu_usage":{"total_usage":9},"system_cpu_usage":1}}"#,
        );
        assert_eq!(
            (odd.memory_bytes, odd.memory_percent, odd.cpu_percent),
            (100, 0.0, 0.0)
        );
        let none = stats("{}");
        assert_eq!((none.memory_bytes, none.cpu_percent), (0, 0.0));
    }
}
