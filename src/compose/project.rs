//! A project as data: its services and what they need, and where it comes from.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::config::{self, Asked};
use super::{Error, labels};
use crate::docker::{Container, Engine, Filter};
use crate::run::Cx;

/// Which project is meant. Nothing given: the one that Compose finds from here.
#[derive(Debug, Clone, Default)]
pub struct Which {
    /// Where Compose is to look for its file; `None`: here.
    pub folder: Option<PathBuf>,
    /// The files; empty: those that Compose finds.
    pub files: Vec<PathBuf>,
    /// The project's name; `None`: the one that the file says, else the folder's.
    pub name: Option<String>,
    /// Files with variables; empty: `.env` beside the file.
    pub env_files: Vec<PathBuf>,
    /// Profiles to take in, beside those of `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// The folder that relative paths of the file start from; empty when only labels are known.
    pub folder: PathBuf,
    /// The compose files, in order.
    pub files: Vec<PathBuf>,
    /// The files with variables that were named; empty: `.env`, if there is one.
    pub env_files: Vec<PathBuf>,
    /// Profiles that were asked for.
    pub profiles: Vec<String>,
    /// `file`, or `labels` when the file is gone.
    pub source: String,
    /// Its services, by name.
    pub services: Vec<Service>,
    /// Its networks, without those that no service uses.
    pub networks: Vec<Named>,
    /// Its named volumes, without those that no service uses.
    pub volumes: Vec<Named>,
}

/// A network or a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// What the file calls it.
    pub alias: String,
    /// What the engine calls it.
    pub name: String,
    /// Whether it is made by somebody else and has to be there.
    pub external: bool,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// The name that its container is given; `None`: Compose makes one.
    pub container_name: Option<String>,
    /// Its image; `None`: built, and named by Compose.
    pub image: Option<String>,
    /// Whether the file says how to build it.
    pub built: bool,
    /// What it waits for.
    pub depends_on: Vec<Dependency>,
    /// Whether the file has a health check for it. An image can have one, too: the container knows.
    pub has_health_check: bool,
    /// Seconds between two health checks, where the file says so.
    pub health_interval_s: Option<f64>,
    /// Seconds in which failed health checks do not count, where the file says so.
    pub health_start_s: Option<f64>,
    /// After how many failed health checks it is unhealthy, where the file says so.
    pub health_retries: Option<i64>,
    /// Whether it runs once and ends: another service waits for its end, or nothing restarts or checks it.
    pub one_shot: bool,
    /// `no`, `always`, `unless-stopped`, `on-failure`.
    pub restart: String,
    /// What it publishes.
    pub ports: Vec<PublishedPort>,
    /// What is mounted into it.
    pub mounts: Vec<ServiceMount>,
    /// Its networks, as the file calls them.
    pub networks: Vec<String>,
    /// The profiles that take it in; empty: always.
    pub profiles: Vec<String>,
    /// Its limit of memory.
    pub memory_limit_bytes: Option<i64>,
    /// Its limit of processor, in cores.
    pub cpus: Option<f64>,
    /// The names of its variables; values are not kept.
    pub environment_names: Vec<String>,
    /// What Compose would write into the label `com.docker.compose.config-hash`; `None` from labels.
    pub config_hash: Option<String>,
}

/// One thing that a service waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The service.
    pub name: String,
    /// `service_started`, `service_healthy` or `service_completed_successfully`.
    pub condition: String,
    /// Whether the service cannot start without it.
    pub required: bool,
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPort {
    /// The host's address; `None`: every one.
    pub host_ip: Option<String>,
    /// The host's port; `None`: any free one.
    pub host_port: Option<i64>,
    /// The port inside.
    pub container_port: i64,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// Something that is mounted into a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceMount {
    /// `volume`, `bind` or `tmpfs`.
    pub kind: String,
    /// The volume's name in the engine, or the host's absolute path; `None`: without a name.
    pub source: Option<String>,
    /// Where it appears inside.
    pub target: String,
    /// Whether it can only be read.
    pub read_only: bool,
}

