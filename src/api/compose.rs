//! `compose::` - Docker Compose: reading a project, and changing it.

mod shapes;

use std::path::PathBuf;
use std::sync::Arc;

use super::progress::Working;
use super::{Args, Call, Failure, Kind, Namespace, Param, Primitive, Ty, docker, option, param};
use crate::compose::{Build, Changed, Down, Error, Project, Pull, Step, Stop, Up, Which};
use crate::docker::{Container, Engine};
use crate::gate::{Access, Blast};
use shapes::{CHANGED, DEPENDENCY, FORESEEN, MOUNT, NAMED, PORT, PROJECT, SERVICE, TOUCHED};

const ON: Param = param(
    "project",
    Ty::Record(&PROJECT),
    "what `compose::project` gave",
);
const SERVICES: Param = option(
    "services",
    Ty::List(&Ty::Str),
    "[]",
    "which services; empty: all",
);
const GRACE: Param = option(
    "timeout",
    Ty::Opt(&Ty::Duration),
    "()",
    "how long a container may take to end before it is killed; whole seconds. `()`: what the file says, else 10 s",
);
const ORPHANS: Param = option(
    "remove_orphans",
    Ty::Bool,
    "false",
    "remove containers of services that the file does not have any more",
);

const QUIET: Param = option(
    "quiet",
    Ty::Bool,
    "false",
    "do not show what Compose says meanwhile",
);

const READ_ERRORS: &[Kind] = &[Kind::NotFound, Kind::Invalid, Kind::Failed];
const CHANGE_ERRORS: &[Kind] = &[
    Kind::NotFound,
    Kind::Invalid,
    Kind::Conflict,
    Kind::Failed,
    Kind::Unknown,
    Kind::Unreachable,
];

/// What all changes share.
const ON_PROJECT: Primitive = Primitive {
    params: &[ON],
    returns: Ty::Record(&CHANGED),
    errors: CHANGE_ERRORS,
    target,
    ..Primitive::CHANGE
};

