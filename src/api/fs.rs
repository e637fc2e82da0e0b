//! `fs::` - files and folders.

mod archive;
mod wipe;

use std::path::Path;

use super::{
    Args, Call, Failure, Kind, Namespace, Param, Primitive, Shape, Ty, field, option, param,
};
use crate::files::{self, Error, real, real_parent};
use crate::gate::{Access, Blast};

static STAT: Shape = Shape {
    name: "FileStat",
    doc: "What is at a path; links are followed.",
    fields: &[
        field("path", Ty::Str, "the path as asked"),
        field(
            "kind",
            Ty::OneOf(&["file", "folder", "fifo", "socket", "device"]),
            "what it is",
        ),
        field("size_bytes", Ty::Int, "length in bytes"),
        field("modified", Ty::Time, "last change of the content"),
        field("mode", Ty::Str, "permissions in octal: `0644`"),
        field("owner", Ty::Str, "the owner's name, else the number"),
        field(
            "is_link",
            Ty::Bool,
            "whether the path itself is a symbolic link",
        ),
    ],
};

static TREE: Shape = Shape {
    name: "FileTree",
    doc: "What a file or a whole folder amounts to.",
    fields: &[
        field("path", Ty::Str, "the path as asked"),
        field("files", Ty::Int, "how many files"),
        field("size_bytes", Ty::Int, "their lengths together"),
        field(
            "newest",
            Ty::Time,
            "the last change of a file's content; of the folder itself when there is no file",
        ),
        field(
            "unreadable",
            Ty::Int,
            "how many entries could not be looked at, and so are not counted",
        ),
    ],
};

static WRITTEN: Shape = Shape {
    name: "Written",
    doc: "A written file.",
    fields: &[
        field("path", Ty::Str, "the path"),
        field("size_bytes", Ty::Int, "its length now"),
        field(
            "old_bytes",
            Ty::Opt(&Ty::Int),
            "its length before; `()` when it is new",
        ),
        field("created", Ty::Bool, "whether there was none"),
    ],
};

static REMOVED: Shape = Shape {
    name: "RemovedFile",
    doc: "A removed file.",
    fields: &[
        field("path", Ty::Str, "the path"),
        field("size_bytes", Ty::Int, "the length that it had"),
    ],
};

static MADE: Shape = Shape {
    name: "MadeFolder",
    doc: "A folder that is there now.",
    fields: &[
        field("path", Ty::Str, "the path"),
        field("created", Ty::Bool, "whether it was not there before"),
    ],
};

const PATH: Param = param(
    "path",
    Ty::Str,
    "absolute, or relative to where the run was started",
);
const READING: &[Kind] = &[Kind::NotFound, Kind::Refused, Kind::Invalid, Kind::Failed];

