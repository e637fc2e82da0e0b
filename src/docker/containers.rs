//! The list of containers: what `docker ps -a` tells, with compose's labels understood.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{ContainerSummary, EndpointSettings, MountPoint, PortSummary};
use bollard::query_parameters::ListContainersOptions;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::engine::ANSWER;
use super::{Engine, Error};
use crate::run::Cx;

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const NUMBER: &str = "com.docker.compose.container-number";
const ONEOFF: &str = "com.docker.compose.oneoff";
/// Where this machine reaches what its own engine's containers publish.
const HERE: &str = "127.0.0.1";

/// A container as the list shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Container {
    /// The full id.
    pub id: String,
    /// The name, without the slash.
    pub name: String,
    /// The compose service.
    pub service: Option<String>,
    /// The compose project.
    pub project: Option<String>,
    /// The image as the container was started with it.
    pub image: String,
    /// The image's id.
    pub image_id: String,
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited` or `dead`.
    pub state: String,
    /// The engine's line: `Up 3 hours (healthy)`.
    pub status: String,
    /// `starting`, `healthy` or `unhealthy`; `None` without a health check.
    pub health: Option<String>,
    /// Of a container that ended.
    pub exit_code: Option<i64>,
    /// When it was created.
    pub created: Option<DateTime<Utc>>,
    /// Published and exposed ports.
    pub ports: Vec<Port>,
    /// Its mounts.
    pub mounts: Vec<Mount>,
    /// Network name to its address there.
    pub networks: BTreeMap<String, Option<String>>,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// The host on which this machine reaches what it publishes: `127.0.0.1`, or the name of the engine's machine.
    pub host: String,
}

/// A port of a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Port {
    /// The port inside.
    pub container_port: i64,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// The host's address that it is published on; `None`: not published.
    pub host_ip: Option<String>,
    /// The host's port; `None`: not published.
    pub host_port: Option<i64>,
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Mount {
    /// Where it appears inside.
    pub target: String,
    /// `bind`, `volume`, `tmpfs`.
    pub kind: String,
    /// The volume's name or the host's path.
    pub source: String,
    /// Whether it may be written to.
    pub writable: bool,
}

/// Which containers. Everything given must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Stopped ones too.
    pub all: bool,
    /// Of this compose project.
    pub project: Option<String>,
    /// Of this compose service.
    pub service: Option<String>,
    /// With these labels: `key` or `key=value`.
    pub labels: Vec<String>,
}

impl Engine {
    /// The containers that `filter` lets through, by project, service, number and name.
    pub fn containers(&self, cx: &Cx, filter: &Filter) -> Result<Vec<Container>, Error> {
        let options = ListContainersOptions {
            all: filter.all,
            filters: (!filter.wire().is_empty()).then(|| filter.wire()),
            ..ListContainersOptions::default()
        };
        let list = self.read(cx, "list containers", ANSWER, |client| async move {
            client.list_containers(Some(options)).await
        })?;
        let mut containers: Vec<_> = list.into_iter().map(Container::from).collect();
        if let Some(host) = self.endpoint()?.other_host() {
            for container in &mut containers {
                container.host.clone_from(&host);
            }
        }
        containers.sort_by(|a, b| a.place().cmp(&b.place()));
        Ok(containers)
    }

    /// The containers of one compose service, stopped ones too, `run` one-offs not. Empty: none.
    pub fn service(&self, cx: &Cx, project: &str, service: &str) -> Result<Vec<Container>, Error> {
        let mut found = self.containers(
            cx,
            &Filter {
                all: true,
                project: Some(project.to_owned()),
                service: Some(service.to_owned()),
                labels: Vec::new(),
            },
        )?;
        found.retain(|c| !c.is_one_off());
        Ok(found)
    }

    /// The error for a container that is not there, with the names that look like it. Whatever goes
    /// wrong while looking for those is not worth telling.
    pub(super) fn missing(&self, cx: &Cx, name: &str) -> Error {
        let all = Filter {
            all: true,
            ..Filter::default()
        };
        let known = self.containers(cx, &all).unwrap_or_default();
        Error::NotFound {
            message: format!("no container `{name}`"),
            similar: similar(name, &known),
        }
    }
}

impl Filter {
    fn wire(&self) -> HashMap<String, Vec<String>> {
        let mut labels = self.labels.clone();
        labels.extend(self.project.iter().map(|p| format!("{PROJECT}={p}")));
        labels.extend(self.service.iter().map(|s| format!("{SERVICE}={s}")));
        let mut filters = HashMap::new();
        if !labels.is_empty() {
            filters.insert("label".to_owned(), labels);
        }
        filters
    }
}

impl Container {
    /// Whether it was made by `compose run`.
    pub fn is_one_off(&self) -> bool {
        self.labels
            .get(ONEOFF)
            .is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    /// Which of the containers of its service it is, from 1.
    pub fn number(&self) -> Option<u32> {
        self.labels.get(NUMBER).and_then(|n| n.parse().ok())
    }

    fn place(&self) -> (&Option<String>, &Option<String>, u32, &str) {
        let number = self.number();
        (
            &self.project,
            &self.service,
            number.unwrap_or(0),
            &self.name,
        )
    }
}

impl From<ContainerSummary> for Container {
    fn from(summary: ContainerSummary) -> Self {
        let labels: BTreeMap<_, _> = summary.labels.unwrap_or_default().into_iter().collect();
        let status = summary.status.unwrap_or_default();
        let health = summary
            .health
            .and_then(|h| h.status)
            .map(|s| s.to_string())
            .filter(|s| s != "none" && !s.is_empty())
            .or_else(|| health_in(&status).map(Into::into));
        Self {
            id: summary.id.unwrap_or_default(),
            name: own_name(summary.names.unwrap_or_default()),
            service: labels.get(SERVICE).cloned(),
            project: labels.get(PROJECT).cloned(),
            image: summary.image.unwrap_or_default(),
            image_id: summary.image_id.unwrap_or_default(),
            state: summary.state.map(|s| s.to_string()).unwrap_or_default(),
            health,
            exit_code: exit_code_in(&status),
            status,
            created: summary.created.and_then(|s| DateTime::from_timestamp(s, 0)),
            ports: listed_ports(summary.ports.unwrap_or_default()),
            mounts: mounts(summary.mounts.unwrap_or_default()),
            networks: networks(
                summary
                    .network_settings
                    .and_then(|n| n.networks)
                    .unwrap_or_default(),
            ),
            labels,
            host: HERE.to_owned(),
        }
    }
}

/// The project and service in a set of labels.
pub(super) fn compose(labels: &BTreeMap<String, String>) -> (Option<String>, Option<String>) {
    (labels.get(PROJECT).cloned(), labels.get(SERVICE).cloned())
}

/// Links of old networks give a container more names, as `/other/alias`: its own has one slash.
fn own_name(names: Vec<String>) -> String {
    let own = names
        .iter()
        .find(|name| name.trim_start_matches('/').find('/').is_none())
        .or_else(|| names.first());
    own.map(|name| name.trim_start_matches('/').to_owned())
        .unwrap_or_default()
}

/// `Up 3 hours (healthy)`, `Up 1 second (health: starting)`: engines before API 1.52 tell it only there.
fn health_in(status: &str) -> Option<&'static str> {
    [
        ("(healthy)", "healthy"),
        ("(unhealthy)", "unhealthy"),
        ("(health: starting)", "starting"),
    ]
    .into_iter()
    .find_map(|(mark, word)| status.ends_with(mark).then_some(word))
}

/// `Exited (137) 3 minutes ago`.
fn exit_code_in(status: &str) -> Option<i64> {
    let (code, _) = status.strip_prefix("Exited (")?.split_once(')')?;
    code.parse().ok()
}

fn listed_ports(ports: Vec<PortSummary>) -> Vec<Port> {
    let mut ports: Vec<_> = ports
        .into_iter()
        .map(|port| Port {
            container_port: port.private_port.into(),
            protocol: port.typ.map(|t| t.to_string()).unwrap_or_default(),
            host_ip: port.ip.filter(|ip| !ip.is_empty()),
            host_port: port.public_port.map(Into::into),
        })
        .collect();
    ports.sort();
    ports
}

pub(super) fn mounts(mounts: Vec<MountPoint>) -> Vec<Mount> {
    let mut mounts: Vec<_> = mounts
        .into_iter()
        .map(|mount| Mount {
            target: mount.destination.unwrap_or_default(),
            kind: mount.typ.unwrap_or_default(),
            source: mount
                .name
                .filter(|name| !name.is_empty())
                .or(mount.source)
                .unwrap_or_default(),
            writable: mount.rw.unwrap_or(false),
        })
        .collect();
    mounts.sort();
    mounts
}

pub(super) fn networks(of: HashMap<String, EndpointSettings>) -> BTreeMap<String, Option<String>> {
    of.into_iter()
        .map(|(name, end)| (name, end.ip_address.filter(|ip| !ip.is_empty())))
        .collect()
}

/// Up to three known names that a person may have meant, best first. A service's name counts as well:
/// who asks for `redis` means `trading-redis`.
fn similar(wanted: &str, known: &[Container]) -> Vec<String> {
    let score = |name: &str| {
        let within =
            name.contains(wanted) || wanted.len() < 2 * name.len() && wanted.contains(name);
        strsim::jaro_winkler(wanted, name) + f64::from(u8::from(within))
    };
    let mut ranked: Vec<(f64, &str)> = known
        .iter()
        .map(|c| {
            let by_service = c.service.as_deref().map_or(0.0, score);
            (score(&c.name).max(by_service), c.name.as_str())
        })
        .filter(|(score, _)| *score >= 0.8)
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    ranked
        .into_iter()
        .take(3)
        .map(|(_, name)| name.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_and_exit_code_from_the_status_line() {
        for (status, health, code) in [
            ("Up 3 hours (healthy)", Some("healthy"), None),
            ("Up 3 hours (unhealthy)", Some("unhealthy"), None),
            (
                "Up Less than a second (health: starting)",
                Some("starting"),
                None,
            ),
            ("Up 2 days", None, None),
            ("Exited (137) 3 minutes ago", None, Some(137)),
            ("Exited (0) 2 days ago", None, Some(0)),
            ("Created", None, None),
            ("Exited (", None, None),
        ] {
            assert_eq!(health_in(status), health, "{status}");
            assert_eq!(exit_code_in(status), code, "{status}");
        }
    }

    #[test]
    fn the_own_name_is_not_a_links() {
        let names = |names: &[&str]| own_name(names.iter().map(|n| (*n).into()).collect());
        assert_eq!(names(&["/web/db", "/trading-db"]), "trading-db");
        assert_eq!(names(&["/a"]), "a");
        assert_eq!(names(&[]), "");
    }

    #[test]
    fn suggestions_know_services_and_typos() {
        let container = |name: &str, service: Option<&str>| Container {
            name: name.into(),
            service: service.map(Into::into),
            ..Container::from(ContainerSummary::default())
        };
        let known = [
            container("trading-redis", Some("redis")),
            container("trading-postgres", Some("postgres")),
            container("ml-1", Some("ml-service")),
        ];
        assert_eq!(similar("redis", &known), ["trading-redis"]);
        assert_eq!(similar("trading-rediss", &known)[0], "trading-redis");
        assert_eq!(similar("ml", &known), ["ml-1"]);
        assert_eq!(similar("trading-ml-service", &known)[0], "ml-1");
        assert!(similar("zzz", &known).is_empty());
    }
}
