//! The records that `docker` primitives return.

mod engine;

pub(super) use engine::*;

use crate::api::{Field, Shape, Ty, field};

const TEXT: Ty = Ty::Opt(&Ty::Str);
const NUMBER: Ty = Ty::Opt(&Ty::Int);
const TIME: Ty = Ty::Opt(&Ty::Time);

static A_PORT: Ty = Ty::Record(&PORT);
static A_MOUNT: Ty = Ty::Record(&MOUNT);

/// The fields that several records share.
const PROJECT: Field = field("project", TEXT, "the compose project; `()`: not of compose");
const SERVICE: Field = field("service", TEXT, "the compose service; `()`: not of compose");
const NETWORKS: Field = field(
    "networks",
    Ty::Map,
    "network name to the address there; `()` while it has none",
);
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
        field(
            "health",
            TEXT,
            "`starting`, `healthy` or `unhealthy`; `()`: no health check",
        ),
        field("exit_code", NUMBER, "of a container that ended"),
        field(
            "status",
            Ty::Str,
            "the engine's line: `Up 3 hours (healthy)`",
        ),
        SERVICE,
        PROJECT,
        field(
            "image",
            Ty::Str,
            "the image as the container was started with it",
        ),
        PORTS,
        MOUNTS,
        NETWORKS,
        field("created", TIME, "when it was created"),
        field("id", Ty::Str, "the full id"),
        field("image_id", Ty::Str, "the image's id"),
        LABELS,
        field(
            "host",
            Ty::Str,
            "where this machine reaches what it publishes: `127.0.0.1`, or the name of the engine's machine",
        ),
    ],
};

