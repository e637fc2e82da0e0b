//! The records about an engine and what it holds: logs, events, images, volumes, networks, disks.

use super::{LABELS, NUMBER, PROJECT, SERVICE, TEXT, TIME};
use crate::api::{Shape, Ty, field};

pub(in crate::api::docker) static LOGS: Shape = Shape {
    name: "Logs",
    doc: "Lines of a container's log.",
    fields: &[
        field("name", Ty::Str, "the container"),
        field(
            "lines",
            Ty::List(&Ty::Record(&LINE)),
            "the lines, oldest first",
        ),
        field(
            "truncated",
            Ty::Bool,
            "whether older lines were left out, or a line was cut at 64 KiB",
        ),
        field("dropped", Ty::Int, "how many older lines were left out"),
    ],
};

pub(in crate::api::docker) static LINE: Shape = Shape {
    name: "LogLine",
    doc: "One line of a container's log.",
    fields: &[
        field("time", TIME, "when the engine got it"),
        field("stream", Ty::Str, "`stdout` or `stderr`"),
        field("line", Ty::Str, "the text; what is not UTF-8 is replaced"),
    ],
};

pub(in crate::api::docker) static LINE_COUNT: Shape = Shape {
    name: "LineCount",
    doc: "How many lines of a log matched.",
    fields: &[
        field("name", Ty::Str, "the container"),
        field(
            "matched",
            Ty::Int,
            "lines that match `pattern` and do not match `except`",
        ),
        field("lines", Ty::Int, "all lines looked at"),
        field("first", TIME, "when the first matching line was written"),
        field("last", TIME, "when the last matching line was written"),
        field("sample", TEXT, "the last matching line, at most 512 bytes"),
    ],
};

pub(in crate::api::docker) static EVENTS: Shape = Shape {
    name: "DockerEvents",
    doc: "What the engine did.",
    fields: &[
        field(
            "events",
            Ty::List(&Ty::Record(&EVENT)),
            "the events, oldest first",
        ),
        field(
            "truncated",
            Ty::Bool,
            "whether there may have been more: engines remember their last 256, those of health checks included",
        ),
    ],
};

pub(in crate::api::docker) static EVENT: Shape = Shape {
    name: "DockerEvent",
    doc: "One thing that the engine did or saw.",
    fields: &[
        field("time", TIME, "when"),
        field(
            "kind",
            Ty::Str,
            "`container`, `image`, `network`, `volume`, `daemon`",
        ),
        field(
            "action",
            Ty::Str,
            "`start`, `die`, `oom`, `kill`, `stop`, `health_status`, ...",
        ),
        field(
            "detail",
            TEXT,
            "what the action carries: `healthy` of `health_status`",
        ),
        field("name", Ty::Str, "the name of what it happened to"),
        SERVICE,
        PROJECT,
        field("exit_code", NUMBER, "of a `die`"),
        field("signal", NUMBER, "of a `kill`"),
        field("id", Ty::Str, "the id of what it happened to"),
        field("attributes", Ty::Map, "all that the engine told with it"),
    ],
};

pub(in crate::api::docker) static IMAGE: Shape = Shape {
    name: "Image",
    doc: "An image.",
    fields: &[
        field(
            "tags",
            Ty::List(&Ty::Str),
            "its names; empty: no name points at it any more",
        ),
        field(
            "size_bytes",
            Ty::Int,
            "all layers, those shared with other images too",
        ),
        field("created", TIME, "when it was built"),
        field("id", Ty::Str, "the full id"),
        LABELS,
    ],
};

pub(in crate::api::docker) static VOLUME: Shape = Shape {
    name: "Volume",
    doc: "A volume.",
    fields: &[
        field("name", Ty::Str, "the name"),
        field("driver", Ty::Str, "`local` or a plugin's name"),
        field("mountpoint", Ty::Str, "where it is on the engine's host"),
        field("created", TIME, "when it was created"),
        PROJECT,
        LABELS,
    ],
};

