//! What an engine uses on disk: the numbers of `docker system df`.
//!
//! Asked and read by hand, because the answer has two forms: lists of everything (engines up to API
//! 1.51) and ready sums (later ones). bollard knows only the second and finds nothing in the first.

use std::time::{Duration, Instant};

use bollard::errors::Error as Wire;
use serde::{Deserialize, Serialize};

use super::engine::raw;
use super::{Engine, Error};
use crate::run::Cx;

/// The engine walks every layer and volume for it.
const ANSWER: Duration = Duration::from_secs(300);

/// What is used on disk, in bytes. "Reclaimable" is what no container needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskUsage {
    /// All images' layers, shared ones counted once.
    pub images_bytes: i64,
    /// Of images that no container uses.
    pub images_reclaimable_bytes: i64,
    /// Images.
    pub images: i64,
    /// What containers have written to their own layers.
    pub containers_bytes: i64,
    /// Of containers that do not run.
    pub containers_reclaimable_bytes: i64,
    /// Containers, stopped ones too.
    pub containers: i64,
    /// Local volumes.
    pub volumes_bytes: i64,
    /// Of volumes that no container mounts.
    pub volumes_reclaimable_bytes: i64,
    /// Volumes.
    pub volumes: i64,
    /// The build cache.
    pub build_cache_bytes: i64,
    /// Of build steps that are not in use.
    pub build_cache_reclaimable_bytes: i64,
    /// Everything together.
    pub total_bytes: i64,
    /// Each volume with its size, the largest first. Empty when the engine tells sums only.
    pub by_volume: Vec<VolumeUsage>,
}

/// One volume's size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeUsage {
    /// The volume.
    pub name: String,
    /// Its size; `None`: not a local volume, so the engine cannot tell.
    pub size_bytes: Option<i64>,
    /// How many containers mount it.
    pub containers: i64,
}

impl Engine {
    /// What this engine uses on disk. Takes seconds where volumes are large.
    pub fn disk_usage(&self, cx: &Cx) -> Result<DiskUsage, Error> {
        // The engine counts for one at a time, and sends everybody else away.
        let until = Instant::now() + ANSWER;
        loop {
            match self.count(cx) {
                Err(Error::Conflict { message, .. } | Error::Failed { message, .. })
                    if message.contains("already running") && Instant::now() < until =>
                {
                    cx.sleep(Duration::from_millis(200))?;
                }
                answer => return answer,
            }
        }
    }

