//! `env::` - the process's environment, `.env` files, and what the operator set for scripts.

use std::path::Path;

use rhai::{Array, Dynamic, Map};

use super::{
    Args, Call, Failure, Kind, Namespace, Param, Primitive, ScriptSettings, Ty, option, param,
};
use crate::environment::{self, EnvFile, Error};
use crate::gate::Redactor;

const NAME: Param = param("name", Ty::Str, "the variable");
const FILE: Param = param("path", Ty::Str, "a `.env` file");
const FILE_ERRORS: &[Kind] = &[Kind::NotFound, Kind::Refused, Kind::Invalid, Kind::Failed];

/// The functions of `env::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "env",
    doc: "The process's environment, `.env` files as plain data, and the operator's settings for scripts. Nothing here ever sets a variable. Values whose \
          names say that they are secrets are masked wherever text leaves the run.",
    shapes: &[],
    primitives: &[
        Primitive {
            name: "get",
            params: &[NAME],
            returns: Ty::Opt(&Ty::Str),
            errors: &[Kind::Invalid],
            doc: "A variable's value, or `()` when it is not set.",
            example: r#"env::get("PATH") ?? "none""#,
            target: variable,
            call: |call| {
                let name = call.args().str("name");
                Ok(environment::get(name)?.map_or(Dynamic::UNIT, |value| known(call, name, value)))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "require",
            params: &[NAME],
            returns: Ty::Str,
            errors: &[Kind::NotFound, Kind::Invalid],
            doc: "A variable's value; `not_found` when it is not set or empty.",
            example: r#"env::require("PATH")"#,
            target: variable,
            call: |call| {
                let name = call.args().str("name");
                Ok(known(call, name, environment::require(name)?))
            },
            ..Primitive::READ
        },
        Primitive {
            name: "list",
            params: &[option(
                "prefix",
                Ty::Str,
                "\"\"",
                "only the variables whose names start so",
            )],
            returns: Ty::Map,
            doc: "The variables of the environment, by name.",
            example: r#"env::list("PA")"#,
            target: |_| "env".into(),
            call: |call| Ok(map(call, environment::list(call.args().str("prefix")))),
            ..Primitive::READ
        },
        Primitive {
            name: "file",
            params: &[FILE],
            capability: Some("fs.read"),
            returns: Ty::Map,
            errors: FILE_ERRORS,
            doc: "What a `.env` file says, by name; sets nothing.\n\
                  Of a name that is given twice the last one counts (`env::duplicates` names them). `$NAME` outside single \
                  quotes stands for that variable: the process's own first, then one further up in the file.",
            example: r#"fs::write_text("/tmp/tradeops-example.env", "A=1\n");
env::file("/tmp/tradeops-example.env").A"#,
            target: file_target,
            call: |call| Ok(map(call, file(call)?.values)),
            ..Primitive::READ
        },
        Primitive {
            name: "duplicates",
            params: &[FILE],
            capability: Some("fs.read"),
            returns: Ty::List(&Ty::Str),
            errors: FILE_ERRORS,
            doc: "The names that a `.env` file gives more than once, sorted.",
            example: r#"fs::write_text("/tmp/tradeops-example-2.env", "A=1\nA=2\n");
env::duplicates("/tmp/tradeops-example-2.env")"#,
            target: file_target,
            call: |call| {
                let names = file(call)?.duplicates;
                Ok(names
                    .into_iter()
                    .map(Dynamic::from)
                    .collect::<Array>()
                    .into())
            },
            ..Primitive::READ
        },
        Primitive {
            name: "settings",
            params: &[param("section", Ty::Str, "the table's name")],
            returns: Ty::Map,
            doc: "What the operator set for scripts: the table `[settings.SECTION]` of `tradeops.toml`, `#{}` when there is none.\n\
                  Of the system's, the user's and the project's file the later wins, key by key, in tables within it too; a \
                  list is taken as a whole. Dates come as text.",
            example: r#"env::settings("backups").get("nightly")?.get("max_age") ?? "26h""#,
            target: |a| format!("env/settings/{}", a.str("section")),
            call: |call| {
                let settings = call.run().resources().get::<ScriptSettings>();
                let table = settings
                    .as_ref()
                    .and_then(|s| s.0.get(call.args().str("section")))
                    .and_then(toml::Value::as_table);
                Ok(table.map_or_else(|| Map::new().into(), |table| setting_table(call, table)))
            },
            ..Primitive::READ
        },
    ],
};

fn setting_table(call: &Call<'_>, table: &toml::Table) -> Dynamic {
    let fields = table.iter();
    fields
        .map(|(name, value)| (name.into(), setting(call, name, value)))
        .collect::<Map>()
        .into()
}

/// A setting as scripts see it; `name` says whether it is a secret, in lists too.
fn setting(call: &Call<'_>, name: &str, value: &toml::Value) -> Dynamic {
    match value {
        toml::Value::String(text) => known(call, name, text.clone()),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(yes) => (*yes).into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(list) => list
            .iter()
            .map(|item| setting(call, name, item))
            .collect::<Array>()
            .into(),
        toml::Value::Table(table) => setting_table(call, table),
    }
}

fn variable(a: &Args) -> String {
    format!("env/{}", a.str("name"))
}

fn file_target(a: &Args) -> String {
    super::fs::place(a.str("path"))
}

fn file(call: &Call<'_>) -> Result<EnvFile, Error> {
    environment::file(call.cx(), Path::new(call.args().str("path")))
}

/// A value for the script; if it is a secret the run remembers it as one.
fn known(call: &Call<'_>, name: &str, value: String) -> Dynamic {
    if Redactor::is_secret_name(name) {
        call.run().redactor().learn(&value);
    }
    value.into()
}

fn map(call: &Call<'_>, values: impl IntoIterator<Item = (String, String)>) -> Dynamic {
    values
        .into_iter()
        .map(|(name, value)| {
            let value = known(call, &name, value);
            (name.into(), value)
        })
        .collect::<Map>()
        .into()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Stopped(stop) => stop.into(),
            Error::NotSet(_) | Error::Empty(_) | Error::NoFile(_) => {
                Self::new(Kind::NotFound, text)
            }
            Error::NotText(_) | Error::BadName(_) | Error::BadLine { .. } => Self::invalid(text),
            Error::NotAllowed { .. } => Self::new(Kind::Refused, text),
            Error::Unreadable { .. } => Self::new(Kind::Failed, text),
        }
    }
}
