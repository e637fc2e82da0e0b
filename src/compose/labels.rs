//! A project from its containers, when its file is gone: labels and inspection say what they can.

use super::project::{label, paths};
use super::{Dependency, Error, Named, Project, PublishedPort, Service, ServiceMount};
use crate::docker::{Container, ContainerDetail, Engine};
use crate::run::Cx;

/// The project `name` as its containers tell it. What no label holds is not there: profiles, digests of the
/// settings, external or not.
pub(super) fn read(
    cx: &Cx,
    engine: &Engine,
    name: &str,
    containers: &[Container],
) -> Result<Project, Error> {
    let mut project = Project {
        name: name.to_owned(),
        folder: label(containers, "com.docker.compose.project.working_dir")
            .map(Into::into)
            .unwrap_or_default(),
        files: Vec::new(),
        env_files: label(containers, "com.docker.compose.project.environment_file")
            .map(paths)
            .unwrap_or_default(),
        profiles: Vec::new(),
        source: "labels".into(),
        services: Vec::new(),
        networks: Vec::new(),
        volumes: Vec::new(),
    };
    for container in containers {
        let Some(service) = &container.service else {
            continue;
        };
        if container.is_one_off() || project.service(service).is_some() {
            continue;
        }
        let detail = match engine.container(cx, &container.id) {
            Ok(detail) => detail,
            // It went away meanwhile.
            Err(crate::docker::Error::NotFound { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        project.services.push(one(service, container, &detail));
        add(
            &mut project.networks,
            container
                .networks
                .keys()
                .filter(|n| *n != "host" && *n != "none"),
            name,
        );
        let volumes = detail
            .mounts
            .iter()
            .filter(|m| m.kind == "volume")
            .map(|m| &m.source);
        add(&mut project.volumes, volumes, name);
    }
    project.mark_one_shots();
    Ok(project)
}

fn add<'a>(list: &mut Vec<Named>, names: impl Iterator<Item = &'a String>, project: &str) {
    for name in names {
        if !list.iter().any(|known| known.name == *name) {
            let own = name
                .strip_prefix(project)
                .and_then(|rest| rest.strip_prefix('_'));
            list.push(Named {
                alias: own.unwrap_or(name).to_owned(),
                name: name.clone(),
                external: own.is_none(),
            });
        }
    }
}

fn one(name: &str, container: &Container, detail: &ContainerDetail) -> Service {
    let waits_for = container
        .labels
        .get("com.docker.compose.depends_on")
        .map_or("", String::as_str);
    Service {
        name: name.to_owned(),
        container_name: Some(container.name.clone()),
        image: Some(container.image.clone()),
        built: false,
        depends_on: waits_for.split(',').filter_map(dependency).collect(),
        has_health_check: detail.health.is_some(),
        health_interval_s: None,
        health_start_s: None,
        health_retries: None,
        one_shot: false,
        restart: detail.restart_policy.clone(),
        ports: container
            .ports
            .iter()
            .filter(|p| p.host_port.is_some())
            .map(|p| PublishedPort {
                host_ip: p.host_ip.clone(),
                host_port: p.host_port,
                container_port: p.container_port,
                protocol: p.protocol.clone(),
            })
            .collect(),
        mounts: detail
            .mounts
            .iter()
            .map(|m| ServiceMount {
                kind: m.kind.clone(),
                source: Some(m.source.clone()),
                target: m.target.clone(),
                read_only: !m.writable,
            })
            .collect(),
        networks: container.networks.keys().cloned().collect(),
        profiles: Vec::new(),
        memory_limit_bytes: detail.memory_limit_bytes,
        cpus: detail.cpu_limit,
        environment_names: detail.env.0.keys().cloned().collect(),
        config_hash: None,
    }
}

/// `postgres:service_healthy:false`: the service, what it has to be, whether it is restarted with it.
fn dependency(entry: &str) -> Option<Dependency> {
    let mut parts = entry.split(':');
    let name = parts.next().filter(|n| !n.is_empty())?;
    Some(Dependency {
        name: name.to_owned(),
        condition: parts.next().unwrap_or("service_started").to_owned(),
        required: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_label_says_of_dependencies() {
        let read = |entry| dependency(entry).map(|d| (d.name, d.condition));
        assert_eq!(
            read("redis:service_healthy:false"),
            Some(("redis".into(), "service_healthy".into()))
        );
        assert_eq!(
            read("redis"),
            Some(("redis".into(), "service_started".into()))
        );
        assert_eq!(read(""), None);
    }
}
