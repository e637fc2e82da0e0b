//! A project from its files: what `docker compose config` makes of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::project::{absolute, label, paths};
use super::{
    Dependency, Error, Named, Project, PublishedPort, Service, ServiceMount, Which, program,
    variables,
};
use crate::docker::{Container, Endpoint};
use crate::process::{self, Options, Outcome};
use crate::run::Cx;

/// The names by which Compose finds its file, the first one first.
const NAMES: &[&str] = &[
    "compose.yaml",
    "compose.yml",
    "docker-compose.yaml",
    "docker-compose.yml",
];

/// What Compose is told about which project.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) folder: Option<PathBuf>,
    pub(super) files: Vec<PathBuf>,
    pub(super) name: Option<String>,
    pub(super) env_files: Vec<PathBuf>,
    pub(super) profiles: Vec<String>,
    /// Whether `folder` is the project's own folder, and not where to look for its file.
    exact: bool,
}

impl Asked {
    pub(super) fn of(which: &Which) -> Self {
        Self {
            folder: which.folder.as_deref().map(absolute),
            files: which.files.iter().map(|f| absolute(f)).collect(),
            name: which.name.clone(),
            env_files: which.env_files.iter().map(|f| absolute(f)).collect(),
            profiles: which.profiles.clone(),
            exact: false,
        }
    }

    /// As the labels of a project's containers say; `None`: they say nothing.
    pub(super) fn of_labels(which: &Which, containers: &[Container]) -> Option<Self> {
        let files = paths(label(
            containers,
            "com.docker.compose.project.config_files",
        )?);
        let known = label(containers, "com.docker.compose.project.environment_file");
        Some(Self {
            folder: label(containers, "com.docker.compose.project.working_dir").map(PathBuf::from),
            files,
            env_files: if which.env_files.is_empty() {
                known.map(paths).unwrap_or_default()
            } else {
                which.env_files.iter().map(|f| absolute(f)).collect()
            },
            name: which.name.clone(),
            profiles: which.profiles.clone(),
            exact: true,
        })
    }

    pub(super) fn of_project(project: &Project) -> Self {
        Self {
            folder: Some(project.folder.clone()),
            files: project.files.clone(),
            name: Some(project.name.clone()),
            env_files: project.env_files.clone(),
            profiles: project.profiles.clone(),
            exact: true,
        }
    }

    /// The command line up to the command. Output is plain: it is read by us.
    pub(super) fn argv(&self) -> Result<Vec<String>, Error> {
        Endpoint::chosen()?;
        let mut argv = program::find()?;
        argv.extend(["--ansi", "never", "--progress", "plain"].map(str::to_owned));
        let mut add = |flag: &str, value: String| argv.extend([flag.to_owned(), value]);
        if let (true, Some(folder)) = (self.exact, &self.folder) {
            add("--project-directory", folder.display().to_string());
        }
        if let Some(name) = &self.name {
            add("--project-name", name.clone());
        }
        for file in &self.files {
            add("--file", file.display().to_string());
        }
        for file in &self.env_files {
            add("--env-file", file.display().to_string());
        }
        for profile in &self.profiles {
            add("--profile", profile.clone());
        }
        Ok(argv)
    }

    /// How it is run: against the engine that this process uses.
    pub(super) fn options(&self) -> Options {
        Options {
            // One that cannot be told is told when the command line is made.
            env: Endpoint::chosen().map_or_else(|_| Vec::new(), |engine| engine.for_children()),
            cwd: self.folder.clone().filter(|folder| folder.is_dir()),
            // A project's configuration, with all that is in its files.
            max_output: 64 << 20,
            ..Options::default()
        }
    }

    /// The files, as Compose finds them where none is named.
    pub(super) fn found(&self) -> Vec<PathBuf> {
        if !self.files.is_empty() {
            return self.files.clone();
        }
        let here = self
            .folder
            .clone()
            .unwrap_or_else(|| absolute(Path::new(".")));
        if let Some(list) = std::env::var_os("COMPOSE_FILE").filter(|list| !list.is_empty()) {
            return std::env::split_paths(&list)
                .map(|file| here.join(file))
                .collect();
        }
        here.ancestors()
            .find_map(|folder| {
                NAMES
                    .iter()
                    .map(|n| folder.join(n))
                    .find(|file| file.is_file())
            })
            .map(|file| {
                let beside = file.file_name().and_then(|n| n.to_str()).and_then(over);
                let beside = beside
                    .map(|n| file.with_file_name(n))
                    .filter(|f| f.is_file());
                std::iter::once(file).chain(beside).collect()
            })
            .unwrap_or_default()
    }
}

