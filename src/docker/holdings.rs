//! The images, volumes and networks that an engine holds.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{ImageInspect, ImageSummary, Network as WireNetwork, Volume as WireVolume};
use bollard::query_parameters::{ListImagesOptions, ListNetworksOptions, ListVolumesOptions};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::containers::compose;
use super::detail::instant;
use super::engine::ANSWER;
use super::{Engine, Error};
use crate::run::Cx;

/// An image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Image {
    /// The full id, `sha256:...`.
    pub id: String,
    /// Its names; empty for one that no name points at any more.
    pub tags: Vec<String>,
    /// All layers together, those shared with other images too.
    pub size_bytes: i64,
    /// When it was built.
    pub created: Option<DateTime<Utc>>,
    /// All labels.
    pub labels: BTreeMap<String, String>,
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Volume {
    /// The name.
    pub name: String,
    /// `local` or a plugin's name.
    pub driver: String,
    /// Where it is on the engine's host.
    pub mountpoint: String,
    /// When it was created.
    pub created: Option<DateTime<Utc>>,
    /// The compose project.
    pub project: Option<String>,
    /// All labels.
    pub labels: BTreeMap<String, String>,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Network {
    /// The full id.
    pub id: String,
    /// The name.
    pub name: String,
    /// `bridge`, `host`, `overlay`, ...
    pub driver: String,
    /// `local` or `swarm`.
    pub scope: String,
    /// Whether it leads nowhere outside.
    pub internal: bool,
    /// Its address ranges.
    pub subnets: Vec<String>,
    /// When it was created.
    pub created: Option<DateTime<Utc>>,
    /// The compose project.
    pub project: Option<String>,
    /// All labels.
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// The images, without the unnamed steps of a build; those with all of `labels`.
    pub fn images(&self, cx: &Cx, labels: &[String]) -> Result<Vec<Image>, Error> {
        let options = ListImagesOptions {
            filters: by_label(labels),
            ..Default::default()
        };
        let list = self.read(cx, "list images", ANSWER, |client| async move {
            client.list_images(Some(options)).await
        })?;
        let mut images: Vec<_> = list.into_iter().map(Image::from).collect();
        images.sort_by(|a, b| (&a.tags, &a.id).cmp(&(&b.tags, &b.id)));
        Ok(images)
    }

    /// The image that a name, a tag or an id stands for now.
    pub fn image(&self, cx: &Cx, name: &str) -> Result<Image, Error> {
        checked_image(name)?;
        let asked = name.to_owned();
        let answer = self.read(
            cx,
            &format!("inspect image `{name}`"),
            ANSWER,
            |client| async move { client.inspect_image(&asked).await },
        );
        match answer {
            Ok(found) => Ok(Image::from(found)),
            Err(Error::NotFound { .. }) => Err(Error::NotFound {
                message: format!("no image `{name}`"),
                similar: Vec::new(),
            }),
            Err(error) => Err(error),
        }
    }

    /// The volumes with all of `labels`.
    pub fn volumes(&self, cx: &Cx, labels: &[String]) -> Result<Vec<Volume>, Error> {
        let options = ListVolumesOptions {
            filters: by_label(labels),
        };
        let list = self.read(cx, "list volumes", ANSWER, |client| async move {
            client.list_volumes(Some(options)).await
        })?;
        let mut volumes: Vec<_> = list
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(Volume::from)
            .collect();
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }

    /// The networks with all of `labels`.
    pub fn networks(&self, cx: &Cx, labels: &[String]) -> Result<Vec<Network>, Error> {
        let options = ListNetworksOptions {
            filters: by_label(labels),
        };
        let list = self.read(cx, "list networks", ANSWER, |client| async move {
            client.list_networks(Some(options)).await
        })?;
        let mut networks: Vec<_> = list.into_iter().map(Network::from).collect();
        networks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(networks)
    }
}

/// It becomes a part of the request's path: nothing may be in it that has a meaning there.
fn checked_image(name: &str) -> Result<(), Error> {
    let letters = |c: char| c.is_ascii_alphanumeric() || "._-:/@".contains(c);
    if name.is_empty() || !name.chars().all(letters) || name.split('/').any(|p| p == "..") {
        return Err(Error::Invalid(format!("{name:?} is no name of an image")));
    }
    Ok(())
}

fn by_label(labels: &[String]) -> Option<HashMap<String, Vec<String>>> {
    (!labels.is_empty()).then(|| HashMap::from([("label".to_owned(), labels.to_vec())]))
}

impl From<ImageSummary> for Image {
    fn from(wire: ImageSummary) -> Self {
        let mut tags: Vec<_> = wire
            .repo_tags
            .into_iter()
            .filter(|t| t != "<none>:<none>")
            .collect();
        tags.sort();
        Self {
            id: wire.id,
            tags,
            size_bytes: wire.size,
            created: DateTime::from_timestamp(wire.created, 0),
            labels: wire.labels.into_iter().collect(),
        }
    }
}

impl From<ImageInspect> for Image {
    fn from(wire: ImageInspect) -> Self {
        let mut tags = wire.repo_tags.unwrap_or_default();
        tags.sort();
        Self {
            id: wire.id.unwrap_or_default(),
            tags,
            size_bytes: wire.size.unwrap_or(0),
            created: instant(wire.created.as_deref()),
            labels: wire
                .config
                .and_then(|config| config.labels)
                .unwrap_or_default()
                .into_iter()
                .collect(),
        }
    }
}

impl From<WireVolume> for Volume {
    fn from(wire: WireVolume) -> Self {
        let labels: BTreeMap<_, _> = wire.labels.into_iter().collect();
        Self {
            name: wire.name,
            driver: wire.driver,
            mountpoint: wire.mountpoint,
            created: instant(wire.created_at.as_deref()),
            project: compose(&labels).0,
            labels,
        }
    }
}

impl From<WireNetwork> for Network {
    fn from(wire: WireNetwork) -> Self {
        let labels: BTreeMap<_, _> = wire.labels.unwrap_or_default().into_iter().collect();
        let ranges = wire.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
        Self {
            id: wire.id.unwrap_or_default(),
            name: wire.name.unwrap_or_default(),
            driver: wire.driver.unwrap_or_default(),
            scope: wire.scope.unwrap_or_default(),
            internal: wire.internal.unwrap_or(false),
            subnets: ranges
                .into_iter()
                .filter_map(|range| range.subnet)
                .collect(),
            created: instant(wire.created.as_deref()),
            project: compose(&labels).0,
            labels,
        }
    }
}
