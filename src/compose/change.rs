//! What changes a project. All of it is Compose's work; here it is asked, watched and believed only by its
//! exit code.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use serde::Serialize;

use super::config::Asked;
use super::{Error, Named, Project, Service, ServiceMount, Step};
use crate::docker::{Container, Engine, Filter};
use crate::process::{self, Options};
use crate::run::{Cx, Effect};

/// As many lines of complaint are kept.
const KEPT_LINES: usize = 50;

/// How to bring services up.
#[derive(Debug, Clone, Default)]
pub struct Up {
    /// Which; empty: all.
    pub services: Vec<String>,
    /// Leaves what they wait for alone.
    pub no_deps: bool,
    /// Creates and does not start.
    pub no_start: bool,
    /// Makes every container anew.
    pub force_recreate: bool,
    /// Builds images first.
    pub build: bool,
    /// Removes containers of services that the file does not have any more.
    pub remove_orphans: bool,
    /// How long containers may take to end.
    pub grace: Option<Duration>,
}

/// How to build.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// Which services; empty: all.
    pub services: Vec<String>,
    /// Starts from nothing.
    pub no_cache: bool,
    /// Fetches newer base images.
    pub pull: bool,
}

/// What to fetch.
#[derive(Debug, Clone, Default)]
pub struct Pull {
    /// Which services; empty: all.
    pub services: Vec<String>,
    /// Only images that are not here.
    pub missing: bool,
}

/// What to stop.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Which services; empty: all.
    pub services: Vec<String>,
    /// How long containers may take to end.
    pub grace: Option<Duration>,
}

/// How to take a project down.
#[derive(Debug, Clone, Default)]
pub struct Down {
    /// Removes its named volumes, too.
    pub volumes: bool,
    /// Removes containers of services that the file does not have any more.
    pub remove_orphans: bool,
    /// How long containers may take to end.
    pub grace: Option<Duration>,
}

/// One thing that was changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Touched {
    /// `container`, `network`, `volume` or `image`.
    pub kind: String,
    /// Which one.
    pub name: String,
    /// `created`, `recreated`, `started`, `stopped`, `removed`, `pulled`, `built`: the last that was done.
    pub action: String,
}

impl fmt::Display for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.action, self.kind, self.name)
    }
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// The project.
    pub project: String,
    /// Whether anything was touched.
    pub changed: bool,
    /// What.
    pub touched: Vec<Touched>,
    /// How long it took.
    pub ms: i64,
}

/// What bringing up would do, container by container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Foreseen {
    /// Services whose container would be made.
    pub create: Vec<String>,
    /// Services whose container would be made anew: their settings or their image are others now.
    pub recreate: Vec<String>,
    /// Services whose container would be started.
    pub start: Vec<String>,
    /// Services that would be left alone.
    pub keep: Vec<String>,
    /// Each container, by id and state.
    pub identity: String,
    /// The containers that would not be left alone, by their names: those that would be made, too.
    pub changed: Vec<String>,
}

impl Project {
    /// Creates and starts services: `docker compose up --detach`.
    pub fn up(
        &self,
        cx: &Cx,
        engine: &Engine,
        up: &Up,
        on_step: &mut dyn FnMut(&Step),
    ) -> Result<Changed, Error> {
        let chosen = self.chosen(&up.services, up.no_deps)?;
        self.externals(cx, engine, &chosen)?;
        let mut argv = vec!["up".to_owned()];
        argv.push(
            if up.no_start {
                "--no-start"
            } else {
                "--detach"
            }
            .into(),
        );
        for (wanted, flag) in [
            (up.no_deps, "--no-deps"),
            (up.force_recreate, "--force-recreate"),
            (up.build, "--build"),
            (up.remove_orphans, "--remove-orphans"),
        ] {
            argv.extend(wanted.then(|| flag.to_owned()));
        }
        argv.extend(grace(up.grace));
        self.act(
            cx,
            if up.no_start {
                "create containers"
            } else {
                "bring services up"
            },
            argv,
            &up.services,
            on_step,
        )
    }

