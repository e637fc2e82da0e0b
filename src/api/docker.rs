//! `docker::...`: containers of the engine that the `docker` command would use.

mod change;
mod data;
mod engine;
mod failure;
mod inside;
mod ready;
mod shapes;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Arg, Call, Failure, Kind, Namespace, Param, Primitive, Ty, option, param, units};
use crate::docker::{
    ContainerDetail, Engine, Error, EventRange, Filter, Goal, LogBounds, LogRange,
};
use crate::gate::Redactor;
use shapes::{CONTAINER, DETAIL, EVENTS, LINE_COUNT, LOGS, SAMPLE, STATS, WAITED};

const NAME: Param = param(
    "name",
    Ty::Str,
    "exact name, or an id of at least 12 digits",
);
const PROJECT: Param = option(
    "project",
    Ty::Opt(&Ty::Str),
    "()",
    "of this compose project",
);
const SERVICE: Param = option(
    "service",
    Ty::Opt(&Ty::Str),
    "()",
    "of this compose service",
);
const LABELS: Param = option(
    "labels",
    Ty::List(&Ty::Str),
    "[]",
    "with all these labels: `\"key\"` or `\"key=value\"`",
);
pub(super) const SINCE: Param = option(
    "since",
    Ty::Any,
    "()",
    "from then on: a `Time`, RFC 3339 text, or a duration before now such as `\"5m\"`",
);
pub(super) const BEFORE: Param = option("before", Ty::Any, "()", "up to then, written as `since`");
const LAST: Param = option(
    "last",
    Ty::Opt(&Ty::Int),
    "()",
    "only this many lines, the newest",
);
pub(super) const STREAM: Param = option(
    "stream",
    Ty::OneOf(&["both", "stdout", "stderr"]),
    "\"both\"",
    "which stream",
);
const TIMEOUT: Param = option("timeout", Ty::Duration, "\"60s\"", "how long to wait");

const READ_ERRORS: &[Kind] = &[
    Kind::Unreachable,
    Kind::Refused,
    Kind::Timeout,
    Kind::Invalid,
];
const NAMED_ERRORS: &[Kind] = &[
    Kind::NotFound,
    Kind::Unreachable,
    Kind::Refused,
    Kind::Timeout,
    Kind::Invalid,
];
const WAIT_ERRORS: &[Kind] = &[
    Kind::Timeout,
    Kind::Conflict,
    Kind::NotFound,
    Kind::Unreachable,
    Kind::Refused,
    Kind::Invalid,
];

