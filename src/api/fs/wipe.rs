//! `fs::wipe`, and whether it would refuse.

use std::path::PathBuf;

use rhai::Dynamic;

use crate::api::{Args, Param, Primitive, Shape, Ty, field, option, param};
use crate::files;
use crate::gate::{Access, Blast};

use super::{READING, path, target};

pub(super) static WIPED: Shape = Shape {
    name: "Wiped",
    doc: "A folder that was emptied.",
    fields: &[
        field("path", Ty::Str, "the folder, which is still there"),
        field("files", Ty::Int, "how many files and links went"),
        field("folders", Ty::Int, "how many folders"),
        field("bytes", Ty::Int, "the bytes of the files"),
        field(
            "kept",
            Ty::List(&Ty::Str),
            "names at the top that were kept",
        ),
    ],
};

const PARAMS: &[Param] = &[
    param(
        "path",
        Ty::Str,
        "the folder: an absolute path without links",
    ),
    param(
        "roots",
        Ty::List(&Ty::Str),
        "folders below which something may be emptied; none of them itself",
    ),
];

pub(super) const REFUSES_TO_WIPE: Primitive = Primitive {
    name: "refuses_to_wipe",
    params: PARAMS,
    returns: Ty::Opt(&Ty::Str),
    errors: READING,
    doc: "Why `wipe` would refuse a folder as it is now, or `()`.\nFor a look before anything is stopped; `wipe` looks again.",
    example: "let why = fs::refuses_to_wipe(\"/tmp\", [\"/srv\"]);\nif why != () { print(why); }",
    target,
    call: |call| {
        let a = call.args();
        Ok(match files::checked(path(a), &roots(a)) {
            Ok(_) => Dynamic::UNIT,
            Err(files::Error::Refused { why, .. }) => why.into(),
            Err(error) => return Err(error.into()),
        })
    },
    ..Primitive::READ
};

pub(super) const WIPE: Primitive = Primitive {
    name: "wipe",
    params: PARAMS,
    options: &[option(
        "keep",
        Ty::List(&Ty::Str),
        "[]",
        "names at the top that stay",
    )],
    access: Access::Destroy,
    returns: Ty::Record(&WIPED),
    errors: READING,
    doc: "Empties a folder: everything in it goes, the folder stays.\n`refused`: the path is not absolute, leads over a link, is below none of the roots, or something is mounted there or within. The deletion goes by \
          handles, name by name and never through a link, so that nobody can lead it elsewhere meanwhile.",
    example: "fs::make_dir(\"/tmp/tradeops-example-4/cache\");\nfs::wipe(\"/tmp/tradeops-example-4/cache\", [\"/tmp/tradeops-example-4\"]).files",
    target,
    preview: Some(|call| {
        let a = call.args();
        let at = path(a);
        files::checked(at, &roots(a))?;
        let tree = files::tree(call.cx(), at)?;
        Ok(Blast {
            summary: format!("{} files, {} bytes", tree.files, tree.size_bytes),
            facts: serde_json::to_value(&tree)
                .ok()
                .and_then(|v| v.as_object().cloned())
                .unwrap_or_default(),
            identity: at.display().to_string(),
            ..Blast::default()
        })
    }),
    call: |call| {
        let a = call.args();
        Ok(WIPED.record(&files::wipe(
            call.cx(),
            path(a),
            &roots(a),
            &a.strs("keep"),
        )?))
    },
    ..Primitive::CHANGE
};

fn roots(a: &Args) -> Vec<PathBuf> {
    a.strs("roots").into_iter().map(PathBuf::from).collect()
}
