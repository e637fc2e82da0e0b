//! The records that `compose` primitives take and return.

use crate::api::{Shape, Ty, field};

const TEXT: Ty = Ty::Opt(&Ty::Str);
const NUMBER: Ty = Ty::Opt(&Ty::Int);
const SECONDS: Ty = Ty::Opt(&Ty::Float);

static A_SERVICE: Ty = Ty::Record(&SERVICE);
static A_NAMED: Ty = Ty::Record(&NAMED);
static A_DEPENDENCY: Ty = Ty::Record(&DEPENDENCY);
static A_PORT: Ty = Ty::Record(&PORT);
static A_MOUNT: Ty = Ty::Record(&MOUNT);
static A_TOUCHED: Ty = Ty::Record(&TOUCHED);

pub(super) static PROJECT: Shape = Shape {
    name: "ComposeProject",
    doc: "A compose project: its services, networks and volumes.",
    fields: &[
        field("name", Ty::Str, "the project's name"),
        field(
            "folder",
            Ty::Str,
            "the folder that relative paths of the file start from",
        ),
        field(
            "files",
            Ty::List(&Ty::Str),
            "the compose files, in order; empty when only labels are left",
        ),
        field(
            "env_files",
            Ty::List(&Ty::Str),
            "the files with variables that were named; empty: `.env`, if there is one",
        ),
        field(
            "profiles",
            Ty::List(&Ty::Str),
            "profiles that were asked for",
        ),
        field(
            "source",
            Ty::OneOf(&["file", "labels"]),
            "whether the file was read, or only the labels of containers",
        ),
        field("services", Ty::List(&A_SERVICE), "its services, by name"),
        field(
            "networks",
            Ty::List(&A_NAMED),
            "its networks, without those that no service uses",
        ),
        field(
            "volumes",
            Ty::List(&A_NAMED),
            "its named volumes, without those that no service uses",
        ),
    ],
};

pub(super) static NAMED: Shape = Shape {
    name: "ComposeNamed",
    doc: "A network or a volume of a compose project.",
    fields: &[
        field("alias", Ty::Str, "what the file calls it"),
        field("name", Ty::Str, "what the engine calls it"),
        field(
            "external",
            Ty::Bool,
            "whether somebody else makes it and it has to be there",
        ),
    ],
};

pub(super) static SERVICE: Shape = Shape {
    name: "ComposeService",
    doc: "A service of a compose project, as Compose resolves it.",
    fields: &[
        field("name", Ty::Str, "the service"),
        field(
            "container_name",
            TEXT,
            "the name that its container is given; `()`: Compose makes one",
        ),
        field(
            "image",
            TEXT,
            "its image; `()`: built, and named by Compose",
        ),
        field("built", Ty::Bool, "whether the file says how to build it"),
        field("depends_on", Ty::List(&A_DEPENDENCY), "what it waits for"),
        field(
            "has_health_check",
            Ty::Bool,
            "whether the file has a health check for it; an image can have one, too",
        ),
        field(
            "health_interval_s",
            SECONDS,
            "seconds between two health checks, where the file says so",
        ),
        field(
            "health_start_s",
            SECONDS,
            "seconds in which failed health checks do not count, where the file says so",
        ),
        field(
            "health_retries",
            NUMBER,
            "after how many failed health checks it is unhealthy, where the file says so",
        ),
        field(
            "one_shot",
            Ty::Bool,
            "whether it runs once and ends: another waits for its end, or `restart: \"no\"` and no health check",
        ),
        field(
            "restart",
            Ty::Str,
            "`no`, `always`, `unless-stopped` or `on-failure`",
        ),
        field("ports", Ty::List(&A_PORT), "what it publishes"),
        field("mounts", Ty::List(&A_MOUNT), "what is mounted into it"),
        field(
            "networks",
            Ty::List(&Ty::Str),
            "its networks, as the file calls them, or its network mode (`host`)",
        ),
        field(
            "profiles",
            Ty::List(&Ty::Str),
            "the profiles that take it in; empty: always",
        ),
        field(
            "memory_limit_bytes",
            NUMBER,
            "its limit of memory; `()`: none",
        ),
        field(
            "cpus",
            Ty::Opt(&Ty::Float),
            "its limit of processor, in cores; `()`: none",
        ),
        field(
            "environment_names",
            Ty::List(&Ty::Str),
            "the names of its variables; the values are not here",
        ),
        field(
            "config_hash",
            TEXT,
            "the digest of its settings, as in the label `com.docker.compose.config-hash` of a container that was made from them; `()` from labels",
        ),
    ],
};

pub(super) static DEPENDENCY: Shape = Shape {
    name: "ComposeDependency",
    doc: "One thing that a service waits for.",
    fields: &[
        field("name", Ty::Str, "the other service"),
        field(
            "condition",
            Ty::OneOf(&[
                "service_started",
                "service_healthy",
                "service_completed_successfully",
            ]),
            "what it has to be",
        ),
        field(
            "required",
            Ty::Bool,
            "whether the service cannot start without it",
        ),
    ],
};

pub(super) static PORT: Shape = Shape {
    name: "ComposePort",
    doc: "A port that a service publishes.",
    fields: &[
        field("host_ip", TEXT, "the host's address; `()`: every one"),
        field("host_port", NUMBER, "the host's port; `()`: any free one"),
        field("container_port", Ty::Int, "the port inside"),
        field("protocol", Ty::Str, "`tcp` or `udp`"),
    ],
};

pub(super) static MOUNT: Shape = Shape {
    name: "ComposeMount",
    doc: "Something that is mounted into a service.",
    fields: &[
        field("kind", Ty::Str, "`volume`, `bind` or `tmpfs`"),
        field(
            "source",
            TEXT,
            "the volume's name in the engine, or the host's absolute path; `()`: it has none",
        ),
        field("target", Ty::Str, "where it appears inside"),
        field("read_only", Ty::Bool, "whether it can only be read"),
    ],
};

pub(super) static CHANGED: Shape = Shape {
    name: "ComposeChange",
    doc: "What Compose did.",
    fields: &[
        field("project", Ty::Str, "the project"),
        field("changed", Ty::Bool, "whether anything was touched"),
        field("touched", Ty::List(&A_TOUCHED), "what"),
        field("ms", Ty::Int, "how long it took, in milliseconds"),
    ],
};

pub(super) static TOUCHED: Shape = Shape {
    name: "ComposeTouched",
    doc: "One thing that Compose changed.",
    fields: &[
        field(
            "kind",
            Ty::Str,
            "`container`, `network`, `volume` or `image`",
        ),
        field("name", Ty::Str, "which one; of an image, the service"),
        field(
            "action",
            Ty::Str,
            "`created`, `recreated`, `started`, `stopped`, `removed`, `pulled` or `built`: the last that was done",
        ),
    ],
};

pub(super) static FORESEEN: Shape = Shape {
    name: "ComposeForeseen",
    doc: "What bringing services up would do.",
    fields: &[
        field("create", Ty::List(&Ty::Str), "services without a container"),
        field(
            "recreate",
            Ty::List(&Ty::Str),
            "services whose container was made from other settings, or from another image",
        ),
        field(
            "start",
            Ty::List(&Ty::Str),
            "services whose container does not run",
        ),
        field(
            "keep",
            Ty::List(&Ty::Str),
            "services that would be left alone",
        ),
    ],
};