/// The namespace.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "docker",
    doc: "Containers, images, volumes and networks of one Docker Engine, chosen as the `docker` command \
          chooses it: `DOCKER_HOST` (`unix://`, `tcp://` or `ssh://`), else the context of `DOCKER_CONTEXT`, else the \
          current context, else the default socket; `info` says which. A wrong or unknown one is `invalid`. \
          Containers are named exactly, never by a part of a name; `docker::service` finds them by compose's labels.",
    primitives: &[
        Primitive {
            name: "containers",
            options: &[
                PROJECT,
                SERVICE,
                LABELS,
                option("all", Ty::Bool, "true", "stopped ones too"),
            ],
            returns: Ty::List(&Ty::Record(&CONTAINER)),
            errors: READ_ERRORS,
            doc: "Lists containers, stopped ones too, by project, service and name.\nAn empty list is an answer; no engine is `unreachable`.",
            example: "for c in docker::containers(#{ project: \"trading\" }) {\n    print(`${c.name} is ${c.state}`);\n}",
            target: |_| "docker".into(),
            call: |call| {
                let found =
                    engine(call).containers(call.cx(), &filter(call, call.args().bool("all")))?;
                Ok(CONTAINER.records(&found))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "service",
            params: &[
                param("project", Ty::Str, "the compose project"),
                param("service", Ty::Str, "the compose service"),
            ],
            returns: Ty::List(&Ty::Record(&CONTAINER)),
            errors: READ_ERRORS,
            doc: "Lists the containers of one compose service, stopped ones too, found by their labels.\nContainers of `compose run` are left out. Empty when the service has none.",
            example: "let redis = docker::service(\"trading\", \"redis\");\nprint(redis.len());",
            target: |_| "docker".into(),
            call: |call| {
                let a = call.args();
                let found = engine(call).service(call.cx(), a.str("project"), a.str("service"))?;
                Ok(CONTAINER.records(&found))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "exists",
            params: &[NAME],
            returns: Ty::Bool,
            errors: READ_ERRORS,
            doc: "Whether there is such a container, running or not.",
            example: "if !docker::exists(\"trading-redis\") { print(\"redis was never created\"); }",
            target: on_container,
            call: |call| match engine(call).container(call.cx(), call.args().str("name")) {
                Ok(_) => Ok(true.into()),
                Err(Error::NotFound { .. }) => Ok(false.into()),
                Err(error) => Err(error.into()),
            },
            ..Primitive::READ
        },
        Primitive {
            name: "inspect",
            params: &[NAME],
            returns: Ty::Record(&DETAIL),
            errors: NAMED_ERRORS,
            doc: "Tells everything about one container: state, exit code, health probes, limits, mounts, ports.\nA missing one is `not_found`, with similar names in the hint.",
            example: "let c = docker::inspect(\"trading-redis\");\nif c.oom_killed { print(`${c.name} needs more than ${c.memory_limit_bytes} bytes`); }",
            target: on_container,
            call: |call| {
                let found = engine(call).container(call.cx(), call.args().str("name"))?;
                learn_secrets(call.run().redactor(), &found);
                Ok(DETAIL.record(&found))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "stats",
            params: &[NAME],
            returns: Ty::Record(&STATS),
            errors: &[
                Kind::Conflict,
                Kind::NotFound,
                Kind::Unreachable,
                Kind::Refused,
                Kind::Timeout,
            ],
            doc: "Measures what one running container uses, as `docker stats` does: CPU in percent of one core, memory without the page cache.\nTakes about a second; for several containers use `stats_of` or `stats_all`. A container that does not run is a `conflict`.",
            example: "let s = docker::stats(\"trading-redis\");\nprint(`${s.cpu_percent} %, ${s.memory_percent} % of its memory`);",
            target: on_container,
            call: |call| Ok(STATS.record(&engine(call).stats(call.cx(), call.args().str("name"))?)),
            ..Primitive::READ
        },
        Primitive {
            name: "stats_of",
            params: &[param(
                "names",
                Ty::List(&Ty::Str),
                "exact names, or ids of at least 12 digits",
            )],
            returns: Ty::List(&Ty::Record(&SAMPLE)),
            errors: READ_ERRORS,
            doc: "Measures what these containers use, all at the same time, in the order given.\nOne that is missing or does not run has its reason in `error`, and `stats` is `()`.",
            example: "for s in docker::stats_of([\"trading-redis\", \"trading-postgres\"]) {\n    if s.stats != () { print(`${s.name}: ${s.stats.memory_bytes}`); }\n}",
            target: |_| "docker".into(),
            call: |call| {
                Ok(SAMPLE.records(&engine(call).stats_of(call.cx(), &call.args().strs("names"))?))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "stats_all",
            options: &[PROJECT, SERVICE, LABELS],
            returns: Ty::List(&Ty::Record(&SAMPLE)),
            errors: READ_ERRORS,
            doc: "Measures what all running containers use, at the same time.",
            example: "for s in docker::stats_all(#{ project: \"trading\" }) {\n    print(s.name);\n}",
            target: |_| "docker".into(),
            call: |call| {
                Ok(SAMPLE.records(&engine(call).stats_all(call.cx(), &filter(call, false))?))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "logs",
            params: &[NAME],
            options: &[
                LAST,
                SINCE,
                BEFORE,
                STREAM,
                option(
                    "max_lines",
                    Ty::Int,
                    "10000",
                    "keep at most this many lines, the newest",
                ),
                option(
                    "max_bytes",
                    Ty::Size,
                    "\"8MiB\"",
                    "keep at most this much text, the newest",
                ),
            ],
            returns: Ty::Record(&LOGS),
            errors: NAMED_ERRORS,
            doc: "Reads lines of a container's log, oldest first, each with its time and stream.\nWhat does not fit `max_lines` and `max_bytes` is left out from the oldest on, and `truncated` says so. To count lines use `count_lines`: it needs no room.",
            example: "for l in docker::logs(\"trading-redis\", #{ last: 20, since: \"10m\" }).lines {\n    print(`${l.time} ${l.line}`);\n}",
            target: on_container,
            call: |call| {
                let a = call.args();
                let bounds = LogBounds {
                    lines: usize::try_from(a.int("max_lines")).unwrap_or(0),
                    bytes: usize::try_from(a.size("max_bytes")).unwrap_or(usize::MAX),
                };
                let logs = engine(call).logs(call.cx(), a.str("name"), &range(call)?, bounds)?;
                let redactor = call.run().redactor();
                redactor.learn_keys(logs.lines.iter().map(|l| l.line.as_str()));
                Ok(LOGS.record(&logs))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "count_lines",
            params: &[NAME],
            options: &[
                option(
                    "pattern",
                    Ty::Str,
                    "\"\"",
                    "a regular expression; the default matches every line",
                ),
                option(
                    "except",
                    Ty::Opt(&Ty::Str),
                    "()",
                    "a regular expression; lines that match it do not count",
                ),
                SINCE,
                BEFORE,
                LAST,
                STREAM,
            ],
            returns: Ty::Record(&LINE_COUNT),
            errors: &[
                Kind::Invalid,
                Kind::NotFound,
                Kind::Unreachable,
                Kind::Refused,
                Kind::Timeout,
            ],
            doc: "Counts the lines of a container's log that match, in constant memory.\nRegular expressions are those of the Rust crate `regex`; start with `(?i)` to ignore case.",
            example: "let c = docker::count_lines(\"trading-redis\", #{ since: \"5m\", pattern: \"(?i)error\", except: \"no error\" });\nif c.matched > 0 { print(c.sample); }",
            target: on_container,
            call: |call| {
                let a = call.args();
                let count = engine(call).count_lines(
                    call.cx(),
                    a.str("name"),
                    &range(call)?,
                    a.str("pattern"),
                    a.opt_str("except"),
                )?;
                Ok(LINE_COUNT.record(&count))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "events",
            options: &[
                SINCE,
                BEFORE,
                option(
                    "container",
                    Ty::Opt(&Ty::Str),
                    "()",
                    "of this container, by exact name or id",
                ),
                PROJECT,
                SERVICE,
                option(
                    "kind",
                    Ty::Opt(&Ty::Str),
                    "()",
                    "`\"container\"`, `\"image\"`, `\"network\"` or `\"volume\"`",
                ),
                option(
                    "actions",
                    Ty::List(&Ty::Str),
                    "[]",
                    "only these: `[\"die\", \"oom\"]`",
                ),
                option(
                    "exec",
                    Ty::Bool,
                    "false",
                    "the `exec_*` events too, of which each health check makes three",
                ),
            ],
            returns: Ty::Record(&EVENTS),
            errors: READ_ERRORS,
            doc: "Reads what the engine did between two instants, by default in the last 5 minutes.\nEngines remember their last 256 events, those of health checks included; `truncated` says when there may have been more. A range that ends in the future is waited for.",
            example: "for e in docker::events(#{ since: \"10m\", actions: [\"die\", \"oom\"] }).events {\n    print(`${e.time} ${e.name} ${e.action} ${e.exit_code}`);\n}",
            target: |_| "docker".into(),
            call: |call| {
                let a = call.args();
                let text = |name| a.opt_str(name).map(str::to_owned);
                let range = EventRange {
                    since: instant(call, "since")?
                        .or_else(|| Some(call.cx().now() - Duration::from_secs(300))),
                    until: instant(call, "before")?,
                    container: text("container"),
                    project: text("project"),
                    service: text("service"),
                    kind: text("kind"),
                    actions: a.strs("actions"),
                    exec: a.bool("exec"),
                };
                Ok(EVENTS.record(&engine(call).events(call.cx(), &range)?))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "wait_for",
            waits: true,
            params: &[
                NAME,
                param("state", Ty::OneOf(Goal::WORDS), "the state to wait for"),
            ],
            options: &[TIMEOUT],
            returns: Ty::Record(&WAITED),
            errors: WAIT_ERRORS,
            doc: "Waits until a container is running, healthy, exited or removed.\nFails early, as a `conflict`, when that cannot happen any more: it ended and nobody starts it again, or it has no health check. Out of time is `timeout`, with the last state seen.",
            example: "docker::wait_for(\"trading-redis\", \"running\", #{ timeout: \"10s\" });",
            target: on_container,
            call: |call| {
                let a = call.args();
                let goal = Goal::parse(a.str("state")).unwrap_or(Goal::Running);
                let waited =
                    engine(call).wait_for(call.cx(), a.str("name"), goal, a.duration("timeout"))?;
                Ok(WAITED.record(&waited))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "wait_healthy",
            waits: true,
            params: &[NAME],
            options: &[TIMEOUT],
            returns: Ty::Record(&WAITED),
            errors: WAIT_ERRORS,
            doc: "Waits until a container's health check passes.\nThe same as `wait_for(name, \"healthy\")`.",
            example: "let w = docker::wait_healthy(\"trading-redis\", #{ timeout: \"30s\" });\nprint(`healthy after ${w.ms} ms`);",
            target: on_container,
            call: |call| {
                let a = call.args();
                let waited = engine(call).wait_for(
                    call.cx(),
                    a.str("name"),
                    Goal::Healthy,
                    a.duration("timeout"),
                )?;
                Ok(WAITED.record(&waited))
            },
            ..Primitive::READ
        },
        ready::WAIT_READY,
        inside::SOCKETS,
        inside::REACH,
        engine::IMAGES,
        engine::IMAGE_OF,
        engine::VOLUMES,
        engine::NETWORKS,
        engine::DISK,
        engine::ABOUT,
        change::START,
        change::STOP,
        change::RESTART,
        change::PAUSE,
        change::UNPAUSE,
        change::KILL,
        change::EXEC_IN,
        change::REMOVE,
        data::SAVE,
        data::RESTORE,
        data::REMOVE_VOLUME,
        data::REMOVE_IMAGE,
    ],
    shapes: shapes::ALL,
};

/// The run's engine: one client, connected on first use.
pub(super) fn engine(call: &Call<'_>) -> Arc<Engine> {
    call.run().resources().get_or(Engine::from_env)
}

/// What a container was given as a secret it may well write into its log.
pub(super) fn learn_secrets(redactor: &Redactor, container: &ContainerDetail) {
    for (name, value) in &container.env.0 {
        if Redactor::is_secret_name(name) {
            redactor.learn(value);
        }
    }
}

fn on_container(args: &super::Args) -> String {
    format!("docker/{}", args.str("name"))
}

fn filter(call: &Call<'_>, all: bool) -> Filter {
    let a = call.args();
    Filter {
        all,
        project: a.opt_str("project").map(str::to_owned),
        service: a.opt_str("service").map(str::to_owned),
        labels: a.strs("labels"),
    }
}

fn range(call: &Call<'_>) -> Result<LogRange, Failure> {
    let a = call.args();
    let last = a.opt_int("last").map(|n| {
        usize::try_from(n)
            .map_err(|_| Failure::invalid(format!("option `last` is {n}, and counts lines")))
    });
    Ok(LogRange {
        last: last.transpose()?,
        since: instant(call, "since")?,
        until: instant(call, "before")?,
        stdout: a.str("stream") != "stderr",
        stderr: a.str("stream") != "stdout",
    })
}

/// An instant as scripts write it: a time, or how long ago.
pub(super) fn instant(
    call: &Call<'_>,
    name: &'static str,
) -> Result<Option<DateTime<Utc>>, Failure> {
    let value = call.args().any(name);
    if value.is_unit() {
        return Ok(None);
    }
    if let Ok(Arg::Time(time)) = Ty::Time.decode(&value) {
        return Ok(Some(time.0));
    }
    match Ty::Duration.decode(&value) {
        Ok(Arg::Duration(ago)) => Ok(chrono::Duration::from_std(ago)
            .ok()
            .and_then(|ago| call.cx().now().checked_sub_signed(ago))),
        _ => Err(Failure::invalid(format!(
            "option `{name}` wants a `Time`, RFC 3339 text, or a duration before now such as \"5m\""
        ))
        .hint(units::duration("x").err().unwrap_or_default())),
    }
}
