//! What changes containers: start, stop, restart, pause, unpause, kill, exec, and the one that removes.

use crate::api::{Call, Failure, Kind, Param, Primitive, Ty, option, param};
use crate::docker::{ContainerDetail, ExecOptions};
use crate::gate::{Access, Blast};

use super::shapes::{CHANGE, EXEC};
use super::{engine, on_container};

const NAME: Param = param("name", Ty::Str, "the exact name; changes take no id");
const GRACE: Param = option(
    "timeout",
    Ty::Duration,
    "\"10s\"",
    "how long it may take to end before it is killed; whole seconds",
);
const ERRORS: &[Kind] = &[
    Kind::NotFound,
    Kind::Conflict,
    Kind::Failed,
    Kind::Unknown,
    Kind::Unreachable,
    Kind::Refused,
    Kind::Invalid,
];

/// What all of these share. One that is already as wanted gives `changed: false`.
const ON_CONTAINER: Primitive = Primitive {
    params: &[NAME],
    returns: Ty::Record(&CHANGE),
    errors: ERRORS,
    target: on_container,
    preview: Some(preview),
    ..Primitive::CHANGE
};

pub(super) const START: Primitive = Primitive {
    name: "start",
    doc: "Starts a container.\nOne that runs is left alone: `changed` is `false`. `unknown`: it was sent and no answer came.",
    example: "docker::start(\"trading-redis\");\ndocker::wait_healthy(\"trading-redis\");",
    call: |call| Ok(CHANGE.record(&engine(call).start(call.cx(), named(call)?)?)),
    ..ON_CONTAINER
};

pub(super) const STOP: Primitive = Primitive {
    name: "stop",
    options: &[GRACE],
    doc: "Stops a container: asks it to end, and kills it when the time is up.\nOne that does not run is left alone: `changed` is `false`. An `exit_code` of 137 says that it had to be killed.",
    example: "let s = docker::stop(\"trading-redis\", #{ timeout: \"30s\" });\nif s.exit_code == 137 { print(\"it did not end in time\"); }",
    call: |call| {
        let a = call.args();
        Ok(CHANGE.record(&engine(call).stop(call.cx(), named(call)?, a.duration("timeout"))?))
    },
    ..ON_CONTAINER
};

pub(super) const RESTART: Primitive = Primitive {
    name: "restart",
    options: &[GRACE],
    doc: "Stops a container as `stop` does, and starts it again; one that does not run is started.",
    example: "docker::restart(\"trading-redis\");\ndocker::wait_healthy(\"trading-redis\");",
    call: |call| {
        let a = call.args();
        Ok(CHANGE.record(&engine(call).restart(call.cx(), named(call)?, a.duration("timeout"))?))
    },
    ..ON_CONTAINER
};

pub(super) const PAUSE: Primitive = Primitive {
    name: "pause",
    doc: "Freezes all processes of a container, until `unpause`.\nOne that is paused is left alone: `changed` is `false`. One that does not run is a `conflict`.",
    example: "docker::pause(\"trading-redis\");\ndocker::unpause(\"trading-redis\");",
    call: |call| Ok(CHANGE.record(&engine(call).pause(call.cx(), named(call)?)?)),
    ..ON_CONTAINER
};

pub(super) const UNPAUSE: Primitive = Primitive {
    name: "unpause",
    doc: "Lets a paused container go on.\nOne that is not paused is left alone: `changed` is `false`. One that does not run is a `conflict`.",
    example: "docker::unpause(\"trading-redis\");",
    call: |call| Ok(CHANGE.record(&engine(call).unpause(call.cx(), named(call)?)?)),
    ..ON_CONTAINER
};

pub(super) const KILL: Primitive = Primitive {
    name: "kill",
    options: &[option(
        "signal",
        Ty::Str,
        "\"KILL\"",
        "`\"HUP\"`, `\"SIGTERM\"`, `\"9\"`",
    )],
    doc: "Sends a signal to a container's first process.\nWhether that ends it is the process's affair. One that does not run is a `conflict`.",
    example: "docker::kill(\"trading-redis\", #{ signal: \"HUP\" });",
    call: |call| {
        let a = call.args();
        Ok(CHANGE.record(&engine(call).kill(call.cx(), named(call)?, a.str("signal"))?))
    },
    ..ON_CONTAINER
};