    /// Builds images: `docker compose build`.
    pub fn build(
        &self,
        cx: &Cx,
        build: &Build,
        on_step: &mut dyn FnMut(&Step),
    ) -> Result<Changed, Error> {
        self.chosen(&build.services, true)?;
        let mut argv = vec!["build".to_owned()];
        argv.extend(build.no_cache.then(|| "--no-cache".to_owned()));
        argv.extend(build.pull.then(|| "--pull".to_owned()));
        self.act(cx, "build images", argv, &build.services, on_step)
    }

    /// Fetches images: `docker compose pull`.
    pub fn pull(
        &self,
        cx: &Cx,
        pull: &Pull,
        on_step: &mut dyn FnMut(&Step),
    ) -> Result<Changed, Error> {
        self.chosen(&pull.services, true)?;
        let mut argv = vec!["pull".to_owned()];
        if pull.missing {
            argv.extend(["--policy", "missing"].map(str::to_owned));
        }
        self.act(cx, "fetch images", argv, &pull.services, on_step)
    }

    /// Stops services and keeps their containers: `docker compose stop`.
    pub fn stop(
        &self,
        cx: &Cx,
        stop: &Stop,
        on_step: &mut dyn FnMut(&Step),
    ) -> Result<Changed, Error> {
        self.chosen(&stop.services, true)?;
        let mut argv = vec!["stop".to_owned()];
        argv.extend(grace(stop.grace));
        self.act(cx, "stop services", argv, &stop.services, on_step)
    }

    /// Removes containers and networks, and the named volumes if that is wanted: `docker compose down`.
    pub fn down(
        &self,
        cx: &Cx,
        down: &Down,
        on_step: &mut dyn FnMut(&Step),
    ) -> Result<Changed, Error> {
        let mut argv = vec!["down".to_owned()];
        argv.extend(down.volumes.then(|| "--volumes".to_owned()));
        argv.extend(down.remove_orphans.then(|| "--remove-orphans".to_owned()));
        argv.extend(grace(down.grace));
        self.act(cx, "take the project down", argv, &[], on_step)
    }

    /// What [`Project::up`] would do, as the containers are now.
    pub fn foresee_up(&self, cx: &Cx, engine: &Engine, up: &Up) -> Result<Foreseen, Error> {
        let containers = self.containers(cx, engine)?;
        let mut foreseen = Foreseen::default();
        for service in self.chosen(&up.services, up.no_deps)? {
            let own: Vec<_> = containers
                .iter()
                .filter(|c| c.service.as_deref() == Some(&service.name))
                .collect();
            let changed = up.force_recreate || own.iter().any(|c| differs(service, c));
            let runs = own.iter().all(|c| c.state == "running");
            let list = if own.is_empty() {
                &mut foreseen.create
            } else if changed
                || own
                    .iter()
                    .any(|c| self.image_differs(cx, engine, service, c))
            {
                &mut foreseen.recreate
            } else if !runs && !up.no_start {
                &mut foreseen.start
            } else {
                &mut foreseen.keep
            };
            list.push(service.name.clone());
            foreseen
                .identity
                .extend(own.iter().map(|c| format!("{} {}\n", c.id, c.state)));
            if foreseen.keep.last() == Some(&service.name) {
                continue;
            }
            let named = own.iter().map(|c| c.name.clone());
            foreseen.changed.extend(named);
            if own.is_empty() {
                foreseen.changed.push(self.first_container(service));
            }
        }
        Ok(foreseen)
    }

    /// Whether what others make is there. Compose notices it halfway.
    fn externals(&self, cx: &Cx, engine: &Engine, services: &[&Service]) -> Result<(), Error> {
        let used = |network: &Named| services.iter().any(|s| s.networks.contains(&network.alias));
        let networks: Vec<&Named> = self
            .networks
            .iter()
            .filter(|n| n.external && used(n))
            .collect();
        if !networks.is_empty() {
            let there = engine.networks(cx, &[])?;
            if let Some(missing) = networks
                .iter()
                .find(|n| !there.iter().any(|t| t.name == n.name))
            {
                return Err(Error::NoExternal {
                    kind: "network",
                    name: missing.name.clone(),
                });
            }
        }
        let used = |volume: &Named| {
            let mounted = |m: &ServiceMount| m.source.as_ref() == Some(&volume.name);
            services.iter().any(|s| s.mounts.iter().any(mounted))
        };
        let volumes: Vec<&Named> = self
            .volumes
            .iter()
            .filter(|v| v.external && used(v))
            .collect();
        if !volumes.is_empty() {
            let there = engine.volumes(cx, &[])?;
            if let Some(missing) = volumes
                .iter()
                .find(|v| !there.iter().any(|t| t.name == v.name))
            {
                return Err(Error::NoExternal {
                    kind: "volume",
                    name: missing.name.clone(),
                });
            }
        }
        Ok(())
    }