pub(super) static PORT: Shape = Shape {
    name: "Port",
    doc: "A port of a container.",
    fields: &[
        field("container_port", Ty::Int, "the port inside"),
        field("protocol", Ty::Str, "`tcp`, `udp` or `sctp`"),
        field(
            "host_ip",
            TEXT,
            "the host's address that it is published on; `()`: not published",
        ),
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
        field(
            "running",
            Ty::Bool,
            "whether its process lives; a paused container runs, too",
        ),
        field(
            "restarting",
            Ty::Bool,
            "whether it waits for its restart policy to start it again",
        ),
        field("paused", Ty::Bool, "whether it is paused"),
        field(
            "exit_code",
            NUMBER,
            "of its last process; `()` while one runs",
        ),
        field(
            "oom_killed",
            Ty::Bool,
            "whether the kernel killed it for want of memory",
        ),
        field("error", TEXT, "why the engine could not start it"),
        field(
            "health",
            Ty::Opt(&Ty::Record(&HEALTH)),
            "its health check's findings; `()`: no health check",
        ),
        field(
            "restart_count",
            Ty::Int,
            "how often its restart policy has started it again",
        ),
        field(
            "restart_policy",
            Ty::Str,
            "`no`, `always`, `unless-stopped` or `on-failure`",
        ),
        field(
            "restart_limit",
            NUMBER,
            "how often `on-failure` tries; `()`: for ever",
        ),
        field("created", TIME, "when it was created"),
        field("started_at", TIME, "when it was last started; `()`: never"),
        field("finished_at", TIME, "when it last ended; `()`: never"),
        SERVICE,
        PROJECT,
        field(
            "image",
            Ty::Str,
            "the image as the container was started with it",
        ),
        field(
            "command",
            Ty::List(&Ty::Str),
            "its argv: entry point and command",
        ),
        field(
            "env",
            Ty::Map,
            "its environment; secrets are masked wherever it is printed",
        ),
        MOUNTS,
        NETWORKS,
        field(
            "network_mode",
            Ty::Str,
            "`bridge`, `host`, `container:...` or a network's name",
        ),
        PORTS,
        field("cpu_limit", Ty::Opt(&Ty::Float), "cores; `()`: no limit"),
        field("memory_limit_bytes", NUMBER, "bytes; `()`: no limit"),
        field(
            "log_driver",
            Ty::Str,
            "where its output goes: `json-file`, `local`, ...",
        ),
        field(
            "log_options",
            Ty::Map,
            "the log driver's settings, `max-size` and `max-file` among them",
        ),
        field(
            "log_path",
            TEXT,
            "the file of a log driver that has one, on the engine's host",
        ),
        field(
            "privileged",
            Ty::Bool,
            "whether it may do all that the host's root may",
        ),
        field(
            "cap_add",
            Ty::List(&Ty::Str),
            "capabilities beyond the usual ones",
        ),
        field(
            "pid_mode",
            Ty::Str,
            "`host`: it sees the host's processes; empty: its own only",
        ),
        field(
            "security_options",
            Ty::List(&Ty::Str),
            "what was changed of the usual confinement: `seccomp=unconfined`, `no-new-privileges`",
        ),
        field(
            "read_only",
            Ty::Bool,
            "whether its root file system is read-only",
        ),
        field(
            "user",
            Ty::Str,
            "the user inside; empty: the image's, often root",
        ),
        field(
            "pid",
            NUMBER,
            "its first process's id on the host; `()`: not running",
        ),
        field("host_name", Ty::Str, "its host name inside"),
        field(
            "tty",
            Ty::Bool,
            "whether it has a terminal: then its output is one stream",
        ),
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
        field(
            "failing_streak",
            Ty::Int,
            "how many times in a row it failed",
        ),
        field(
            "log",
            Ty::List(&Ty::Record(&PROBE)),
            "the last five probes, oldest first",
        ),
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
        field(
            "cpu_percent",
            Ty::Float,
            "of one core: 150 is one and a half cores",
        ),
        field("memory_bytes", Ty::Int, "without the page cache"),
        field(
            "memory_limit_bytes",
            Ty::Int,
            "its limit, else the host's memory",
        ),
        field("memory_percent", Ty::Float, "of the limit"),
        field(
            "memory_peak_bytes",
            NUMBER,
            "the most since it started, page cache and all; `()`: neither the engine nor this machine's kernel says it",
        ),
        field("network_rx_bytes", Ty::Int, "received since it started"),
        field("network_tx_bytes", Ty::Int, "sent since it started"),
        field(
            "block_read_bytes",
            Ty::Int,
            "read from disks since it started",
        ),
        field(
            "block_write_bytes",
            Ty::Int,
            "written to disks since it started",
        ),
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

pub(super) static SOCKET: Shape = Shape {
    name: "Socket",
    doc: "A socket in a container's network.",
    fields: &[
        field(
            "protocol",
            Ty::OneOf(&["tcp", "tcp6", "udp", "udp6"]),
            "the kernel's table",
        ),
        field(
            "state",
            Ty::Str,
            "`listen`, `established`, `syn-sent`, `close-wait`, `time-wait`, ...; of UDP `open`",
        ),
        field("local_address", Ty::Str, "its own address"),
        field("local_port", Ty::Int, "its own port"),
        field(
            "remote_address",
            TEXT,
            "the other side's; `()` while there is none",
        ),
        field("remote_port", NUMBER, "the other side's port"),
    ],
};

pub(super) static REACHED: Shape = Shape {
    name: "Reached",
    doc: "Whether something was reached from inside a container.",
    fields: &[
        field("ok", Ty::Bool, "whether a connection came about"),
        field(
            "addresses",
            Ty::List(&Ty::Str),
            "what the name stands for there",
        ),
        field(
            "dns_ms",
            Ty::Opt(&Ty::Float),
            "how long the name took; `()` for an address",
        ),
        field(
            "connect_ms",
            Ty::Opt(&Ty::Float),
            "how long the connection took",
        ),
        field(
            "failed_at",
            TEXT,
            "`dns` or `connect`; `()` when it was reached",
        ),
        field("reason", TEXT, "why not"),
    ],
};

pub(super) static SAVED: Shape = Shape {
    name: "SavedFolder",
    doc: "A folder of a container that was saved or restored.",
    fields: &[
        field("container", Ty::Str, "the container"),
        field("folder", Ty::Str, "the folder inside"),
        field("path", Ty::Str, "the file: a tar"),
        field("size_bytes", Ty::Int, "the file's size"),
        field("sha256", Ty::Str, "its digest"),
        field("ms", Ty::Int, "how long it took, in milliseconds"),
    ],
};

pub(super) static GONE: Shape = Shape {
    name: "Gone",
    doc: "Something that was removed.",
    fields: &[
        field("name", Ty::Str, "what"),
        field("changed", Ty::Bool, "whether it was there"),
    ],
};

pub(super) static READY: Shape = Shape {
    name: "Ready",
    doc: "A container that is ready.",
    fields: &[
        field("name", Ty::Str, "the container"),
        STATE,
        field(
            "health",
            TEXT,
            "its health as the engine knows it; `()`: it has no health check",
        ),
        field("exit_code", NUMBER, "of a container that ended"),
        field(
            "restarts",
            Ty::Int,
            "how often its restart policy had to start it again",
        ),
        field("started_at", TIME, "when it was last started"),
        field("ms", Ty::Int, "how long it took, in milliseconds"),
    ],
};

pub(super) static CHANGE: Shape = Shape {
    name: "ContainerChange",
    doc: "What a change did to a container.",
    fields: &[
        field("name", Ty::Str, "the container"),
        field("changed", Ty::Bool, "whether anything had to be done"),
        field("before", Ty::Str, "its state before"),
        field(
            "state",
            TEXT,
            "its state after; `()`: the engine could not tell any more",
        ),
        field("exit_code", NUMBER, "of a container that ended"),
        field("ms", Ty::Int, "how long it took, milliseconds"),
        field("id", Ty::Str, "the full id"),
    ],
};

pub(super) static EXEC: Shape = Shape {
    name: "ExecResult",
    doc: "What a command inside a container did.",
    fields: &[
        field(
            "exit_code",
            Ty::Int,
            "its exit code; 126 and 127: it could not be run",
        ),
        field("stdout", Ty::Str, "its standard output"),
        field("stderr", Ty::Str, "its standard error"),
        field(
            "truncated",
            Ty::Bool,
            "whether a stream was longer than `max_bytes`",
        ),
        field("ms", Ty::Int, "how long it took, milliseconds"),
    ],
};

pub(super) static ALL: &[&Shape] = &[
    &CHANGE,
    &CONTAINER,
    &DETAIL,
    &DISK_USAGE,
    &EVENT,
    &EVENTS,
    &EXEC,
    &HEALTH,
    &IMAGE,
    &INFO,
    &LINE,
    &LINE_COUNT,
    &LOGS,
    &MOUNT,
    &NETWORK,
    &PORT,
    &PROBE,
    &SAMPLE,
    &STATS,
    &VOLUME,
    &VOLUME_USAGE,
    &WAITED,
    &READY,
    &SAVED,
    &GONE,
    &SOCKET,
    &REACHED,
];
