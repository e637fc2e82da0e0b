//! The records that `docker` primitives return.

use crate::api::{Field, Shape, Ty, field};

const TEXT: Ty = Ty::Opt(&Ty::Str);
const NUMBER: Ty = Ty::Opt(&Ty::Int);
const TIME: Ty = Ty::Opt(&Ty::Time);

static A_PORT: Ty = Ty::Record(&PORT);
static A_MOUNT: Ty = Ty::Record(&MOUNT);

/// The fields that several records share.
const PROJECT: Field = field("project", TEXT, "the compose project; `()`: not of compose");
const SERVICE: Field = field("service", TEXT, "the compose service; `()`: not of compose");
const NETWORKS: Field = field("networks", Ty::Map, "network name to the address there; `()` while it has none");
const PORTS: Field = field("ports", Ty::List(&A_PORT), "published and exposed ports");
const MOUNTS: Field = field("mounts", Ty::List(&A_MOUNT), "what is mounted where");
const LABELS: Field = field("labels", Ty::Map, "all labels");
const STATE: Field = field(
    "state",
    Ty::Str,
    "`created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`",
);

pub(super) static CONTAINER: Shape = Shape {
    name: "Container",
    doc: "A container as the list shows it.",
    fields: &[
        field("name", Ty::Str, "the name"),
        STATE,
        field("health", TEXT, "`starting`, `healthy` or `unhealthy`; `()`: no health check"),
        field("exit_code", NUMBER, "of a container that ended"),
        field("status", Ty::Str, "the engine's line: `Up 3 hours (healthy)`"),
        SERVICE,
        PROJECT,
        field("image", Ty::Str, "the image as the container was started with it"),
        PORTS,
        MOUNTS,
        NETWORKS,
        field("created", TIME, "when it was created"),
        field("id", Ty::Str, "the full id"),
        field("image_id", Ty::Str, "the image's id"),
        LABELS,
    ],
};

pub(super) static PORT: Shape = Shape {
    name: "Port",
    doc: "A port of a container.",
    fields: &[
        field("container_port", Ty::Int, "the port inside"),
        field("protocol", Ty::Str, "`tcp`, `udp` or `sctp`"),
        field("host_ip", TEXT, "the host's address that it is published on; `()`: not published"),
        field("host_port", NUMBER, "the host's port; `()`: not published"),
    ],
};

pub(super) static MOUNT: Shape = Shape {
    name: "Mount",
    doc: "Something mounted into a container.",
    fields: &[
        field("target", Ty::Str, "where it appears inside"),
        field("kind", Ty::Str, "`bind`, `volume` or `tmpfs`"),
        field("source", Ty::Str, "the volume's name or the host's path"),
        field("writable", Ty::Bool, "whether it may be written to"),
    ],
};

pub(super) static DETAIL: Shape = Shape {
    name: "ContainerDetail",
    doc: "A container in full.",
    fields: &[
        field("name", Ty::Str, "the name"),
        STATE,
        field("running", Ty::Bool, "whether its process lives; a paused container runs, too"),
        field("restarting", Ty::Bool, "whether it waits for its restart policy to start it again"),
        field("paused", Ty::Bool, "whether it is paused"),
        field("exit_code", NUMBER, "of its last process; `()` while one runs"),
        field("oom_killed", Ty::Bool, "whether the kernel killed it for want of memory"),
        field("error", TEXT, "why the engine could not start it"),
        field("health", Ty::Opt(&Ty::Record(&HEALTH)), "its health check's findings; `()`: no health check"),
        field("restart_count", Ty::Int, "how often its restart policy has started it again"),
        field("restart_policy", Ty::Str, "`no`, `always`, `unless-stopped` or `on-failure`"),
        field("restart_limit", NUMBER, "how often `on-failure` tries; `()`: for ever"),
        field("created", TIME, "when it was created"),
        field("started_at", TIME, "when it was last started; `()`: never"),
        field("finished_at", TIME, "when it last ended; `()`: never"),
        SERVICE,
        PROJECT,
        field("image", Ty::Str, "the image as the container was started with it"),
        field("command", Ty::List(&Ty::Str), "its argv: entry point and command"),
        field("env", Ty::Map, "its environment; secrets are masked wherever it is printed"),
        MOUNTS,
        NETWORKS,
        field("network_mode", Ty::Str, "`bridge`, `host`, `container:...` or a network's name"),
        PORTS,
        field("cpu_limit", Ty::Opt(&Ty::Float), "cores; `()`: no limit"),
        field("memory_limit_bytes", NUMBER, "bytes; `()`: no limit"),
        field("log_driver", Ty::Str, "where its output goes: `json-file`, `local`, ..."),
        field("log_options", Ty::Map, "the log driver's settings, `max-size` and `max-file` among them"),
        field("privileged", Ty::Bool, "whether it may do all that the host's root may"),
        field("cap_add", Ty::List(&Ty::Str), "capabilities beyond the usual ones"),
        field("read_only", Ty::Bool, "whether its root file system is read-only"),
        field("user", Ty::Str, "the user inside; empty: the image's, often root"),
        field("pid", NUMBER, "its first process's id on the host; `()`: not running"),
        field("host_name", Ty::Str, "its host name inside"),
        field("tty", Ty::Bool, "whether it has a terminal: then its output is one stream"),
        field("id", Ty::Str, "the full id"),
        field("image_id", Ty::Str, "the image's id"),
        LABELS,
    ],
};