    /// The project's containers, stopped ones too.
    pub fn containers(&self, cx: &Cx, engine: &Engine) -> Result<Vec<Container>, Error> {
        let all = Filter {
            all: true,
            project: Some(self.name.clone()),
            ..Filter::default()
        };
        Ok(engine.containers(cx, &all)?)
    }

    /// Whether the name of the service's image means another image than the container was made from.
    fn image_differs(
        &self,
        cx: &Cx,
        engine: &Engine,
        service: &Service,
        container: &Container,
    ) -> bool {
        let made_from = container
            .labels
            .get("com.docker.compose.image")
            .unwrap_or(&container.image_id);
        service
            .image
            .as_deref()
            .and_then(|name| engine.image(cx, name).ok())
            .is_some_and(|image| image.id != *made_from)
    }

    fn act(
        &self,
        cx: &Cx,
        what: &str,
        rest: Vec<String>,
        services: &[String],
        on_step: &mut dyn FnMut(&Step),
    ) -> Result<Changed, Error> {
        // A file that is not there would only be complained of by its name.
        if self.source == "labels" && !matches!(rest[0].as_str(), "stop" | "down") {
            return Err(Error::NoMoreFile {
                what: what.to_owned(),
                project: self.name.clone(),
            });
        }
        let asked = Asked::of_project(self);
        let mut argv = asked.argv()?;
        argv.extend(rest);
        argv.extend(services.iter().cloned());
        let options = Options {
            combine: true,
            ..asked.options()
        };
        let mut done: BTreeMap<(String, String), &str> = BTreeMap::new();
        let mut said: Vec<String> = Vec::new();
        let outcome = process::stream(cx, &argv, &options, &mut |lines| {
            for line in lines.iter().filter(|line| !line.text.trim().is_empty()) {
                let step = Step::parse(&line.text);
                if let Some(action) = step.done() {
                    cx.effects().effect(Effect {
                        verb: action.to_owned(),
                        target: format!("docker/{}", step.name),
                        outcome: "done".into(),
                    });
                    done.insert((step.kind.clone(), step.name.clone()), action);
                } else if !step.known() {
                    if said.len() == KEPT_LINES {
                        said.remove(0);
                    }
                    said.push(step.state.clone());
                }
                on_step(&step);
            }
            ControlFlow::Continue(())
        });
        let touched: Vec<Touched> = done
            .into_iter()
            .map(|((kind, name), action)| Touched {
                kind,
                name,
                action: action.to_owned(),
            })
            .collect();
        match outcome {
            Ok(outcome) if outcome.ok => Ok(Changed {
                project: self.name.clone(),
                changed: !touched.is_empty(),
                touched,
                ms: outcome.ms,
            }),
            Ok(_) => Err(Error::of_change(what, &said, touched)),
            Err(process::Error::Stopped(stop)) => Err(Error::Unknown {
                what: what.to_owned(),
                reason: stop.to_string(),
                done: touched,
                stop: Some(stop),
            }),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a container was made from other settings than the file has now.
fn differs(service: &Service, container: &Container) -> bool {
    let made_from = container.labels.get("com.docker.compose.config-hash");
    matches!((&service.config_hash, made_from), (Some(now), Some(then)) if now != then)
}

fn grace(limit: Option<Duration>) -> Vec<String> {
    limit.map_or_else(Vec::new, |d| {
        vec!["--timeout".into(), d.as_secs().to_string()]
    })
}