/// The functions of `fs::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "fs",
    doc: "Files and folders. Capabilities may be scoped by path: `fs.read@/var/log/**`; what counts is where a path \
          leads to, links followed.",
    shapes: &[&STAT, &TREE, &WRITTEN, &REMOVED, &MADE, &wipe::WIPED],
    primitives: &[
        Primitive {
            name: "read_text",
            params: &[PATH],
            options: &[option(
                "max",
                Ty::Size,
                "\"16MiB\"",
                "a larger file is an error",
            )],
            returns: Ty::Str,
            errors: READING,
            doc: "A whole file as text (UTF-8).",
            example: r#"fs::read_text("/proc/version")"#,
            target,
            call: |call| {
                let a = call.args();
                Ok(files::read_text(call.cx(), path(a), a.size("max"))?.into())
            },
            ..Primitive::READ
        },
        Primitive {
            name: "tail",
            params: &[PATH, option("lines", Ty::Int, "10", "how many")],
            returns: Ty::List(&Ty::Str),
            errors: READING,
            doc: "The last lines of a file of any size, without their ends.\nLooks back at most 64 MiB.",
            example: r#"fs::tail("/etc/passwd", 2)"#,
            target,
            call: |call| {
                let a = call.args();
                let count = usize::try_from(a.int("lines"))
                    .map_err(|_| Failure::invalid("`lines` must not be negative"))?;
                let lines = files::tail(call.cx(), path(a), count)?;
                Ok(lines
                    .into_iter()
                    .map(rhai::Dynamic::from)
                    .collect::<rhai::Array>()
                    .into())
            },
            ..Primitive::READ
        },
        Primitive {
            name: "exists",
            params: &[PATH],
            returns: Ty::Bool,
            errors: &[Kind::Refused, Kind::Failed],
            doc: "Whether there is something at a path.\nA path that this user may not look at is `refused`, not `false`.",
            example: r#"fs::exists("/etc/hosts")"#,
            target,
            call: |call| Ok(files::exists(path(call.args()))?.into()),
            ..Primitive::READ
        },
        Primitive {
            name: "stat",
            params: &[PATH],
            returns: Ty::Record(&STAT),
            errors: READING,
            doc: "Length, age, kind, permissions and owner of what is at a path.",
            example: r#"fs::stat("/etc/hosts").size_bytes"#,
            target,
            call: |call| Ok(STAT.record(&files::stat(path(call.args()))?)),
            ..Primitive::READ
        },
        Primitive {
            name: "list",
            params: &[PATH],
            returns: Ty::List(&Ty::Record(&STAT)),
            errors: READING,
            doc: "The entries of a folder, by name; not those of the folders in it.",
            example: r#"fs::list("/etc").filter(|f| f.kind == "file").len()"#,
            target,
            call: |call| Ok(STAT.records(&files::list(call.cx(), path(call.args()))?)),
            ..Primitive::READ
        },
        Primitive {
            name: "tree",
            params: &[PATH],
            returns: Ty::Record(&TREE),
            errors: READING,
            doc: "What a file, or a folder with all that is in it, amounts to: files, bytes, the newest change.\nLinks within \
                  are not followed.",
            example: r#"fs::tree("/etc/hosts").size_bytes"#,
            target,
            call: |call| Ok(TREE.record(&files::tree(call.cx(), path(call.args()))?)),
            ..Primitive::READ
        },
        Primitive {
            name: "glob",
            params: &[param(
                "pattern",
                Ty::Str,
                "`*` and `?` stand for characters within one name, `[a-z]` for one of a set",
            )],
            returns: Ty::List(&Ty::Str),
            errors: &[Kind::Invalid],
            doc: "The paths that fit a pattern, sorted; an empty list when none does.\n\
                  Names that start with a dot fit only where the pattern has it. `**` is not known.",
            example: r#"fs::glob("/etc/host*")"#,
            target: |a| {
                // What the pattern may reach: the folder before its first wildcard.
                let pattern = a.str("pattern");
                let fixed = pattern
                    .find(['*', '?', '['])
                    .map_or(pattern, |at| &pattern[..at]);
                let folder = fixed.rfind('/').map_or(".", |at| &fixed[..=at]);
                format!("fs/{}", real(Path::new(folder)).display())
            },
            call: |call| {
                let found = files::glob(call.cx(), call.args().str("pattern"))?;
                Ok(found
                    .into_iter()
                    .map(|p| p.display().to_string().into())
                    .collect::<rhai::Array>()
                    .into())
            },
            ..Primitive::READ
        },
        Primitive {
            name: "write_text",
            params: &[PATH, param("text", Ty::Str, "the whole new content")],
            options: &[option(
                "mode",
                Ty::Opt(&Ty::Str),
                "()",
                "permissions in octal, such as `\"0600\"`; without it those of the old file, or 0666 less the umask",
            )],
            returns: Ty::Record(&WRITTEN),
            errors: READING,
            doc: "Writes a whole file so that it is the old or the new one, whatever happens.\n\
                  Keeps owner and permissions; follows a symbolic link. A full disk is `failed` and says how much is free.",
            example: r#"fs::write_text("/tmp/tradeops-example.txt", "hello\n").size_bytes"#,
            target,
            preview: Some(preview_write),
            call: |call| {
                let a = call.args();
                let mode = a.opt_str("mode").map(octal).transpose()?;
                Ok(WRITTEN.record(&files::write_text(call.cx(), path(a), a.str("text"), mode)?))
            },
            ..Primitive::CHANGE
        },
        archive::READ,
        archive::WRITE,
        wipe::REFUSES_TO_WIPE,
        wipe::WIPE,
        Primitive {
            name: "make_dir",
            params: &[PATH],
            returns: Ty::Record(&MADE),
            errors: READING,
            doc: "Makes a folder and those above it; one that is there is no error.",
            example: r#"fs::make_dir("/tmp/tradeops-example/a").path"#,
            target,
            preview: Some(|call| {
                let there = files::exists(path(call.args()))?;
                Ok(blast(if there {
                    "it is there already"
                } else {
                    "makes a new folder"
                }))
            }),
            call: |call| Ok(MADE.record(&files::make_dir(call.cx(), path(call.args()))?)),
            ..Primitive::CHANGE
        },
        Primitive {
            name: "remove",
            params: &[PATH],
            access: Access::Destroy,
            returns: Ty::Record(&REMOVED),
            errors: READING,
            doc: "Removes one file, or a symbolic link itself; folders are refused.\n`not_found` when there is none.",
            example: r#"fs::write_text("/tmp/tradeops-example-2.txt", "");
fs::remove("/tmp/tradeops-example-2.txt");"#,
            target: |a| format!("fs/{}", real_parent(path(a)).display()),
            preview: Some(|call| {
                let seen = files::stat(path(call.args()))?;
                Ok(Blast {
                    summary: format!(
                        "{} of {} bytes, last changed {}",
                        seen.kind, seen.size_bytes, seen.modified
                    ),
                    facts: facts(&[("bytes", Some(seen.size_bytes))]),
                    identity: format!("{} {} {}", seen.kind, seen.size_bytes, seen.modified),
                    ..Blast::default()
                })
            }),
            call: |call| Ok(REMOVED.record(&files::remove(call.cx(), path(call.args()))?)),
            ..Primitive::CHANGE
        },
    ],
};