pub(in crate::api::docker) static NETWORK: Shape = Shape {
    name: "Network",
    doc: "A network.",
    fields: &[
        field("name", Ty::Str, "the name"),
        field("driver", Ty::Str, "`bridge`, `host`, `overlay`, ..."),
        field("scope", Ty::Str, "`local` or `swarm`"),
        field("internal", Ty::Bool, "whether it leads nowhere outside"),
        field("subnets", Ty::List(&Ty::Str), "its address ranges"),
        field("created", TIME, "when it was created"),
        PROJECT,
        field("id", Ty::Str, "the full id"),
        LABELS,
    ],
};

pub(in crate::api::docker) static DISK_USAGE: Shape = Shape {
    name: "DiskUsage",
    doc: "What an engine uses on disk. Reclaimable is what no container needs.",
    fields: &[
        field("total_bytes", Ty::Int, "everything together"),
        field("images", Ty::Int, "images"),
        field(
            "images_bytes",
            Ty::Int,
            "their layers, shared ones counted once",
        ),
        field(
            "images_reclaimable_bytes",
            Ty::Int,
            "of images that no container uses",
        ),
        field("containers", Ty::Int, "containers, stopped ones too"),
        field(
            "containers_bytes",
            Ty::Int,
            "what they have written to their own layers",
        ),
        field(
            "containers_reclaimable_bytes",
            Ty::Int,
            "of containers that do not run",
        ),
        field("volumes", Ty::Int, "volumes"),
        field("volumes_bytes", Ty::Int, "of local volumes"),
        field(
            "volumes_reclaimable_bytes",
            Ty::Int,
            "of volumes that no container mounts",
        ),
        field("build_cache_bytes", Ty::Int, "the build cache"),
        field(
            "build_cache_reclaimable_bytes",
            Ty::Int,
            "of build steps that are not in use",
        ),
        field(
            "by_volume",
            Ty::List(&Ty::Record(&VOLUME_USAGE)),
            "each volume, the largest first; empty where the engine tells sums only",
        ),
    ],
};

pub(in crate::api::docker) static VOLUME_USAGE: Shape = Shape {
    name: "VolumeUsage",
    doc: "One volume's size.",
    fields: &[
        field("name", Ty::Str, "the volume"),
        field(
            "size_bytes",
            NUMBER,
            "its size; `()`: the engine cannot tell",
        ),
        field("containers", Ty::Int, "how many containers mount it"),
    ],
};

pub(in crate::api::docker) static INFO: Shape = Shape {
    name: "EngineInfo",
    doc: "An engine and its host.",
    fields: &[
        field(
            "address",
            Ty::Str,
            "where it was reached: `unix:///var/run/docker.sock`",
        ),
        field(
            "chosen_by",
            Ty::Opt(&Ty::Str),
            "who chose it: `DOCKER_HOST`, a context and where it is set; `()` when nobody did, and it is the default socket",
        ),
        field(
            "context",
            Ty::Str,
            "the `docker` command's context; `default` when none is used",
        ),
        field("tls", Ty::Bool, "whether it is reached with TLS"),
        field(
            "local",
            Ty::Bool,
            "whether its host is this machine, so that its folders are folders here",
        ),
        field("version", Ty::Str, "the engine's version"),
        field(
            "api_version",
            Ty::Str,
            "the newest API version that it speaks",
        ),
        field("host_name", Ty::Str, "the host's name"),
        field("os", Ty::Str, "the host's system"),
        field("arch", Ty::Str, "`x86_64`, `aarch64`"),
        field("kernel", Ty::Str, "the kernel's version"),
        field("cpus", Ty::Int, "cores"),
        field("memory_bytes", Ty::Int, "the host's memory"),
        field("cgroup_version", Ty::Str, "`1` or `2`"),
        field("storage_driver", Ty::Str, "`overlay2`, ..."),
        field("log_driver", Ty::Str, "where new containers' output goes"),
        field("root_dir", Ty::Str, "where the engine keeps everything"),
        field("containers", Ty::Int, "containers in all"),
        field("running", Ty::Int, "of them, running"),
        field("paused", Ty::Int, "of them, paused"),
        field("stopped", Ty::Int, "of them, stopped"),
        field("images", Ty::Int, "images, build steps too"),
        field(
            "live_restore",
            Ty::Bool,
            "whether containers outlive a restart of the engine",
        ),
        field(
            "warnings",
            Ty::List(&Ty::Str),
            "what the engine itself warns of",
        ),
    ],
};