/// The file that Compose lays over one that it found by itself.
fn over(name: &str) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    Some(format!("{stem}.override.{extension}"))
}

/// Reads the project, by two questions at once: what it is, and what each service's digest is.
pub(super) fn read(cx: &Cx, asked: &Asked) -> Result<Project, Error> {
    let argv = asked.argv()?;
    let ask = |rest: &[&str]| {
        let argv: Vec<String> = argv
            .iter()
            .cloned()
            .chain(rest.iter().map(|&r| r.to_owned()))
            .collect();
        process::run(cx, &argv, &asked.options())
    };
    let (config, hashes) = std::thread::scope(|scope| {
        let hashes = scope.spawn(|| ask(&["config", "--hash", "*"]));
        (ask(&["config", "--format", "json"]), hashes.join())
    });
    let config = answer(config?, asked)?;
    let hashes = match hashes {
        Ok(hashes) => answer(hashes?, asked)?,
        Err(_) => return Err(Error::failed("ask Compose for the digests", "it broke off")),
    };
    let resolved: Resolved = serde_json::from_str(&config)
        .map_err(|e| Error::failed("read what Compose made of the project", &e.to_string()))?;
    let hashes: BTreeMap<&str, &str> = hashes
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    Ok(resolved.project(asked, &hashes))
}

/// What Compose wrote, unless it complained.
fn answer(outcome: Outcome, asked: &Asked) -> Result<String, Error> {
    if outcome.ok {
        return Ok(outcome.stdout);
    }
    let said = outcome.stderr.trim();
    if said.contains("no configuration file provided") {
        let folder = asked
            .folder
            .clone()
            .unwrap_or_else(|| absolute(Path::new(".")));
        return Err(Error::NoFile { folder });
    }
    if said.contains("required variable") {
        let unset = variables::unset(&asked.found(), &asked.env_files);
        if !unset.is_empty() {
            return Err(Error::Unset(unset));
        }
    }
    Err(Error::of_config(said))
}

/// The parts of Compose's answer that matter here.
#[derive(Deserialize)]
struct Resolved {
    name: String,
    #[serde(default)]
    services: BTreeMap<String, RawService>,
    #[serde(default)]
    networks: BTreeMap<String, Option<RawNamed>>,
    #[serde(default)]
    volumes: BTreeMap<String, Option<RawNamed>>,
}

#[derive(Deserialize, Default)]
struct RawNamed {
    name: Option<String>,
    #[serde(default)]
    external: bool,
}

