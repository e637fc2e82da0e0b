//! Archives of texts: `fs::read_archive` and `fs::write_archive`.

use crate::api::{Primitive, Ty, option, param};
use crate::files;

use super::{PATH, READING, WRITTEN, blast, path, target};

pub(super) const READ: Primitive = Primitive {
    name: "read_archive",
    params: &[PATH],
    options: &[option(
        "max",
        Ty::Size,
        "\"64MiB\"",
        "more than that together is an error",
    )],
    returns: Ty::Map,
    errors: READING,
    doc: "The texts of an archive (a gzipped tar) by their names.",
    example: r#"fs::write_archive("/tmp/tradeops-example-2.tar.gz", #{ "a.txt": "hello" });
fs::read_archive("/tmp/tradeops-example-2.tar.gz")"#,
    target,
    call: |call| {
        let a = call.args();
        let texts = files::unpack(call.cx(), path(a), a.size("max"))?;
        Ok(texts
            .into_iter()
            .map(|(name, text)| (name.into(), text.into()))
            .collect::<rhai::Map>()
            .into())
    },
    ..Primitive::READ
};

pub(super) const WRITE: Primitive = Primitive {
    name: "write_archive",
    params: &[
        PATH,
        param(
            "texts",
            Ty::Map,
            "name to text; what is no text is written as JSON",
        ),
    ],
    returns: Ty::Record(&WRITTEN),
    errors: READING,
    doc: "Writes texts as an archive (a gzipped tar), whole or not at all, for the owner alone.\n\
                  It is meant to leave this machine: every secret that the run knows or that looks like one is marked in it, as in all output.",
    example: r#"fs::write_archive("/tmp/tradeops-example.tar.gz", #{ "a.txt": "hello", "b.json": [1, 2] }).size_bytes"#,
    target,
    preview: Some(|call| {
        let there = files::exists(path(call.args()))?;
        Ok(blast(if there {
            "replaces an archive"
        } else {
            "makes a new archive"
        }))
    }),
    call: |call| {
        let redactor = call.run().redactor();
        let texts = call
            .args()
            .map("texts")
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                let text = match value.clone().into_string() {
                    Ok(text) => redactor.text(&text).into_owned(),
                    Err(_) => format!("{:#}", redactor.json(&crate::api::to_json(value))),
                };
                (name.to_string(), text)
            });
        Ok(WRITTEN.record(&files::pack(
            call.cx(),
            path(call.args()),
            &texts.collect(),
        )?))
    },
    ..Primitive::CHANGE
};
