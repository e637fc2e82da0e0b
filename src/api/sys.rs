//! `sys::` - what this machine says about itself.

use std::path::Path;

use super::{Failure, Kind, Namespace, Primitive, Shape, Ty, field, param};
use crate::files::real;
use crate::system::{self, Error};

static DISK: Shape = Shape {
    name: "Disk",
    doc: "A file system's room, with the arithmetic of `df`.",
    fields: &[
        field("path", Ty::Str, "the path that was asked"),
        field("mount", Ty::Str, "where its file system is mounted"),
        field("filesystem", Ty::Str, "`ext4`, `overlay`, ..."),
        field("total_bytes", Ty::Int, "size"),
        field("used_bytes", Ty::Int, "taken"),
        field("available_bytes", Ty::Int, "free for ordinary users"),
        field(
            "used_percent",
            Ty::Float,
            "`used / (used + available)` in percent; `df` rounds it up",
        ),
        field(
            "inodes",
            Ty::Int,
            "inodes, all; 0 where there is no such limit",
        ),
        field("inodes_used", Ty::Int, "inodes, taken"),
        field(
            "inodes_used_percent",
            Ty::Float,
            "inodes taken, in percent; 0 where there is no limit",
        ),
    ],
};

static MEMORY: Shape = Shape {
    name: "Memory",
    doc: "The host's memory.",
    fields: &[
        field("total_bytes", Ty::Int, "all"),
        field(
            "available_bytes",
            Ty::Int,
            "what programs can still get without swapping",
        ),
        field("used_bytes", Ty::Int, "`total - available`"),
        field("used_percent", Ty::Float, "used of total, in percent"),
        field("swap_total_bytes", Ty::Int, "swap space, all"),
        field("swap_used_bytes", Ty::Int, "swap space, taken"),
        field(
            "swap_used_percent",
            Ty::Float,
            "swap space taken, in percent; 0 without swap",
        ),
    ],
};

static LOAD: Shape = Shape {
    name: "Load",
    doc: "The run queue's averages of the whole host.",
    fields: &[
        field("one", Ty::Float, "over one minute"),
        field("five", Ty::Float, "over five minutes"),
        field("fifteen", Ty::Float, "over fifteen minutes"),
        field("cores", Ty::Int, "processors that are on"),
        field("per_core", Ty::Float, "`one` per core"),
    ],
};

static UPTIME: Shape = Shape {
    name: "Uptime",
    doc: "How long the host has been up.",
    fields: &[
        field("seconds", Ty::Float, "since the boot"),
        field("booted_at", Ty::Time, "when it booted"),
    ],
};

static LISTENER: Shape = Shape {
    name: "Listener",
    doc: "A listening TCP socket.",
    fields: &[
        field(
            "address",
            Ty::Str,
            "the local address; `0.0.0.0` or `::` is every interface",
        ),
        field("port", Ty::Int, "the local port"),
        field(
            "protocol",
            Ty::OneOf(&["tcp", "tcp6"]),
            "the kernel's table",
        ),
        field(
            "pid",
            Ty::Opt(&Ty::Int),
            "whose it is; `()` where this user may not look, or where it is in another container",
        ),
        field("process", Ty::Opt(&Ty::Str), "the name of that process"),
    ],
};

static PROCESS: Shape = Shape {
    name: "Process",
    doc: "A process of this machine.",
    fields: &[
        field("pid", Ty::Int, "its number"),
        field("parent", Ty::Int, "its parent's number"),
        field("name", Ty::Str, "the kernel's name of it, at most 15 bytes"),
        field("command", Ty::Str, "its arguments, joined by blanks"),
        field(
            "state",
            Ty::OneOf(&[
                "running", "sleeping", "waiting", "stopped", "zombie", "idle",
            ]),
            "`waiting` is for a disk",
        ),
        field("started_at", Ty::Opt(&Ty::Time), "when it started"),
        field("rss_bytes", Ty::Int, "memory in RAM"),
        field("user", Ty::Str, "whose it is: a name, else the number"),
    ],
};

static UNIT: Shape = Shape {
    name: "Unit",
    doc: "A systemd unit.",
    fields: &[
        field("name", Ty::Str, "as asked"),
        field(
            "state",
            Ty::Str,
            "`active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading`, or `not_found`",
        ),
        field(
            "sub_state",
            Ty::Str,
            "systemd's finer word: `running`, `dead`, `exited`",
        ),
        field(
            "enabled",
            Ty::Str,
            "`enabled`, `disabled`, `static`, ...; empty for an unknown unit",
        ),
        field("pid", Ty::Opt(&Ty::Int), "the main process"),
    ],
};