#[derive(Deserialize)]
struct RawService {
    container_name: Option<String>,
    image: Option<String>,
    build: Option<Value>,
    #[serde(default)]
    depends_on: BTreeMap<String, RawDependency>,
    healthcheck: Option<RawHealth>,
    restart: Option<String>,
    #[serde(default)]
    ports: Vec<RawPort>,
    #[serde(default)]
    volumes: Vec<RawMount>,
    #[serde(default)]
    tmpfs: Option<Value>,
    #[serde(default)]
    networks: BTreeMap<String, Value>,
    network_mode: Option<String>,
    #[serde(default)]
    profiles: Vec<String>,
    mem_limit: Option<Value>,
    cpus: Option<Value>,
    deploy: Option<Value>,
    #[serde(default)]
    environment: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct RawDependency {
    condition: String,
    required: Option<bool>,
}

#[derive(Deserialize)]
struct RawHealth {
    test: Option<Value>,
    interval: Option<String>,
    start_period: Option<String>,
    retries: Option<i64>,
    #[serde(default)]
    disable: bool,
}

#[derive(Deserialize)]
struct RawPort {
    host_ip: Option<String>,
    published: Option<Value>,
    target: i64,
    protocol: Option<String>,
}

#[derive(Deserialize)]
struct RawMount {
    #[serde(rename = "type")]
    kind: String,
    source: Option<String>,
    target: String,
    #[serde(default)]
    read_only: bool,
}

impl Resolved {
    fn project(self, asked: &Asked, hashes: &BTreeMap<&str, &str>) -> Project {
        let files = asked.found();
        let folder = match (&asked.folder, files.first()) {
            (Some(folder), _) if asked.exact => folder.clone(),
            (_, Some(file)) => file.parent().unwrap_or(Path::new("/")).to_owned(),
            (folder, None) => folder.clone().unwrap_or_default(),
        };
        let volumes = named(self.volumes, &self.name);
        let mut project = Project {
            folder,
            files,
            env_files: asked.env_files.clone(),
            profiles: asked.profiles.clone(),
            source: "file".into(),
            services: self
                .services
                .into_iter()
                .map(|(name, raw)| {
                    let hash = hashes.get(name.as_str()).map(|&h| h.to_owned());
                    raw.service(name, hash, &volumes)
                })
                .collect(),
            networks: named(self.networks, &self.name),
            volumes,
            name: self.name,
        };
        project.mark_one_shots();
        project
    }
}

fn named(raw: BTreeMap<String, Option<RawNamed>>, project: &str) -> Vec<Named> {
    raw.into_iter()
        .map(|(key, raw)| {
            let raw = raw.unwrap_or_default();
            Named {
                name: raw.name.unwrap_or_else(|| format!("{project}_{key}")),
                external: raw.external,
                alias: key,
            }
        })
        .collect()
}

impl RawService {
    fn service(self, name: String, config_hash: Option<String>, volumes: &[Named]) -> Service {
        let health = self
            .healthcheck
            .filter(|h| !h.disable && !says_none(h.test.as_ref()));
        // Without a restart policy a server is only a server that nobody starts again; said outright it is a job.
        let one_shot = self.restart.as_deref() == Some("no") && health.is_none();
        let limits = self.deploy.as_ref().map(|d| &d["resources"]["limits"]);
        let mut mounts: Vec<ServiceMount> = self
            .volumes
            .into_iter()
            .map(|m| ServiceMount {
                source: m
                    .source
                    .map(|source| match volumes.iter().find(|v| v.alias == source) {
                        Some(volume) if m.kind == "volume" => volume.name.clone(),
                        _ => source,
                    }),
                kind: m.kind,
                target: m.target,
                read_only: m.read_only,
            })
            .collect();
        mounts.extend(self.tmpfs.iter().flat_map(texts).map(|entry| ServiceMount {
            kind: "tmpfs".into(),
            source: None,
            target: entry.split(':').next().unwrap_or_default().to_owned(),
            read_only: false,
        }));
        Service {
            container_name: self.container_name,
            image: self.image,
            built: self.build.is_some(),
            depends_on: self
                .depends_on
                .into_iter()
                .map(|(name, d)| Dependency {
                    name,
                    condition: d.condition,
                    required: d.required.unwrap_or(true),
                })
                .collect(),
            has_health_check: health.is_some(),
            health_interval_s: health.as_ref().and_then(|h| seconds(h.interval.as_deref())),
            health_start_s: health
                .as_ref()
                .and_then(|h| seconds(h.start_period.as_deref())),
            health_retries: health.as_ref().and_then(|h| h.retries),
            one_shot,
            restart: self.restart.unwrap_or_else(|| "no".into()),
            ports: self
                .ports
                .into_iter()
                .map(|p| PublishedPort {
                    host_ip: p.host_ip.filter(|ip| !ip.is_empty()),
                    host_port: p.published.as_ref().and_then(whole),
                    container_port: p.target,
                    protocol: p.protocol.unwrap_or_else(|| "tcp".into()),
                })
                .collect(),
            mounts,
            networks: match self.network_mode {
                Some(mode) => vec![mode],
                None => self.networks.into_keys().collect(),
            },
            profiles: self.profiles,
            memory_limit_bytes: self
                .mem_limit
                .as_ref()
                .or_else(|| limits.map(|l| &l["memory"]))
                .and_then(whole),
            cpus: self
                .cpus
                .as_ref()
                .or_else(|| limits.map(|l| &l["cpus"]))
                .and_then(number),
            environment_names: self.environment.into_keys().collect(),
            config_hash,
            name,
        }
    }
}

/// `NONE` switches the image's own health check off.
fn says_none(test: Option<&Value>) -> bool {
    test.is_some_and(|t| t[0] == "NONE" || t == "NONE")
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items
            .iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect(),
        Value::String(text) => vec![text.clone()],
        _ => Vec::new(),
    }
}

/// Compose writes sizes and ports as text.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn seconds(text: Option<&str>) -> Option<f64> {
    humantime::parse_duration(text?)
        .ok()
        .map(|d| d.as_secs_f64())
}