impl Project {
    /// What the first container of a service is called when it is made.
    pub fn first_container(&self, service: &Service) -> String {
        let given = service.container_name.clone();
        given.unwrap_or_else(|| format!("{}-{}-1", self.name, service.name))
    }

    /// Reads a project. With files or a folder: those. With a name alone: the files that its containers were
    /// made from, or the containers' labels where those files are gone; without containers, the file that
    /// Compose finds from here, under that name.
    pub fn read(cx: &Cx, engine: &Engine, which: &Which) -> Result<Self, Error> {
        let named = which.files.is_empty() && which.folder.is_none();
        let Some(name) = which.name.as_deref().filter(|_| named) else {
            return config::read(cx, &Asked::of(which));
        };
        // No engine is no reason to give up: the file may be here, and reading it needs none.
        let all = Filter {
            all: true,
            project: Some(name.to_owned()),
            ..Filter::default()
        };
        let containers = match engine.containers(cx, &all) {
            Ok(found) => found,
            Err(crate::docker::Error::Stopped(stop)) => return Err(stop.into()),
            Err(_) => Vec::new(),
        };
        match Asked::of_labels(which, &containers) {
            Some(asked) if asked.files.iter().all(|file| file.is_file()) => {
                config::read(cx, &asked)
            }
            _ if containers.is_empty() => config::read(cx, &Asked::of(which)),
            _ => labels::read(cx, engine, name, &containers),
        }
    }

    /// A service.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|s| s.name == name)
    }

    /// The services that are meant by `names` (empty: all), and unless `alone` all that they wait for. In the
    /// order of the project.
    pub(super) fn chosen(&self, names: &[String], alone: bool) -> Result<Vec<&Service>, Error> {
        for name in names {
            if self.service(name).is_none() {
                return Err(self.no_service(name));
            }
        }
        if names.is_empty() {
            return Ok(self.services.iter().collect());
        }
        let mut wanted = names.to_vec();
        let mut next = 0;
        while !alone && next < wanted.len() {
            let waits_for = self
                .service(&wanted[next])
                .map_or(&[][..], |s| &s.depends_on);
            for dependency in waits_for {
                if !wanted.contains(&dependency.name) {
                    wanted.push(dependency.name.clone());
                }
            }
            next += 1;
        }
        Ok(self
            .services
            .iter()
            .filter(|s| wanted.contains(&s.name))
            .collect())
    }

    fn no_service(&self, name: &str) -> Error {
        let similar = self
            .services
            .iter()
            .map(|s| (strsim::osa_distance(name, &s.name), &s.name))
            .filter(|(distance, known)| *distance <= 2 || known.contains(name))
            .min()
            .map(|(_, known)| known.clone());
        Error::NoService {
            name: name.to_owned(),
            place: self.place(),
            similar,
        }
    }

    /// Where it comes from, for people.
    pub(super) fn place(&self) -> String {
        match self.files.first() {
            Some(file) => file.display().to_string(),
            None => format!("the labels of project {}", self.name),
        }
    }

    /// Derived of the whole project, when all services are known.
    pub(super) fn mark_one_shots(&mut self) {
        let awaited: Vec<String> = self
            .services
            .iter()
            .flat_map(|s| &s.depends_on)
            .filter(|d| d.condition == "service_completed_successfully")
            .map(|d| d.name.clone())
            .collect();
        for service in &mut self.services {
            service.one_shot |= awaited.contains(&service.name);
        }
    }
}

/// What the labels of a project's containers say of its files: the newest container counts.
pub(super) fn label<'a>(containers: &'a [Container], name: &str) -> Option<&'a str> {
    containers
        .iter()
        .filter(|c| c.labels.get(name).is_some_and(|v| !v.is_empty()))
        .max_by_key(|c| c.created)
        .and_then(|c| c.labels.get(name))
        .map(String::as_str)
}

/// A list of paths as Compose writes it into a label.
pub(super) fn paths(list: &str) -> Vec<PathBuf> {
    list.split(',')
        .filter(|p| !p.is_empty())
        .map(PathBuf::from)
        .collect()
}

/// `path` as an absolute one, without asking the file system about it.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