pub(super) const EXEC_IN: Primitive = Primitive {
    name: "exec",
    params: &[
        NAME,
        param(
            "argv",
            Ty::List(&Ty::Str),
            "the program and its arguments; there is no shell",
        ),
    ],
    options: &[
        option(
            "user",
            Ty::Opt(&Ty::Str),
            "()",
            "as this user; by default the container's",
        ),
        option("workdir", Ty::Opt(&Ty::Str), "()", "in this folder"),
        option("env", Ty::Map, "#{}", "further variables"),
        option(
            "stdin",
            Ty::Opt(&Ty::Str),
            "()",
            "written to its standard input",
        ),
        option(
            "timeout",
            Ty::Duration,
            "\"60s\"",
            "how long to wait for its end",
        ),
        option(
            "max_bytes",
            Ty::Size,
            "\"1MiB\"",
            "how much of each stream is kept, its beginning",
        ),
    ],
    returns: Ty::Record(&EXEC),
    doc: "Runs a command inside a running container; gives its exit code and both streams.\nAn exit code other than 0 is no error. A command cannot be ended from outside: one that is out of time goes on, and the outcome is `unknown`.",
    example: "let r = docker::exec(\"trading-redis\", [\"redis-cli\", \"ping\"]);\nif r.exit_code != 0 { print(r.stderr); }",
    preview: Some(|call| {
        let argv = call.args().strs("argv");
        let program = argv.first().map_or("nothing", String::as_str);
        let blast = preview(call)?;
        Ok(Blast {
            summary: format!("runs `{program}` in a container that is {}", blast.summary),
            ..blast
        })
    }),
    call: |call| {
        let a = call.args();
        let options = ExecOptions {
            user: a.opt_str("user").map(str::to_owned),
            workdir: a.opt_str("workdir").map(str::to_owned),
            env: a.str_map("env"),
            stdin: a.opt_str("stdin").map(str::to_owned),
            timeout: a.duration("timeout"),
            max_bytes: usize::try_from(a.size("max_bytes")).unwrap_or(usize::MAX),
        };
        Ok(EXEC.record(&engine(call).exec(call.cx(), named(call)?, &a.strs("argv"), &options)?))
    },
    ..ON_CONTAINER
};

pub(super) const REMOVE: Primitive = Primitive {
    name: "remove",
    access: Access::Destroy,
    options: &[
        option("force", Ty::Bool, "false", "kill a running one first"),
        option(
            "volumes",
            Ty::Bool,
            "false",
            "remove its nameless volumes, too",
        ),
    ],
    doc: "Removes a container with everything that it has written to its own layer.\nA running one is a `conflict` without `force`. Named volumes always stay.",
    example: "docker::remove(\"trading-migrate\", #{ volumes: true });",
    call: |call| {
        let a = call.args();
        let removed =
            engine(call).remove(call.cx(), named(call)?, a.bool("force"), a.bool("volumes"))?;
        Ok(CHANGE.record(&removed))
    },
    preview: Some(preview_of_it),
    ..ON_CONTAINER
};

/// The container's name. Profiles and plans know containers by their names, so a change by id would get
/// past both; and a name of digits only is looked up to tell the two apart.
fn named<'a>(call: &'a Call<'_>) -> Result<&'a str, Failure> {
    let name = call.args().str("name");
    if name.len() >= 12 && name.bytes().all(|b| b.is_ascii_hexdigit()) {
        let found = engine(call).container(call.cx(), name)?;
        if found.name != name {
            return Err(
                Failure::invalid("a change names its container, and this is an id")
                    .hint(format!("write \"{}\"", found.name)),
            );
        }
    }
    Ok(name)
}

/// The container as it is now. A missing one fails here just as the change itself would.
/// The same for what does not mind whether it runs: its id is all that has to be as it was.
pub(super) fn preview_of_it(call: &Call<'_>) -> Result<Blast, Failure> {
    let blast = preview(call)?;
    let identity = blast
        .facts
        .get("id")
        .and_then(|id| id.as_str())
        .unwrap_or_default()
        .to_owned();
    Ok(Blast { identity, ..blast })
}

pub(super) fn preview(call: &Call<'_>) -> Result<Blast, Failure> {
    let found = engine(call).container(call.cx(), named(call)?)?;
    let time = |t: Option<chrono::DateTime<chrono::Utc>>| t.map(|t| t.to_rfc3339());
    let facts = serde_json::json!({
        "id": found.id,
        "state": found.state,
        "health": found.health.as_ref().map(|h| &h.status),
        "image": found.image,
        "started_at": time(found.started_at),
        "created": time(found.created),
        "mounts": found.mounts.iter().map(|m| &m.target).collect::<Vec<_>>(),
    });
    Ok(Blast {
        summary: told(&found),
        facts: facts.as_object().cloned().unwrap_or_default(),
        // A container that was started again since is not the one that the plan saw.
        identity: format!("{} {} {:?}", found.id, found.state, found.started_at),
        ..Blast::default()
    })
}

fn told(found: &ContainerDetail) -> String {
    match (&found.health, found.started_at) {
        (Some(health), Some(since)) if found.running => {
            format!(
                "{} and {} since {}",
                found.state,
                health.status,
                since.format("%F %TZ")
            )
        }
        (None, Some(since)) if found.running => {
            format!("{} since {}", found.state, since.format("%F %TZ"))
        }
        _ => found.state.clone(),
    }
}
