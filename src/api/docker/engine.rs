//! What an engine holds and says about itself: images, volumes, networks, disks.

use crate::api::{Primitive, Ty, param};

use super::shapes::{DISK_USAGE, IMAGE, INFO, NETWORK, VOLUME};
use super::{LABELS, NAMED_ERRORS, READ_ERRORS, engine};

pub(super) const IMAGES: Primitive = Primitive {
    name: "images",
    options: &[LABELS],
    returns: Ty::List(&Ty::Record(&IMAGE)),
    errors: READ_ERRORS,
    doc: "Lists images, without the unnamed steps of builds.",
    example: "for i in docker::images() { print(`${i.tags} ${i.size_bytes}`); }",
    target: |_| "docker/(images)".into(),
    call: |call| Ok(IMAGE.records(&engine(call).images(call.cx(), &call.args().strs("labels"))?)),
    ..Primitive::READ
};

pub(super) const IMAGE_OF: Primitive = Primitive {
    name: "image",
    params: &[param(
        "name",
        Ty::Str,
        "a name with or without a tag (`latest` then), or an id",
    )],
    returns: Ty::Record(&IMAGE),
    errors: NAMED_ERRORS,
    doc: "The image that a name stands for now; `not_found` when there is none.\n\n\
          A container whose `image_id` is another one than this `id` is behind its tag.",
    example: "for c in docker::containers() {\n    let now = task::attempt(|| docker::image(docker::inspect(c.name).image));\n    if now.ok && now.value.id != c.image_id { print(`${c.name} is behind`); }\n}",
    target: |_| "docker/(images)".into(),
    call: |call| Ok(IMAGE.record(&engine(call).image(call.cx(), call.args().str("name"))?)),
    ..Primitive::READ
};

pub(super) const VOLUMES: Primitive = Primitive {
    name: "volumes",
    options: &[LABELS],
    returns: Ty::List(&Ty::Record(&VOLUME)),
    errors: READ_ERRORS,
    doc: "Lists volumes. Their sizes are in `disk_usage().by_volume`.",
    example: "for v in docker::volumes() { print(v.name); }",
    target: |_| "docker".into(),
    call: |call| Ok(VOLUME.records(&engine(call).volumes(call.cx(), &call.args().strs("labels"))?)),
    ..Primitive::READ
};

pub(super) const NETWORKS: Primitive = Primitive {
    name: "networks",
    options: &[LABELS],
    returns: Ty::List(&Ty::Record(&NETWORK)),
    errors: READ_ERRORS,
    doc: "Lists networks.",
    example: "for n in docker::networks() { print(`${n.name} ${n.subnets}`); }",
    target: |_| "docker/(networks)".into(),
    call: |call| {
        Ok(NETWORK.records(&engine(call).networks(call.cx(), &call.args().strs("labels"))?))
    },
    ..Primitive::READ
};

pub(super) const DISK: Primitive = Primitive {
    name: "disk_usage",
    returns: Ty::Record(&DISK_USAGE),
    errors: READ_ERRORS,
    doc: "Tells what the engine uses on disk, in bytes, by the rules of `docker system df`.\nTakes seconds where volumes are large.",
    example: "let d = docker::disk_usage();\nprint(`${d.total_bytes} bytes, ${d.images_reclaimable_bytes} of unused images`);",
    target: |_| "docker".into(),
    call: |call| Ok(DISK_USAGE.record(&engine(call).disk_usage(call.cx())?)),
    ..Primitive::READ
};

pub(super) const ABOUT: Primitive = Primitive {
    name: "info",
    returns: Ty::Record(&INFO),
    errors: READ_ERRORS,
    doc: "Tells about the engine and its host: where it was reached and why there, version, cores, memory, number of containers, warnings.",
    example: "let engine = docker::info();\nprint(`${engine.version} at ${engine.address}, context ${engine.context}`);",
    target: |_| "docker".into(),
    call: |call| Ok(INFO.record(&engine(call).info(call.cx())?)),
    ..Primitive::READ
};