    fn count(&self, cx: &Cx) -> Result<DiskUsage, Error> {
        self.read(cx, "read the use of disks", ANSWER, |client| async move {
            let body = raw(client, "/system/df").await?;
            let answer: Answer =
                serde_json::from_slice(&body).map_err(|e| Wire::JsonDataError {
                    message: e.to_string(),
                    column: e.column(),
                })?;
            Ok(answer.usage())
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Answer {
    layers_size: i64,
    images: Option<Vec<ImageItem>>,
    containers: Option<Vec<ContainerItem>>,
    volumes: Option<Vec<VolumeItem>>,
    build_cache: Option<Vec<CacheItem>>,
    image_usage: Option<Sums>,
    container_usage: Option<Sums>,
    volume_usage: Option<Sums>,
    build_cache_usage: Option<Sums>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Sums {
    total_count: i64,
    total_size: i64,
    reclaimable: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ImageItem {
    size: i64,
    shared_size: i64,
    containers: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ContainerItem {
    size_rw: i64,
    state: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct VolumeItem {
    name: String,
    usage_data: Option<VolumeData>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct VolumeData {
    size: i64,
    ref_count: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct CacheItem {
    size: i64,
    in_use: bool,
    shared: bool,
}

impl Answer {
    fn usage(self) -> DiskUsage {
        let images = self
            .image_usage
            .unwrap_or_else(|| images(self.layers_size, self.images.as_deref()));
        let containers = self.container_usage.unwrap_or_else(|| {
            let items = self.containers.as_deref().unwrap_or_default();
            let idle = |c: &&ContainerItem| {
                !matches!(c.state.as_str(), "running" | "paused" | "restarting")
            };
            Sums {
                total_count: count(items),
                total_size: items.iter().map(|c| c.size_rw).sum(),
                reclaimable: items.iter().filter(idle).map(|c| c.size_rw).sum(),
            }
        });
        let listed = self.volumes.unwrap_or_default();
        let volumes = self.volume_usage.unwrap_or_else(|| {
            let known = || {
                listed
                    .iter()
                    .filter_map(|v| v.usage_data)
                    .filter(|d| d.size > 0)
            };
            Sums {
                total_count: count(&listed),
                total_size: known().map(|d| d.size).sum(),
                reclaimable: known().filter(|d| d.ref_count == 0).map(|d| d.size).sum(),
            }
        });
        let cache = self.build_cache_usage.unwrap_or_else(|| {
            let own = || self.build_cache.iter().flatten().filter(|c| !c.shared);
            Sums {
                total_count: count(self.build_cache.as_deref().unwrap_or_default()),
                total_size: own().map(|c| c.size).sum(),
                reclaimable: own().filter(|c| !c.in_use).map(|c| c.size).sum(),
            }
        });
        let mut by_volume: Vec<_> = listed
            .into_iter()
            .map(|volume| VolumeUsage {
                name: volume.name,
                size_bytes: volume.usage_data.map(|d| d.size).filter(|size| *size >= 0),
                containers: volume.usage_data.map_or(0, |d| d.ref_count.max(0)),
            })
            .collect();
        by_volume.sort_by(|a, b| {
            b.size_bytes
                .cmp(&a.size_bytes)
                .then_with(|| a.name.cmp(&b.name))
        });
        DiskUsage {
            images_bytes: images.total_size,
            images_reclaimable_bytes: images.reclaimable,
            images: images.total_count,
            containers_bytes: containers.total_size,
            containers_reclaimable_bytes: containers.reclaimable,
            containers: containers.total_count,
            volumes_bytes: volumes.total_size,
            volumes_reclaimable_bytes: volumes.reclaimable,
            volumes: volumes.total_count,
            build_cache_bytes: cache.total_size,
            build_cache_reclaimable_bytes: cache.reclaimable,
            total_bytes: images.total_size
                + containers.total_size
                + volumes.total_size
                + cache.total_size,
            by_volume,
        }
    }
}

/// The CLI's rule: all layers, less what the used images have to themselves. -1 stands for unknown.
fn images(layers: i64, items: Option<&[ImageItem]>) -> Sums {
    let items = items.unwrap_or_default();
    let used: i64 = items
        .iter()
        .filter(|i| i.containers > 0 && i.size >= 0 && i.shared_size >= 0)
        .map(|i| i.size - i.shared_size)
        .sum();
    Sums {
        total_count: count(items),
        total_size: layers,
        reclaimable: (layers - used).max(0),
    }
}

fn count<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_old_engines() {
        let usage = serde_json::from_str::<Answer>(
            r#"{"LayersSize":1000,
            "Images":[{"Size":600,"SharedSize":100,"Containers":1},{"Size":400,"SharedSize":100,"Containers":0},
                      {"Size":1,"SharedSize":-1,"Containers":1}],
            "Containers":[{"SizeRw":5,"State":"running"},{"SizeRw":7,"State":"exited"},{"State":"created"}],
            "Volumes":[{"Name":"a","UsageData":{"Size":10,"RefCount":0}},{"Name":"b","UsageData":{"Size":20,"RefCount":2}},
                       {"Name":"nfs","UsageData":{"Size":-1,"RefCount":-1}},{"Name":"c"}],
            "BuildCache":[{"Size":3,"InUse":false,"Shared":false},{"Size":4,"InUse":true},{"Size":9,"Shared":true}]}"#,
        )
        .unwrap()
        .usage();
        assert_eq!(
            (
                usage.images,
                usage.images_bytes,
                usage.images_reclaimable_bytes
            ),
            (3, 1000, 500)
        );
        assert_eq!(
            (
                usage.containers,
                usage.containers_bytes,
                usage.containers_reclaimable_bytes
            ),
            (3, 12, 7)
        );
        assert_eq!(
            (
                usage.volumes,
                usage.volumes_bytes,
                usage.volumes_reclaimable_bytes
            ),
            (4, 30, 10)
        );
        assert_eq!(
            (usage.build_cache_bytes, usage.build_cache_reclaimable_bytes),
            (7, 3)
        );
        assert_eq!(usage.total_bytes, 1049);
        let sizes: Vec<_> = usage
            .by_volume
            .iter()
            .map(|v| (v.name.as_str(), v.size_bytes))
            .collect();
        assert_eq!(
            sizes,
            [("b", Some(20)), ("a", Some(10)), ("c", None), ("nfs", None)]
        );
    }

    #[test]
    fn the_sums_of_new_engines() {
        let usage = serde_json::from_str::<Answer>(
            r#"{"ImageUsage":{"TotalCount":2,"TotalSize":50,"Reclaimable":20,"ActiveCount":1},
            "VolumeUsage":{"TotalCount":1,"TotalSize":9}}"#,
        )
        .unwrap()
        .usage();
        assert_eq!(
            (
                usage.images,
                usage.images_bytes,
                usage.images_reclaimable_bytes
            ),
            (2, 50, 20)
        );
        assert_eq!((usage.volumes_bytes, usage.total_bytes), (9, 59));
        assert_eq!(
            serde_json::from_str::<Answer>("{}")
                .unwrap()
                .usage()
                .total_bytes,
            0
        );
    }

    #[test]
    fn nulls_are_nothing() {
        let text =
            r#"{"LayersSize":0,"Images":null,"Containers":null,"Volumes":null,"BuildCache":null}"#;
        assert_eq!(
            serde_json::from_str::<Answer>(text)
                .unwrap()
                .usage()
                .total_bytes,
            0
        );
    }
}