pub(super) static HEALTH: Shape = Shape {
    name: "Health",
    doc: "What a container's health check found.",
    fields: &[
        field("status", Ty::Str, "`starting`, `healthy` or `unhealthy`"),
        field("failing_streak", Ty::Int, "how many times in a row it failed"),
        field("log", Ty::List(&Ty::Record(&PROBE)), "the last five probes, oldest first"),
    ],
};

pub(super) static PROBE: Shape = Shape {
    name: "HealthProbe",
    doc: "One run of a health check.",
    fields: &[
        field("started_at", TIME, "when it began"),
        field("ended_at", TIME, "when it ended"),
        field("exit_code", Ty::Int, "0: healthy; -1: it ran out of time"),
        field("output", Ty::Str, "what it wrote, at most 4 KiB"),
    ],
};

pub(super) static STATS: Shape = Shape {
    name: "Stats",
    doc: "What one running container uses, by the rules of `docker stats`.",
    fields: &[
        field("name", Ty::Str, "the name"),
        field("cpu_percent", Ty::Float, "of one core: 150 is one and a half cores"),
        field("memory_bytes", Ty::Int, "without the page cache"),
        field("memory_limit_bytes", Ty::Int, "its limit, else the host's memory"),
        field("memory_percent", Ty::Float, "of the limit"),
        field("network_rx_bytes", Ty::Int, "received since it started"),
        field("network_tx_bytes", Ty::Int, "sent since it started"),
        field("block_read_bytes", Ty::Int, "read from disks since it started"),
        field("block_write_bytes", Ty::Int, "written to disks since it started"),
        field("pids", Ty::Int, "processes and threads"),
        field("id", Ty::Str, "the full id"),
    ],
};

pub(super) static SAMPLE: Shape = Shape {
    name: "StatsSample",
    doc: "One container of several: its numbers, or why there are none.",
    fields: &[
        field("name", Ty::Str, "the name that was asked for"),
        field("stats", Ty::Opt(&Ty::Record(&STATS)), "its numbers"),
        field("error", TEXT, "why there are none"),
    ],
};

pub(super) static LOGS: Shape = Shape {
    name: "Logs",
    doc: "Lines of a container's log.",
    fields: &[
        field("name", Ty::Str, "the container"),
        field("lines", Ty::List(&Ty::Record(&LINE)), "the lines, oldest first"),
        field("truncated", Ty::Bool, "whether older lines were left out, or a line was cut at 64 KiB"),
        field("dropped", Ty::Int, "how many older lines were left out"),
    ],
};

pub(super) static LINE: Shape = Shape {
    name: "LogLine",
    doc: "One line of a container's log.",
    fields: &[
        field("time", TIME, "when the engine got it"),
        field("stream", Ty::Str, "`stdout` or `stderr`"),
        field("line", Ty::Str, "the text; what is not UTF-8 is replaced"),
    ],
};

pub(super) static LINE_COUNT: Shape = Shape {
    name: "LineCount",
    doc: "How many lines of a log matched.",
    fields: &[
        field("name", Ty::Str, "the container"),
        field("matched", Ty::Int, "lines that match `pattern` and do not match `except`"),
        field("lines", Ty::Int, "all lines looked at"),
        field("first", TIME, "when the first matching line was written"),
        field("last", TIME, "when the last matching line was written"),
        field("sample", TEXT, "the last matching line, at most 512 bytes"),
    ],
};

pub(super) static EVENTS: Shape = Shape {
    name: "DockerEvents",
    doc: "What the engine did.",
    fields: &[
        field("events", Ty::List(&Ty::Record(&EVENT)), "the events, oldest first"),
        field("truncated", Ty::Bool, "whether there may have been more: engines remember their last 256, those of health checks included"),
    ],
};

pub(super) static EVENT: Shape = Shape {
    name: "DockerEvent",
    doc: "One thing that the engine did or saw.",
    fields: &[
        field("time", TIME, "when"),
        field("kind", Ty::Str, "`container`, `image`, `network`, `volume`, `daemon`"),
        field("action", Ty::Str, "`start`, `die`, `oom`, `kill`, `stop`, `health_status`, ..."),
        field("detail", TEXT, "what the action carries: `healthy` of `health_status`"),
        field("name", Ty::Str, "the name of what it happened to"),
        SERVICE,
        PROJECT,
        field("exit_code", NUMBER, "of a `die`"),
        field("signal", NUMBER, "of a `kill`"),
        field("id", Ty::Str, "the id of what it happened to"),
        field("attributes", Ty::Map, "all that the engine told with it"),
    ],
};