fn path(a: &Args) -> &Path {
    Path::new(a.str("path"))
}

fn target(a: &Args) -> String {
    place(a.str("path"))
}

/// What a capability's scope is held against: where the path leads to.
pub(super) fn place(path: &str) -> String {
    format!("fs/{}", real(Path::new(path)).display())
}

fn octal(text: &str) -> Result<u32, Failure> {
    u32::from_str_radix(text.trim_start_matches("0o"), 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| {
            Failure::invalid(format!(
                "option `mode` is {text:?}, and must be octal, such as \"0644\""
            ))
        })
}

fn blast(summary: &str) -> Blast {
    Blast {
        summary: summary.into(),
        ..Blast::default()
    }
}

fn facts(numbers: &[(&str, Option<i64>)]) -> serde_json::Map<String, serde_json::Value> {
    numbers
        .iter()
        .filter_map(|(name, number)| Some(((*name).to_owned(), (*number)?.into())))
        .collect()
}

fn preview_write(call: &Call<'_>) -> Result<Blast, Failure> {
    let a = call.args();
    let new = i64::try_from(a.str("text").len()).unwrap_or(i64::MAX);
    let old = match files::stat(path(a)) {
        Ok(seen) => Some(seen),
        Err(Error::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let old_bytes = old.as_ref().map(|seen| seen.size_bytes);
    Ok(Blast {
        summary: match old_bytes {
            Some(old) => format!("replaces {old} bytes by {new}"),
            None => format!("makes a new file of {new} bytes"),
        },
        facts: facts(&[("old_bytes", old_bytes), ("new_bytes", Some(new))]),
        identity: old.map_or_else(String::new, |seen| {
            format!("{} {}", seen.size_bytes, seen.modified)
        }),
        ..Blast::default()
    })
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Stopped(stop) => stop.into(),
            Error::NotFound(_) => Self::new(Kind::NotFound, text),
            Error::NoFolder(_) => {
                Self::new(Kind::NotFound, text).hint("make it with `fs::make_dir`")
            }
            Error::NotAllowed { .. } | Error::Refused { .. } => Self::new(Kind::Refused, text),
            Error::TooLarge { .. } => {
                Self::invalid(text).hint("raise `max`, or read its end with `fs::tail`")
            }
            Error::WrongKind { .. } | Error::NotText { .. } | Error::BadPattern { .. } => {
                Self::invalid(text)
            }
            Error::Full { .. } => {
                Self::new(Kind::Failed, text).hint("make room there; nothing was replaced")
            }
            Error::Failed { .. } => Self::new(Kind::Failed, text),
        }
    }
}