/// The functions of `compose::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "compose",
    doc: "A Docker Compose project: what it is, as Compose itself resolves it, and what changes it. Compose is run as the \
          plugin of `docker` or, where that is missing, as `docker-compose`, with this process's environment: `DOCKER_HOST`, \
          contexts and `COMPOSE_*` count. Its progress is shown while it works. Containers are started, watched and asked \
          through `docker::`; capabilities are scoped by the project's name: `compose.change@trading`.",
    shapes: &[
        &PROJECT,
        &NAMED,
        &SERVICE,
        &DEPENDENCY,
        &PORT,
        &MOUNT,
        &CHANGED,
        &TOUCHED,
        &FORESEEN,
    ],
    primitives: &[
        Primitive {
            name: "project",
            options: &[
                option("name", Ty::Opt(&Ty::Str), "()", "the project's name"),
                option(
                    "files",
                    Ty::List(&Ty::Str),
                    "[]",
                    "the compose files, in order",
                ),
                option(
                    "folder",
                    Ty::Opt(&Ty::Str),
                    "()",
                    "where Compose is to look for its file; `()`: here",
                ),
                option(
                    "env_files",
                    Ty::List(&Ty::Str),
                    "[]",
                    "files with variables, instead of `.env`",
                ),
                option(
                    "profiles",
                    Ty::List(&Ty::Str),
                    "[]",
                    "profiles to take in, beside those of `COMPOSE_PROFILES`",
                ),
            ],
            returns: Ty::Record(&PROJECT),
            errors: READ_ERRORS,
            doc: "Reads a project as Compose resolves it.\n\
                  With files or a folder: those. With a name alone: the files that its containers were made from, and where those \
                  files are gone, what the containers' labels and settings tell; without containers, the file that Compose \
                  finds from here, under that name. `not_found`: no file, or no Compose. `invalid`: the file is wrong, or requires variables \
                  that are not set; all of them are named, with file and line.",
            example: "let p = compose::project(#{ name: \"trading\" });\nfor s in p.services { print(`${s.name}: ${s.image}`); }",
            target: |a| match a.opt_str("name") {
                Some(name) => format!("compose/{name}"),
                None => "compose".into(),
            },
            call: |call| {
                let a = call.args();
                let paths = |name| a.strs(name).into_iter().map(PathBuf::from).collect();
                let which = Which {
                    folder: a.opt_str("folder").map(PathBuf::from),
                    files: paths("files"),
                    name: a.opt_str("name").map(str::to_owned),
                    env_files: paths("env_files"),
                    profiles: a.strs("profiles"),
                };
                Ok(PROJECT.record(&Project::read(call.cx(), &engine(call), &which)?))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "changes",
            params: &[ON],
            options: &[SERVICES],
            returns: Ty::Record(&FORESEEN),
            errors: CHANGE_ERRORS,
            doc: "What `compose::up` would do with each service as its containers are now: by the digest of its settings and by its image.",
            example: "let c = compose::changes(compose::project(#{ name: \"trading\" }));\nprint(c.create + c.recreate);",
            target,
            call: |call| {
                let up = Up {
                    services: call.args().strs("services"),
                    no_deps: true,
                    ..Up::default()
                };
                Ok(FORESEEN.record(&project(call)?.foresee_up(call.cx(), &engine(call), &up)?))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "up",
            options: &[
                SERVICES,
                option(
                    "no_deps",
                    Ty::Bool,
                    "false",
                    "leave what the services wait for alone",
                ),
                option(
                    "no_start",
                    Ty::Bool,
                    "false",
                    "create what is missing or has changed, and start nothing",
                ),
                option(
                    "force_recreate",
                    Ty::Bool,
                    "false",
                    "make every container anew",
                ),
                option("build", Ty::Bool, "false", "build images first"),
                ORPHANS,
                GRACE,
                QUIET,
            ],
            doc: "Creates and starts services: `docker compose up --detach`.\nIt returns when they are started, not when they are ready; what they \
                  wait for by the file is waited for. `not_found`: an external network or volume is missing; `conflict`: a port is taken, or a \
                  dependency is unhealthy.",
            example: "let p = compose::project(#{ name: \"trading\" });\ncompose::up(p, #{ services: [\"redis\"] });",
            preview: Some(|call| {
                let up = up(call.args());
                let seen = project(call)?.foresee_up(call.cx(), &engine(call), &up)?;
                let list = |what: &str, names: &[String]| match names {
                    [] => None,
                    names => Some(format!("{what} {}", names.join(", "))),
                };
                let parts: Vec<String> = [
                    list("creates", &seen.create),
                    list("recreates", &seen.recreate),
                    list("starts", &seen.start),
                ]
                .into_iter()
                .flatten()
                .collect();
                Ok(Blast {
                    summary: if parts.is_empty() {
                        "nothing to do".into()
                    } else {
                        parts.join("; ")
                    },
                    identity: seen.identity.clone(),
                    touches: seen.changed.iter().map(|c| format!("docker/{c}")).collect(),
                    facts: facts(&serde_json::json!({
                        "create": seen.create, "recreate": seen.recreate, "start": seen.start, "keep": seen.keep,
                    })),
                })
            }),
            call: |call| {
                shown(call, |p, on_step| {
                    p.up(call.cx(), &engine(call), &up(call.args()), on_step)
                })
            },
            ..ON_PROJECT
        },
        Primitive {
            name: "build",
            options: &[
                SERVICES,
                option("no_cache", Ty::Bool, "false", "start from nothing"),
                option("pull", Ty::Bool, "false", "fetch newer base images"),
                QUIET,
            ],
            doc: "Builds the images of services that the file says how to build: `docker compose build`.",
            example: "compose::build(compose::project(#{ name: \"trading\" }), #{ services: [\"api\"] });",
            preview: Some(|call| {
                let wanted = call.args().strs("services");
                let built: Vec<String> = project(call)?
                    .services
                    .into_iter()
                    .filter(|s| s.built && (wanted.is_empty() || wanted.contains(&s.name)))
                    .map(|s| s.name)
                    .collect();
                Ok(named("builds", &built))
            }),
            call: |call| {
                let a = call.args();
                let build = Build {
                    services: a.strs("services"),
                    no_cache: a.bool("no_cache"),
                    pull: a.bool("pull"),
                };
                shown(call, |p, on_step| p.build(call.cx(), &build, on_step))
            },
            ..ON_PROJECT
        },
        Primitive {
            name: "pull",
            options: &[
                SERVICES,
                option(
                    "missing",
                    Ty::Bool,
                    "false",
                    "only images that are not here",
                ),
                QUIET,
            ],
            doc: "Fetches the images of services: `docker compose pull`.",
            example: "compose::pull(compose::project(#{ name: \"trading\" }), #{ missing: true });",
            preview: Some(|call| Ok(named("fetches the images of", &chosen(call)?))),
            call: |call| {
                let a = call.args();
                let pull = Pull {
                    services: a.strs("services"),
                    missing: a.bool("missing"),
                };
                shown(call, |p, on_step| p.pull(call.cx(), &pull, on_step))
            },
            ..ON_PROJECT
        },
        Primitive {
            name: "stop",
            options: &[SERVICES, GRACE, QUIET],
            doc: "Stops services and keeps their containers: `docker compose stop`, those first that others do not need.",
            example: "compose::stop(compose::project(#{ name: \"trading\" }), #{ services: [\"api\"], timeout: \"30s\" });",
            preview: Some(|call| {
                let services = chosen(call)?;
                let existing = Existing::of(call, &services)?;
                Ok(Blast {
                    identity: existing.identity(),
                    touches: existing.touches(),
                    ..named("stops", &existing.names(true))
                })
            }),
            call: |call| {
                let a = call.args();
                let stop = Stop {
                    services: a.strs("services"),
                    grace: a.opt_duration("timeout"),
                };
                shown(call, |p, on_step| p.stop(call.cx(), &stop, on_step))
            },
            ..ON_PROJECT
        },
        Primitive {
            name: "down",
            options: &[
                option(
                    "volumes",
                    Ty::Bool,
                    "false",
                    "remove its named volumes, with all that is in them",
                ),
                ORPHANS,
                GRACE,
                QUIET,
            ],
            access: Access::Destroy,
            doc: "Removes a project's containers and networks, and its named volumes if asked to: `docker compose down`.\nBind-mounted \
                  folders and external volumes stay.",
            example: "compose::down(compose::project(#{ name: \"trading\" }), #{ timeout: \"30s\" });",
            preview: Some(|call| {
                let existing = Existing::of(call, &[])?;
                let mut blast = named("removes", &existing.names(false));
                blast.identity = existing.identity();
                blast.touches = existing.touches();
                if call.args().bool("volumes") {
                    let volumes: Vec<String> = project(call)?
                        .volumes
                        .into_iter()
                        .filter(|v| !v.external)
                        .map(|v| v.name)
                        .collect();
                    blast.summary += &format!("; with the volumes {}", volumes.join(", "));
                    blast.facts.insert("volumes".into(), volumes.into());
                }
                Ok(blast)
            }),
            call: |call| {
                let a = call.args();
                let down = Down {
                    volumes: a.bool("volumes"),
                    remove_orphans: a.bool("remove_orphans"),
                    grace: a.opt_duration("timeout"),
                };
                shown(call, |p, on_step| p.down(call.cx(), &down, on_step))
            },
            ..ON_PROJECT
        },
    ],
};

fn target(a: &Args) -> String {
    format!("compose/{}", a.record("project").str("name"))
}

fn engine(call: &Call<'_>) -> Arc<Engine> {
    docker::engine(call)
}

/// The project as it was read.
fn project(call: &Call<'_>) -> Result<Project, Failure> {
    let map = call.args().record("project").to_map();
    rhai::serde::from_dynamic(&map.into())
        .map_err(|e| Failure::invalid(format!("this is no project: {e}")))
}

fn up(a: &Args) -> Up {
    Up {
        services: a.strs("services"),
        no_deps: a.bool("no_deps"),
        no_start: a.bool("no_start"),
        force_recreate: a.bool("force_recreate"),
        build: a.bool("build"),
        remove_orphans: a.bool("remove_orphans"),
        grace: a.opt_duration("timeout"),
    }
}

/// Does it, and shows what Compose says meanwhile.
fn shown(
    call: &Call<'_>,
    act: impl FnOnce(&Project, &mut dyn FnMut(&Step)) -> Result<Changed, Error>,
) -> super::Answer {
    let project = project(call)?;
    let working = (!call.args().bool("quiet")).then(|| Working::begin(call));
    let changed = act(&project, &mut |step| {
        let Some(working) = &working else { return };
        if step.known() {
            working.say(&format!("{} {}", step.name, step.state.to_lowercase()));
        } else {
            working.say(&step.state);
        }
    })?;
    Ok(CHANGED.record(&changed))
}

/// The services that are meant.
fn chosen(call: &Call<'_>) -> Result<Vec<String>, Failure> {
    let wanted = call.args().strs("services");
    if !wanted.is_empty() {
        return Ok(wanted);
    }
    Ok(project(call)?
        .services
        .into_iter()
        .map(|s| s.name)
        .collect())
}

/// Containers that exist when a plan is made, as a plan holds on to them: one that was made anew since is another.
struct Existing(Vec<Container>);

impl Existing {
    fn of(call: &Call<'_>, services: &[String]) -> Result<Self, Failure> {
        let ours = |c: &Container| c.service.as_ref().is_some_and(|s| services.contains(s));
        let mut found = project(call)?.containers(call.cx(), &engine(call))?;
        found.retain(|c| services.is_empty() || ours(c));
        Ok(Self(found))
    }

    fn names(&self, only_running: bool) -> Vec<String> {
        self.0
            .iter()
            .filter(|c| !only_running || c.state == "running")
            .map(|c| c.name.clone())
            .collect()
    }

    fn touches(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|c| format!("docker/{}", c.name))
            .collect()
    }

    /// Those that do not run, too: what comes after them in the plan means them as they are.
    fn identity(&self) -> String {
        let line = |c: &Container| format!("{} {} {}", c.name, c.id, c.state == "running");
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn named(verb: &str, names: &[String]) -> Blast {
    Blast {
        summary: if names.is_empty() {
            "nothing to do".into()
        } else {
            format!("{verb} {}", names.join(", "))
        },
        facts: facts(&serde_json::json!({ "of": names })),
        identity: String::new(),
        ..Blast::default()
    }
}

fn facts(value: &serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    value.as_object().cloned().unwrap_or_default()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (text, hint) = (error.to_string(), error.hint());
        let kind = match error {
            Error::Stopped(stop) => return stop.into(),
            Error::Docker(error) => return error.into(),
            Error::Process(error) => return error.into(),
            Error::Unknown { stop, .. } => {
                return Self {
                    stop,
                    ..Self::new(Kind::Unknown, text)
                };
            }
            Error::NoCompose | Error::NoFile { .. } | Error::NoExternal { .. } => Kind::NotFound,
            Error::Unset(_) | Error::NoService { .. } | Error::Invalid(_) => Kind::Invalid,
            Error::NoMoreFile { .. } | Error::Conflict { .. } => Kind::Conflict,
            Error::Unreachable { .. } => Kind::Unreachable,
            Error::Failed { .. } => Kind::Failed,
        };
        Self {
            hint,
            ..Self::new(kind, text)
        }
    }
}