pub(super) static IMAGE: Shape = Shape {
    name: "Image",
    doc: "An image.",
    fields: &[
        field("tags", Ty::List(&Ty::Str), "its names; empty: no name points at it any more"),
        field("size_bytes", Ty::Int, "all layers, those shared with other images too"),
        field("created", TIME, "when it was built"),
        field("id", Ty::Str, "the full id"),
        LABELS,
    ],
};

pub(super) static VOLUME: Shape = Shape {
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

pub(super) static NETWORK: Shape = Shape {
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

pub(super) static DISK_USAGE: Shape = Shape {
    name: "DiskUsage",
    doc: "What an engine uses on disk. Reclaimable is what no container needs.",
    fields: &[
        field("total_bytes", Ty::Int, "everything together"),
        field("images", Ty::Int, "images"),
        field("images_bytes", Ty::Int, "their layers, shared ones counted once"),
        field("images_reclaimable_bytes", Ty::Int, "of images that no container uses"),
        field("containers", Ty::Int, "containers, stopped ones too"),
        field("containers_bytes", Ty::Int, "what they have written to their own layers"),
        field("containers_reclaimable_bytes", Ty::Int, "of containers that do not run"),
        field("volumes", Ty::Int, "volumes"),
        field("volumes_bytes", Ty::Int, "of local volumes"),
        field("volumes_reclaimable_bytes", Ty::Int, "of volumes that no container mounts"),
        field("build_cache_bytes", Ty::Int, "the build cache"),
        field("build_cache_reclaimable_bytes", Ty::Int, "of build steps that are not in use"),
        field("by_volume", Ty::List(&Ty::Record(&VOLUME_USAGE)), "each volume, the largest first; empty where the engine tells sums only"),
    ],
};

pub(super) static VOLUME_USAGE: Shape = Shape {
    name: "VolumeUsage",
    doc: "One volume's size.",
    fields: &[
        field("name", Ty::Str, "the volume"),
        field("size_bytes", NUMBER, "its size; `()`: the engine cannot tell"),
        field("containers", Ty::Int, "how many containers mount it"),
    ],
};

pub(super) static INFO: Shape = Shape {
    name: "EngineInfo",
    doc: "An engine and its host.",
    fields: &[
        field("address", Ty::Str, "where it was reached: `unix:///var/run/docker.sock`"),
        field("version", Ty::Str, "the engine's version"),
        field("api_version", Ty::Str, "the newest API version that it speaks"),
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
        field("live_restore", Ty::Bool, "whether containers outlive a restart of the engine"),
        field("warnings", Ty::List(&Ty::Str), "what the engine itself warns of"),
    ],
};

pub(super) static WAITED: Shape = Shape {
    name: "Waited",
    doc: "A container that has come to the awaited state.",
    fields: &[
        field("name", Ty::Str, "the container"),
        field("state", Ty::Str, "its state; `removed` when it is gone"),
        field("health", TEXT, "its health; `()`: no health check"),
        field("exit_code", NUMBER, "of a container that ended"),
        field("ms", Ty::Int, "how long it took, milliseconds"),
    ],
};

pub(super) static CHANGE: Shape = Shape {
    name: "ContainerChange",
    doc: "What a change did to a container.",
    fields: &[
        field("name", Ty::Str, "the container"),
        field("changed", Ty::Bool, "whether anything had to be done"),
        field("before", Ty::Str, "its state before"),
        field("state", TEXT, "its state after; `()`: the engine could not tell any more"),
        field("exit_code", NUMBER, "of a container that ended"),
        field("ms", Ty::Int, "how long it took, milliseconds"),
        field("id", Ty::Str, "the full id"),
    ],
};

pub(super) static EXEC: Shape = Shape {
    name: "ExecResult",
    doc: "What a command inside a container did.",
    fields: &[
        field("exit_code", Ty::Int, "its exit code; 126 and 127: it could not be run"),
        field("stdout", Ty::Str, "its standard output"),
        field("stderr", Ty::Str, "its standard error"),
        field("truncated", Ty::Bool, "whether a stream was longer than `max_bytes`"),
        field("ms", Ty::Int, "how long it took, milliseconds"),
    ],
};

pub(super) static ALL: &[&Shape] = &[
    &CHANGE, &CONTAINER, &DETAIL, &DISK_USAGE, &EVENT, &EVENTS, &EXEC, &HEALTH, &IMAGE, &INFO, &LINE,
    &LINE_COUNT, &LOGS, &MOUNT, &NETWORK, &PORT, &PROBE, &SAMPLE, &STATS, &VOLUME, &VOLUME_USAGE, &WAITED,
];