const STANDING: Ty = Ty::OneOf(&[
    "running",
    "not_running",
    "not_installed",
    "not_permitted",
    "unknown",
]);

static FIREWALL: Shape = Shape {
    name: "Firewall",
    doc: "One way in which a machine may be kept shut.",
    fields: &[
        field(
            "name",
            Ty::OneOf(&["nftables", "iptables", "ufw", "firewalld"]),
            "the kernel's rules as two programs list them, and two that write them",
        ),
        field(
            "state",
            STANDING,
            "`running`: it has rules, or is switched on; `not_permitted`: this user may not look",
        ),
        field(
            "filters_input",
            Ty::Opt(&Ty::Bool),
            "whether it turns away anything that comes in to this machine; `()`: not known",
        ),
        field("rules", Ty::Opt(&Ty::Int), "how many; `()`: not known"),
        field("says", Ty::Str, "why the state is what it is"),
    ],
};

static FAIL2BAN: Shape = Shape {
    name: "Fail2ban",
    doc: "How fail2ban stands.",
    fields: &[
        field(
            "state",
            STANDING,
            "`running`: its server answers; `not_permitted`: this user may not ask",
        ),
        field(
            "jails",
            Ty::List(&Ty::Record(&JAIL)),
            "what it watches; empty unless it runs",
        ),
        field("says", Ty::Str, "why the state is what it is"),
    ],
};

static JAIL: Shape = Shape {
    name: "Jail",
    doc: "One thing that fail2ban watches.",
    fields: &[
        field("name", Ty::Str, "`sshd`"),
        field(
            "failed",
            Ty::Opt(&Ty::Int),
            "failed attempts that count now",
        ),
        field(
            "banned",
            Ty::Opt(&Ty::Int),
            "addresses that are kept out now",
        ),
        field(
            "banned_total",
            Ty::Opt(&Ty::Int),
            "addresses that were kept out since its start",
        ),
    ],
};

static HOST: Shape = Shape {
    name: "Host",
    doc: "Who this machine is.",
    fields: &[
        field("name", Ty::Str, "the node name"),
        field("boot_id", Ty::Opt(&Ty::Str), "the kernel's id of this boot"),
        field("kernel", Ty::Str, "name and release"),
        field("machine", Ty::Str, "`x86_64`"),
    ],
};

