//! One record per primitive: the source of registration, reference docs, editor definitions, REPL help
//! and completion, the checker's tables and plan wording.

use std::time::Duration;

use rhai::{Array, Dynamic, FnPtr, ImmutableString, Map};

use super::shape::{Handle, Record, Shape, Time};
use super::{Call, Failure, Kind};
use crate::gate::{Access, Blast};

/// What a primitive gives back.
pub type Answer = Result<Dynamic, Failure>;

/// Reasons to refuse a call.
pub type Vet = fn(&Call<'_>) -> Result<(), String>;

/// What a change would hit.
pub type Preview = fn(&Call<'_>) -> Result<Blast, Failure>;

/// A set of primitives that scripts reach as `name::primitive(...)`.
#[derive(Debug)]
pub struct Namespace {
    /// A noun.
    pub name: &'static str,
    /// One paragraph.
    pub doc: &'static str,
    /// Its functions.
    pub primitives: &'static [Primitive],
    /// The records that they return.
    pub shapes: &'static [&'static Shape],
}

/// One function that scripts may call.
pub struct Primitive {
    /// A verb in the field's words.
    pub name: &'static str,
    /// Positional parameters. Those with a default may be left out, from the right.
    pub params: &'static [Param],
    /// Keys of the options map, which comes last. Empty: no such map.
    pub options: &'static [Param],
    /// What it may do to the world.
    pub access: Access,
    /// For a primitive whose access depends on its arguments (`http::request`).
    pub access_of: Option<fn(&Args) -> Access>,
    /// A capability of its own, instead of `namespace.access`.
    pub capability: Option<&'static str>,
    /// The returned value's type.
    pub returns: Ty,
    /// Kinds of failure that a script may want to catch.
    pub errors: &'static [Kind],
    /// First line: what it does, in one sentence. Then units, shapes, sources.
    pub doc: &'static str,
    /// A runnable example; runs in the tests.
    pub example: &'static str,
    /// The version that brought it.
    pub since: &'static str,
    /// What it touches, as a path from the namespace down: `docker/trading-redis`. One target is within
    /// another when it extends its path; that is how plan mode knows which reads a planned change spoils.
    pub target: fn(&Args) -> String,
    /// Reasons to refuse although the capability is there: a host that the header does not name, a
    /// statement that is not a read.
    pub vet: Option<Vet>,
    /// For a change: what it would hit, as the world is now.
    pub preview: Option<Preview>,
    /// It waits for a state of its target: once a change of that is planned, it returns planned at once.
    pub waits: bool,
    /// Does it.
    pub call: fn(&Call<'_>) -> Answer,
}

impl Primitive {
    /// The defaults of a record: pure, no options, no errors. For `..Primitive::PURE`.
    pub const PURE: Self = Self {
        name: "",
        params: &[],
        options: &[],
        access: Access::Pure,
        access_of: None,
        capability: None,
        returns: Ty::Any,
        errors: &[],
        doc: "",
        example: "",
        since: "0.1",
        target: |_| String::new(),
        vet: None,
        preview: None,
        waits: false,
        call: |_| Ok(Dynamic::UNIT),
    };

    /// The defaults of a read. For `..Primitive::READ`.
    pub const READ: Self = Self {
        access: Access::Read,
        ..Self::PURE
    };

    /// The defaults of a change. For `..Primitive::CHANGE`.
    pub const CHANGE: Self = Self {
        access: Access::Change,
        ..Self::PURE
    };

    /// `(name: string, options?: { timeout: duration }) -> Stopped`.
    pub fn signature(&self) -> String {
        let mut params: Vec<String> = self
            .params
            .iter()
            .map(|p| {
                let optional = if p.default.is_some() { "?" } else { "" };
                format!("{}{optional}: {}", p.name, p.ty.name())
            })
            .collect();
        if !self.options.is_empty() {
            let options: Vec<_> = self
                .options
                .iter()
                .map(|o| format!("{}: {}", o.name, o.ty.name()))
                .collect();
            params.push(format!("options?: {{ {} }}", options.join(", ")));
        }
        format!("({}) -> {}", params.join(", "), self.returns.name())
    }

    /// The fewest and the most arguments.
    pub fn arity(&self) -> (usize, usize) {
        let least = self.params.iter().filter(|p| p.default.is_none()).count();
        let most = self.params.len() + usize::from(!self.options.is_empty());
        (least, most)
    }
}

impl std::fmt::Debug for Primitive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Primitive")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A parameter or an option.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Snake case, no reserved word of Rhai.
    pub name: &'static str,
    /// Its type.
    pub ty: Ty,
    /// The default as it would be written in a script; `None`: required. `()` means "left out".
    pub default: Option<&'static str>,
    /// One sentence.
    pub doc: &'static str,
}

/// A required parameter.
pub const fn param(name: &'static str, ty: Ty, doc: &'static str) -> Param {
    Param {
        name,
        ty,
        default: None,
        doc,
    }
}

/// An option, or a parameter that may be left out. `default` is written as in a script: `"10s"` is
/// `"\"10s\""`, and `"()"` is none.
pub const fn option(name: &'static str, ty: Ty, default: &'static str, doc: &'static str) -> Param {
    Param {
        name,
        ty,
        default: Some(default),
        doc,
    }
}

/// The types that primitives take and give.
#[derive(Debug, Clone, Copy)]
pub enum Ty {
    /// Nothing.
    Unit,
    /// Text.
    Str,
    /// A whole number, `i64`.
    Int,
    /// A number, `f64`; a whole number is taken too.
    Float,
    /// `true` or `false`.
    Bool,
    /// `"250ms"`, `"5m"`, `"7d"`; a whole number counts seconds.
    Duration,
    /// `"64MiB"`, `"1GB"`; a whole number counts bytes.
    Size,
    /// A `Time`.
    Time,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list.
    List(&'static Ty),
    /// A map with any keys.
    Map,
    /// Binary data.
    Blob,
    /// A record of this shape.
    Record(&'static Shape),
    /// An opaque value of this name.
    Handle(&'static str),
    /// A closure.
    Closure,
    /// This, or `()`.
    Opt(&'static Ty),
    /// Anything.
    Any,
}

/// A decoded argument.
#[derive(Debug, Clone)]
pub enum Arg {
    /// Left out, or `()`.
    Absent,
    /// Text.
    Str(ImmutableString),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A duration.
    Duration(Duration),
    /// Bytes.
    Size(u64),
    /// An instant.
    Time(Time),
    /// A list.
    List(Array),
    /// A map.
    Map(Map),
    /// Binary data.
    Blob(rhai::Blob),
    /// A record.
    Record(Record),
    /// An opaque value.
    Handle(Handle),
    /// A closure.
    Closure(FnPtr),
    /// Anything.
    Any(Dynamic),
}

impl Ty {
    /// What docs and errors call it.
    pub fn name(&self) -> String {
        match self {
            Self::Unit => "()".into(),
            Self::Str => "string".into(),
            Self::Int => "int".into(),
            Self::Float => "float".into(),
            Self::Bool => "bool".into(),
            Self::Duration => "duration".into(),
            Self::Size => "size".into(),
            Self::Time => "Time".into(),
            Self::OneOf(words) => words
                .iter()
                .map(|w| format!("\"{w}\""))
                .collect::<Vec<_>>()
                .join(" | "),
            Self::List(of) => format!("[{}]", of.name()),
            Self::Map => "map".into(),
            Self::Blob => "blob".into(),
            Self::Record(shape) => shape.name.into(),
            Self::Handle(name) => (*name).into(),
            Self::Closure => "closure".into(),
            Self::Opt(of) => format!("{}?", of.name()),
            Self::Any => "any".into(),
        }
    }

    /// Turns a plain value into this type's own: text into a `Time`, a map into a record.
    pub(super) fn shape(&self, value: Dynamic) -> Dynamic {
        match self {
            Self::Opt(of) if !value.is_unit() => of.shape(value),
            Self::Record(shape) if value.is_map() => shape.of(value),
            Self::List(of) if value.is_array() => value
                .into_array()
                .unwrap_or_default()
                .into_iter()
                .map(|v| of.shape(v))
                .collect::<Array>()
                .into(),
            Self::Time => value
                .read_lock::<ImmutableString>()
                .and_then(|text| Time::parse(&text))
                .map_or_else(|| value.clone(), Dynamic::from),
            Self::Float => value.as_int().map_or_else(
                |_| value.clone(),
                |i| {
                    #[expect(clippy::cast_precision_loss, reason = "a script asked for a float")]
                    Dynamic::from(i as f64)
                },
            ),
            _ => value,
        }
    }

    /// Decodes an argument; `Err` says what was wanted.
    pub(super) fn decode(&self, value: &Dynamic) -> Result<Arg, String> {
        let wanted = || Err(format!("wants {}", article(&self.name())));
        let text = value.read_lock::<ImmutableString>().map(|t| t.clone());
        Ok(match self {
            Self::Any => Arg::Any(value.clone()),
            Self::Unit if value.is_unit() => Arg::Absent,
            Self::Opt(of) => {
                if value.is_unit() {
                    Arg::Absent
                } else {
                    of.decode(value)?
                }
            }
            Self::Str => match text {
                Some(text) => Arg::Str(text),
                None => return wanted(),
            },
            Self::OneOf(words) => match text {
                Some(text) if words.contains(&text.as_str()) => Arg::Str(text),
                Some(text) => {
                    return Err(format!("is {text:?}, and must be one of {}", self.name()));
                }
                None => return wanted(),
            },
            Self::Int => value
                .as_int()
                .map_or_else(|_| wanted(), |i| Ok(Arg::Int(i)))?,
            Self::Float => {
                if let Ok(number) = value.as_float() {
                    Arg::Float(number)
                } else if let Ok(number) = value.as_int() {
                    #[expect(
                        clippy::cast_precision_loss,
                        reason = "documented: a whole number is taken too"
                    )]
                    Arg::Float(number as f64)
                } else {
                    return wanted();
                }
            }
            Self::Bool => value
                .as_bool()
                .map_or_else(|_| wanted(), |b| Ok(Arg::Bool(b)))?,
            Self::Duration => {
                if let Some(text) = text {
                    Arg::Duration(super::units::duration(&text)?)
                } else if let Some(seconds) =
                    value.as_int().ok().and_then(|s| u64::try_from(s).ok())
                {
                    Arg::Duration(Duration::from_secs(seconds))
                } else {
                    return Err("wants a duration such as \"250ms\" or \"5m\"".into());
                }
            }
            Self::Size => {
                if let Some(text) = text {
                    Arg::Size(super::units::size(&text)?)
                } else if let Some(bytes) = value.as_int().ok().and_then(|s| u64::try_from(s).ok())
                {
                    Arg::Size(bytes)
                } else {
                    return Err("wants a size such as \"64MiB\"".into());
                }
            }
            Self::Time => {
                if let Some(time) = value.read_lock::<Time>() {
                    Arg::Time(*time)
                } else if let Some(time) = text.as_deref().and_then(Time::parse) {
                    Arg::Time(time)
                } else {
                    return Err("wants a `Time` or RFC 3339 text".into());
                }
            }
            Self::List(of) => match value.read_lock::<Array>() {
                Some(items) => {
                    for (i, item) in items.iter().enumerate() {
                        of.decode(item).map_err(|e| format!("at index {i} {e}"))?;
                    }
                    Arg::List(items.clone())
                }
                None => return wanted(),
            },
            Self::Map => {
                if let Some(map) = value.read_lock::<Map>() {
                    Arg::Map(map.clone())
                } else if let Some(record) = value.read_lock::<Record>() {
                    Arg::Map(record.to_map())
                } else {
                    return wanted();
                }
            }
            Self::Blob => match value.read_lock::<rhai::Blob>() {
                Some(blob) => Arg::Blob(blob.clone()),
                None => return wanted(),
            },
            Self::Record(shape) => match value.read_lock::<Record>() {
                Some(record) if record.shape.name == shape.name => Arg::Record(record.clone()),
                _ => return wanted(),
            },
            Self::Handle(name) => match value.read_lock::<Handle>() {
                Some(handle) if handle.name == *name => Arg::Handle(handle.clone()),
                _ => return wanted(),
            },
            Self::Closure => match value.read_lock::<FnPtr>() {
                Some(closure) => Arg::Closure(closure.clone()),
                None => return wanted(),
            },
            Self::Unit => return wanted(),
        })
    }
}

fn article(noun: &str) -> String {
    let an = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if an { "an" } else { "a" })
}

/// The decoded arguments of one call, by name. All are there and of their declared types: the wrapper
/// has checked them and put the defaults in.
#[derive(Debug, Clone)]
pub struct Args {
    pub(super) values: Vec<(&'static str, Arg)>,
}

impl Args {
    fn arg(&self, name: &str) -> &Arg {
        match self.values.iter().find(|(n, _)| *n == name) {
            Some((_, arg)) => arg,
            None => unreachable!("`{name}` is not declared in this primitive's record"),
        }
    }

    /// Whether it was given.
    pub fn given(&self, name: &str) -> bool {
        !matches!(self.arg(name), Arg::Absent)
    }

    /// A text.
    pub fn str(&self, name: &str) -> &str {
        self.opt_str(name).unwrap_or_default()
    }

    /// A text, if given.
    pub fn opt_str(&self, name: &str) -> Option<&str> {
        match self.arg(name) {
            Arg::Str(text) => Some(text.as_str()),
            _ => None,
        }
    }

    /// A whole number.
    pub fn int(&self, name: &str) -> i64 {
        self.opt_int(name).unwrap_or_default()
    }

    /// A whole number, if given.
    pub fn opt_int(&self, name: &str) -> Option<i64> {
        match self.arg(name) {
            Arg::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// A number.
    pub fn float(&self, name: &str) -> f64 {
        self.opt_float(name).unwrap_or_default()
    }

    /// A number, if given.
    pub fn opt_float(&self, name: &str) -> Option<f64> {
        match self.arg(name) {
            Arg::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// `true` or `false`.
    pub fn bool(&self, name: &str) -> bool {
        matches!(self.arg(name), Arg::Bool(true))
    }

    /// A duration.
    pub fn duration(&self, name: &str) -> Duration {
        self.opt_duration(name).unwrap_or_default()
    }

    /// A duration, if given.
    pub fn opt_duration(&self, name: &str) -> Option<Duration> {
        match self.arg(name) {
            Arg::Duration(duration) => Some(*duration),
            _ => None,
        }
    }

    /// Bytes.
    pub fn size(&self, name: &str) -> u64 {
        self.opt_size(name).unwrap_or_default()
    }

    /// Bytes, if given.
    pub fn opt_size(&self, name: &str) -> Option<u64> {
        match self.arg(name) {
            Arg::Size(bytes) => Some(*bytes),
            _ => None,
        }
    }

    /// An instant, if given.
    pub fn opt_time(&self, name: &str) -> Option<Time> {
        match self.arg(name) {
            Arg::Time(time) => Some(*time),
            _ => None,
        }
    }

    /// A list; empty when left out.
    pub fn list(&self, name: &str) -> &[Dynamic] {
        match self.arg(name) {
            Arg::List(items) => items,
            _ => &[],
        }
    }

    /// A list of texts, if given.
    pub fn opt_strs(&self, name: &str) -> Option<Vec<String>> {
        matches!(self.arg(name), Arg::List(_)).then(|| self.strs(name))
    }

    /// A list of texts.
    pub fn strs(&self, name: &str) -> Vec<String> {
        self.list(name)
            .iter()
            .filter_map(|item| item.clone().into_string().ok())
            .collect()
    }

    /// A map, if given.
    pub fn map(&self, name: &str) -> Option<&Map> {
        match self.arg(name) {
            Arg::Map(map) => Some(map),
            _ => None,
        }
    }

    /// A map of texts (numbers and booleans are written out); empty when left out.
    pub fn str_map(&self, name: &str) -> Vec<(String, String)> {
        self.map(name).map_or_else(Vec::new, |map| {
            map.iter()
                .map(|(k, v)| (k.to_string(), v.to_string()))
                .collect()
        })
    }

    /// Binary data, if given.
    pub fn blob(&self, name: &str) -> Option<&rhai::Blob> {
        match self.arg(name) {
            Arg::Blob(blob) => Some(blob),
            _ => None,
        }
    }

    /// A record. The wrapper has checked its shape.
    pub fn record(&self, name: &str) -> &Record {
        match self.arg(name) {
            Arg::Record(record) => record,
            _ => unreachable!("`{name}` is declared as a record"),
        }
    }

    /// The value within a handle.
    pub fn handle<T: std::any::Any + Send + Sync>(&self, name: &str) -> std::sync::Arc<T> {
        match self.arg(name) {
            Arg::Handle(handle) => match handle.get() {
                Some(value) => value,
                None => unreachable!("`{name}` holds another type than its name says"),
            },
            _ => unreachable!("`{name}` is declared as a handle"),
        }
    }

    /// A closure.
    pub fn closure(&self, name: &str) -> Option<&FnPtr> {
        match self.arg(name) {
            Arg::Closure(closure) => Some(closure),
            _ => None,
        }
    }

    /// Anything.
    pub fn any(&self, name: &str) -> Dynamic {
        match self.arg(name) {
            Arg::Any(value) => value.clone(),
            Arg::Absent => Dynamic::UNIT,
            Arg::Str(text) => text.clone().into(),
            Arg::Int(number) => (*number).into(),
            Arg::Float(number) => (*number).into(),
            Arg::Bool(value) => (*value).into(),
            Arg::List(items) => items.clone().into(),
            Arg::Map(map) => map.clone().into(),
            Arg::Record(record) => Dynamic::from(record.clone()),
            Arg::Handle(handle) => Dynamic::from(handle.clone()),
            Arg::Time(time) => Dynamic::from(*time),
            Arg::Blob(blob) => Dynamic::from_blob(blob.clone()),
            Arg::Closure(closure) => closure.clone().into(),
            Arg::Duration(duration) => humantime::format_duration(*duration).to_string().into(),
            Arg::Size(bytes) => i64::try_from(*bytes).unwrap_or(i64::MAX).into(),
        }
    }
}
