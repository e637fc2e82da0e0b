//! What containers keep: `docker::save`, `restore`, `remove_volume`, `remove_image`.

use std::path::Path;

use crate::api::{Kind, Param, Primitive, Ty, param};
use crate::gate::{Access, Blast};

use super::change::preview_of_it;
use super::shapes::{GONE, SAVED};
use super::{engine, on_container};

const NAME: Param = param(
    "name",
    Ty::Str,
    "the container's exact name; it need not run",
);
const FOLDER: Param = param("folder", Ty::Str, "an absolute path inside");
const ERRORS: &[Kind] = &[
    Kind::NotFound,
    Kind::Conflict,
    Kind::Failed,
    Kind::Unknown,
    Kind::Unreachable,
    Kind::Refused,
];

pub(super) const SAVE: Primitive = Primitive {
    name: "save",
    params: &[
        NAME,
        FOLDER,
        param("path", Ty::Str, "the file to write: a tar"),
    ],
    returns: Ty::Record(&SAVED),
    errors: ERRORS,
    doc: "Saves what is in a folder of a container, a named volume or a bind mount as well as its own files, into a file on this machine.\nIt is written beside, read back against its digest, \
          and renamed: the file is whole, or not there. Stop what writes there before.",
    example: "docker::save(\"trading-redis\", \"/data\", \"/tmp/tradeops-example.tar\").size_bytes",
    // The container stays as it is: what is read of it later in a plan is known.
    target: |a| format!("docker/saves/{}", a.str("name")),
    preview: Some(preview_of_it),
    call: |call| {
        let a = call.args();
        Ok(SAVED.record(&engine(call).save(
            call.cx(),
            a.str("name"),
            a.str("folder"),
            Path::new(a.str("path")),
        )?))
    },
    ..Primitive::CHANGE
};

pub(super) const RESTORE: Primitive = Primitive {
    name: "restore",
    params: &[
        NAME,
        FOLDER,
        param("path", Ty::Str, "the file that `docker::save` wrote"),
        param(
            "sha256",
            Ty::Str,
            "its digest, as `save` gave it: another file is refused",
        ),
    ],
    returns: Ty::Record(&SAVED),
    errors: ERRORS,
    doc: "Puts what was saved back into a folder of a container, with owners and modes.\nWhat is there besides stays: empty it before.",
    example: "let s = docker::save(\"trading-redis\", \"/data\", \"/tmp/tradeops-example-2.tar\");\ndocker::restore(\"trading-redis\", \"/data\", s.path, s.sha256);",
    target: on_container,
    preview: Some(preview_of_it),
    call: |call| {
        let a = call.args();
        let saved = engine(call).restore(
            call.cx(),
            a.str("name"),
            a.str("folder"),
            Path::new(a.str("path")),
            a.str("sha256"),
        )?;
        Ok(SAVED.record(&saved))
    },
    ..Primitive::CHANGE
};

pub(super) const REMOVE_VOLUME: Primitive = Primitive {
    name: "remove_volume",
    params: &[param("name", Ty::Str, "the volume's exact name")],
    access: Access::Destroy,
    returns: Ty::Record(&GONE),
    errors: ERRORS,
    doc: "Removes a volume with all that is in it.\nOne that is not there is no error: `changed` is `false`. One that a container uses, running or not, is a `conflict`.",
    example: "!docker::remove_volume(\"no-such-volume\").changed",
    target: |a| format!("docker/volumes/{}", a.str("name")),
    preview: Some(|call| {
        let name = call.args().str("name");
        let usage = engine(call).disk_usage(call.cx())?;
        let found = usage.by_volume.iter().find(|v| v.name == name);
        let size = found.and_then(|v| v.size_bytes);
        Ok(Blast {
            summary: match (found, size) {
                (None, _) => "it is not there".into(),
                (Some(_), Some(bytes)) => format!("a volume of {bytes} bytes"),
                (Some(_), None) => "a volume of unknown size".into(),
            },
            facts: serde_json::json!({ "size_bytes": size })
                .as_object()
                .cloned()
                .unwrap_or_default(),
            identity: format!("{name} {}", found.is_some()),
            ..Blast::default()
        })
    }),
    call: |call| Ok(GONE.record(&engine(call).remove_volume(call.cx(), call.args().str("name"))?)),
    ..Primitive::CHANGE
};

pub(super) const REMOVE_IMAGE: Primitive = Primitive {
    name: "remove_image",
    params: &[param("name", Ty::Str, "its id or its name")],
    access: Access::Destroy,
    returns: Ty::Record(&GONE),
    errors: ERRORS,
    doc: "Removes an image.\nOne that is not there is no error: `changed` is `false`. One that a container was made from is a `conflict`.",
    example: "!docker::remove_image(\"no-such-image:1\").changed",
    target: |a| format!("docker/images/{}", a.str("name")),
    preview: Some(|call| {
        let name = call.args().str("name");
        Ok(match engine(call).image(call.cx(), name) {
            Ok(image) => Blast {
                summary: format!("an image of {} bytes", image.size_bytes),
                identity: image.id,
                ..Blast::default()
            },
            Err(_) => Blast {
                summary: "it is not there".into(),
                ..Blast::default()
            },
        })
    }),
    call: |call| Ok(GONE.record(&engine(call).remove_image(call.cx(), call.args().str("name"))?)),
    ..Primitive::CHANGE
};