/// The functions of `sys::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "sys",
    doc: "What this machine says about itself: disks, memory, load, ports, processes, systemd units, firewalls.",
    shapes: &[
        &DISK, &MEMORY, &LOAD, &UPTIME, &LISTENER, &PROCESS, &UNIT, &FIREWALL, &FAIL2BAN, &JAIL,
        &HOST,
    ],
    primitives: &[
        Primitive {
            name: "disk",
            params: &[param(
                "path",
                Ty::Str,
                "any path on the file system that is meant",
            )],
            returns: Ty::Record(&DISK),
            errors: &[Kind::NotFound, Kind::Refused],
            doc: "Space and inodes of the file system that holds a path.",
            example: r#"sys::disk("/").used_percent < 90.0"#,
            target: |a| format!("sys/disk/{}", real(Path::new(a.str("path"))).display()),
            call: |call| Ok(DISK.record(&system::disk(Path::new(call.args().str("path")))?)),
            ..Primitive::READ
        },
        Primitive {
            name: "memory",
            returns: Ty::Record(&MEMORY),
            errors: &[Kind::Failed],
            doc: "The host's memory and swap space, in bytes and percent.",
            example: r"sys::memory().used_percent",
            target: |_| "sys/memory".into(),
            call: |_| Ok(MEMORY.record(&system::memory()?)),
            ..Primitive::READ
        },
        Primitive {
            name: "load",
            returns: Ty::Record(&LOAD),
            errors: &[Kind::Failed],
            doc: "The load averages, and the load of one minute per core.",
            example: r"sys::load().per_core",
            target: |_| "sys/load".into(),
            call: |_| Ok(LOAD.record(&system::load()?)),
            ..Primitive::READ
        },
        Primitive {
            name: "uptime",
            returns: Ty::Record(&UPTIME),
            errors: &[Kind::Failed],
            doc: "How long the host has been up.",
            example: r"sys::uptime().booted_at",
            target: |_| "sys/uptime".into(),
            call: |call| Ok(UPTIME.record(&system::uptime(call.cx().now())?)),
            ..Primitive::READ
        },
        Primitive {
            name: "host",
            returns: Ty::Record(&HOST),
            doc: "The machine's name, boot, kernel and architecture.",
            example: r"sys::host().name",
            target: |_| "sys/host".into(),
            call: |_| Ok(HOST.record(&system::host())),
            ..Primitive::READ
        },
        Primitive {
            name: "listening_ports",
            returns: Ty::List(&Ty::Record(&LISTENER)),
            errors: &[Kind::Failed],
            doc: "Every listening TCP socket of this machine, by port.\nProcesses of other users show only to root.",
            example: r"sys::listening_ports().filter(|l| l.port == 5432)",
            target: |_| "sys/ports".into(),
            call: |_| Ok(LISTENER.records(&system::listening_ports()?)),
            ..Primitive::READ
        },
        Primitive {
            name: "processes",
            params: &[param(
                "name",
                Ty::Str,
                "the program's file name, the kernel's name of it, or the file name of an interpreted script that is named by a path",
            )],
            returns: Ty::List(&Ty::Record(&PROCESS)),
            errors: &[Kind::Failed],
            doc: "The processes of a name; an empty list when none runs.",
            example: r#"sys::processes("postgres").len()"#,
            target: |a| format!("sys/process/{}", a.str("name")),
            call: |call| Ok(PROCESS.records(&system::processes(call.args().str("name"))?)),
            ..Primitive::READ
        },
        Primitive {
            name: "process",
            params: &[param("pid", Ty::Int, "its number")],
            returns: Ty::Record(&PROCESS),
            errors: &[Kind::NotFound],
            doc: "One process by number; `not_found` when there is none.",
            example: r"sys::process(1).name",
            target: |a| format!("sys/process/{}", a.int("pid")),
            call: |call| Ok(PROCESS.record(&system::process(call.args().int("pid"))?)),
            ..Primitive::READ
        },
        Primitive {
            name: "unit",
            params: &[param(
                "name",
                Ty::Str,
                "the unit, such as `docker` or `fail2ban.service`",
            )],
            returns: Ty::Record(&UNIT),
            errors: &[
                Kind::Unreachable,
                Kind::Refused,
                Kind::Timeout,
                Kind::Invalid,
                Kind::Failed,
            ],
            doc: "The state of a systemd unit; an unknown unit is the state `not_found`.\n\
                  `unreachable` with the reason where there is no systemd, `refused` where this user may not ask: what \
                  the unit does is then unknown.",
            example: r#"let state = "unknown";
try { state = sys::unit("ssh").state; } catch (e) { print(e.message); }
state"#,
            target: |a| format!("sys/unit/{}", a.str("name")),
            call: |call| Ok(UNIT.record(&system::unit(call.cx(), call.args().str("name"))?)),
            ..Primitive::READ
        },
        Primitive {
            name: "firewalls",
            returns: Ty::List(&Ty::Record(&FIREWALL)),
            doc: "What may keep this machine shut: nftables, iptables, ufw, firewalld, each with how it stands.\n\n\
                  Not installed, without a rule, and not for this user to see are different states. Rules alone prove nothing (an engine of \
                  containers writes many): `filters_input` says whether a packet for this machine can meet a refusal.",
            example: r#"sys::firewalls().filter(|f| f.filters_input == true).map(|f| f.name)"#,
            target: |_| "sys/firewall".into(),
            call: |call| Ok(FIREWALL.records(&system::firewalls(call.cx())?)),
            ..Primitive::READ
        },
        Primitive {
            name: "fail2ban",
            returns: Ty::Record(&FAIL2BAN),
            doc: "How fail2ban stands, by its own client: running with its jails, not running, not installed, or not for this user.",
            example: r"sys::fail2ban().state",
            target: |_| "sys/fail2ban".into(),
            call: |call| Ok(FAIL2BAN.record(&system::fail2ban(call.cx())?)),
            ..Primitive::READ
        },
    ],
};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Stopped(stop) => stop.into(),
            Error::NoPath(_) | Error::NoProcess(_) => Self::new(Kind::NotFound, text),
            Error::NotAllowed { .. } | Error::Elsewhere(_) => Self::new(Kind::Refused, text),
            Error::NoSystemd(_) => Self::new(Kind::Unreachable, text)
                .hint("the unit's state is unknown here")
                .retryable(false),
            Error::UnitTimeout(..) => Self::new(Kind::Timeout, text),
            Error::BadUnit(_) => Self::invalid(text),
            Error::Unreadable { .. } | Error::UnitFailed { .. } => Self::new(Kind::Failed, text),
        }
    }
}
