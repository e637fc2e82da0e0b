//! `report::checks` and `report::context`: the checks of other files, and what those files are given.

use std::fmt;

use rhai::{Dynamic, Map};

use crate::api::{Branch, Call, Failure, Kind, Primitive, Shape, Ty, field, option};
use crate::gate::Access;

/// A file of checks, and what became of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CheckFile {
    /// Its name without the ending.
    pub name: String,
    /// Where it is.
    pub file: String,
    /// The layer that won: shipped, project or user.
    pub layer: String,
    /// The first line of its header.
    pub summary: String,
    /// Its checks, each with an `ask` that can be called.
    pub checks: Vec<Map>,
    /// Why it has none, or not all.
    pub error: Option<String>,
}

type Loader = dyn Fn(&Branch, &Dynamic) -> Result<Vec<CheckFile>, Failure> + Send + Sync;

/// The host's way to load files of checks; this floor only knows that there is one.
pub(crate) struct CheckFiles(pub Box<Loader>);

impl fmt::Debug for CheckFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckFiles").finish_non_exhaustive()
    }
}

pub(super) static CHECK_FILE: Shape = Shape {
    name: "CheckFile",
    doc: "A file of checks.",
    fields: &[
        field("name", Ty::Str, "its name without the ending: `data`"),
        field("file", Ty::Str, "where it is"),
        field("layer", Ty::Str, "`shipped`, `project` or `user`"),
        field("summary", Ty::Str, "the first line of its header"),
        field(
            "checks",
            Ty::List(&Ty::Map),
            "its checks, as the file gives them; `ask` may be called from here",
        ),
        field(
            "error",
            Ty::Opt(&Ty::Str),
            "why it has no checks, or not all that it should",
        ),
    ],
};

pub(super) const CHECKS: Primitive = Primitive {
    name: "checks",
    params: &[option(
        "context",
        Ty::Map,
        "#{}",
        "what every file gets from `report::context()`",
    )],
    access: Access::Local,
    returns: Ty::List(&Ty::Record(&CHECK_FILE)),
    errors: &[Kind::Conflict],
    doc: "Runs every check file and gives the checks that they list: those of the project's `.tradeops/checks`, of the user's folder `checks`, and the shipped ones; a file replaces one of the same name further down.\n\nA check file is a script whose last value is a list of maps with `id`, `layer`, `ask`, and if wanted `service`, `severity`, `needs`, `explained_by`, `timeout`, `asks` (one line: what it asks), `limit` (what it is held against). `ask` is a closure that takes the check, or nothing, and gives `#{ status, value, threshold, evidence, remedy }`; it is called later, on a worker, with what its file's own header asks for. A file that is broken gives an `error` and costs the others nothing.",
    example: "report::checks(#{ containers: #{}, services: [], running: [], all: [], secrets: #{}, args: #{} }).map(|f| f.name)",
    call: |call| {
        let Some(files) = call.run().resources().get::<CheckFiles>() else {
            return Err(Failure::new(
                Kind::Conflict,
                "check files cannot be run from here",
            ));
        };
        let context = Dynamic::from_map(call.args().map("context").cloned().unwrap_or_default());
        let files = (files.0)(call.branch(), &context)?;
        let text = |text: &str| -> String { call.run().redactor().text(text).into_owned() };
        let files = files.into_iter().map(|file| {
            let mut map = Map::new();
            map.insert("name".into(), file.name.into());
            map.insert("file".into(), file.file.into());
            map.insert("layer".into(), file.layer.into());
            map.insert("summary".into(), file.summary.into());
            let checks = file.checks.into_iter().map(Dynamic::from_map).collect();
            map.insert("checks".into(), Dynamic::from_array(checks));
            let error = file.error.map(|why| text(&why).into());
            map.insert("error".into(), error.unwrap_or(Dynamic::UNIT));
            CHECK_FILE.of(map.into())
        });
        Ok(Dynamic::from_array(files.collect()))
    },
    ..Primitive::PURE
};

pub(super) const CONTEXT: Primitive = Primitive {
    name: "context",
    access: Access::Local,
    returns: Ty::Map,
    errors: &[Kind::Conflict],
    doc: "What the workflow that runs this check file gave to `report::checks`; of health: `containers` (by service), `services`, `running`, `all`, `secrets`, `args`.",
    example: "let given = task::attempt(|| report::context());\ngiven.ok || given.error.kind == \"conflict\"",
    call: context,
    ..Primitive::PURE
};

fn context(call: &Call<'_>) -> Result<Dynamic, Failure> {
    let context = &call.frame().context;
    if context.is_unit() {
        return Err(Failure::new(
            Kind::Conflict,
            format!("nothing was given to `{}`", call.frame().workflow),
        )
        .hint("a check file is run by a workflow that calls `report::checks`: `tradeops health --only LAYER`"));
    }
    Ok(context.flatten_clone())
}
