//! The typed values that primitives hand to scripts: records with documented fields, times, and opaque
//! handles.
//!
//! A record is data and nothing else, so a script can neither hijack a method of it nor keep the
//! outside world alive through it, and every answer can be written down and read back.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use rhai::{Array, Dynamic, ImmutableString, Map};
use serde::Serialize;

use super::Ty;

/// The documented form of a record.
#[derive(Debug)]
pub struct Shape {
    /// What scripts and docs call it: `Container`.
    pub name: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// Its fields, in the order in which they print.
    pub fields: &'static [Field],
}

/// One field of a record.
#[derive(Debug)]
pub struct Field {
    /// Snake case, the unit in the name where there is one: `memory_bytes`.
    pub name: &'static str,
    /// Its type.
    pub ty: Ty,
    /// One sentence: meaning, unit, when it is `()`.
    pub doc: &'static str,
}

/// A field, for tables of fields: `field("id", Ty::Str, "the container's full id")`.
pub const fn field(name: &'static str, ty: Ty, doc: &'static str) -> Field {
    Field { name, ty, doc }
}

impl Shape {
    /// A record from a serialisable value that has at least this shape's fields. A field that the value
    /// lacks is `()`; what the shape does not name is dropped.
    pub fn record(&'static self, value: &impl Serialize) -> Dynamic {
        match rhai::serde::to_dynamic(value) {
            Ok(value) => self.of(value),
            // Only a map with non-string keys can get here, which no shape has.
            Err(error) => unreachable!("`{}` does not serialise: {error}", self.name),
        }
    }

    /// A list of records.
    pub fn records<T: Serialize>(&'static self, values: &[T]) -> Dynamic {
        Dynamic::from_array(values.iter().map(|v| self.record(v)).collect())
    }

    /// A record from a plain map value.
    pub fn of(&'static self, value: Dynamic) -> Dynamic {
        let mut map = value.try_cast::<Map>().unwrap_or_default();
        let fields = self
            .fields
            .iter()
            .map(|f| {
                let value = map.remove(f.name).unwrap_or(Dynamic::UNIT);
                (f.name.into(), f.ty.shape(value))
            })
            .collect();
        Dynamic::from(Record {
            shape: self,
            fields: Arc::new(fields),
            planned: false,
        })
    }

    /// What a planned change returns: nothing is known of it but that it is planned.
    pub fn planned(&'static self) -> Dynamic {
        Dynamic::from(Record {
            shape: self,
            fields: Arc::default(),
            planned: true,
        })
    }
}

/// A typed value with documented fields. Reading a field that the shape lacks is an error with a
/// suggestion; reading a field of a planned record ends the plan as incomplete.
#[derive(Clone)]
pub struct Record {
    pub(crate) shape: &'static Shape,
    pub(crate) fields: Arc<Map>,
    pub(crate) planned: bool,
}

impl Record {
    /// The shape.
    pub fn shape(&self) -> &'static Shape {
        self.shape
    }

    /// A field's value.
    pub fn get(&self, name: &str) -> Option<&Dynamic> {
        self.fields.get(name)
    }

    /// A text field; empty when absent.
    pub fn str(&self, name: &str) -> String {
        self.get(name)
            .and_then(|v| v.clone().into_string().ok())
            .unwrap_or_default()
    }

    /// The plain map, records within turned into maps too. Of a planned record only that is known.
    pub fn to_map(&self) -> Map {
        if self.planned {
            return Map::from_iter([("planned".into(), true.into())]);
        }
        self.fields
            .iter()
            .map(|(k, v)| (k.clone(), plain(v)))
            .collect()
    }
}

/// The value with every record in it turned into a plain map and every time into text.
pub fn plain(value: &Dynamic) -> Dynamic {
    if let Some(record) = value.read_lock::<Record>() {
        return record.to_map().into();
    }
    if let Some(time) = value.read_lock::<Time>() {
        return time.to_string().into();
    }
    if let Some(handle) = value.read_lock::<Handle>() {
        return handle.to_string().into();
    }
    if let Some(array) = value.read_lock::<Array>() {
        return array.iter().map(plain).collect::<Array>().into();
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map
            .iter()
            .map(|(k, v)| (k.clone(), plain(v)))
            .collect::<Map>()
            .into();
    }
    value.clone()
}

impl fmt::Display for Record {
    /// `Container { name: "trading-redis", state: "running" }`, in the shape's order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.planned {
            return write!(f, "{} {{ planned }}", self.shape.name);
        }
        write!(f, "{} {{ ", self.shape.name)?;
        let mut first = true;
        for field in self.shape.fields {
            let Some(value) = self.fields.get(field.name) else {
                continue;
            };
            if value.is_unit() {
                continue;
            }
            if !first {
                f.write_str(", ")?;
            }
            first = false;
            write!(f, "{}: {}", field.name, show(value))?;
        }
        f.write_str(" }")
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A value as the REPL shows it inside something else: text in quotes.
pub fn show(value: &Dynamic) -> String {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return format!("{:?}", text.as_str());
    }
    if let Some(array) = value.read_lock::<Array>() {
        let items: Vec<_> = array.iter().map(show).collect();
        return format!("[{}]", items.join(", "));
    }
    if let Some(map) = value.read_lock::<Map>() {
        let items: Vec<_> = map
            .iter()
            .map(|(k, v)| format!("{k}: {}", show(v)))
            .collect();
        return format!("#{{ {} }}", items.join(", "));
    }
    if value.is_unit() {
        return "()".into();
    }
    // Rhai shows a custom type by its Rust name.
    if let Some(record) = value.read_lock::<Record>() {
        return record.to_string();
    }
    if let Some(time) = value.read_lock::<Time>() {
        return time.to_string();
    }
    if let Some(handle) = value.read_lock::<Handle>() {
        return handle.to_string();
    }
    if value.is_fnptr() {
        return "(closure)".into();
    }
    value.to_string()
}

/// An instant, UTC. Prints as RFC 3339; compares; the difference of two is seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub DateTime<Utc>);

impl Time {
    /// Reads RFC 3339.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|t| Self(t.with_timezone(&Utc)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// A value that scripts only pass around: a parsed page, a calendar. Made by pure primitives only, so
/// it never needs to be written down.
#[derive(Clone)]
pub struct Handle {
    /// What scripts and docs call it: `Page`.
    pub name: &'static str,
    text: ImmutableString,
    value: Arc<dyn Any + Send + Sync>,
}

impl Handle {
    /// A handle on `value`, that prints as `name(text)`.
    pub fn of<T: Any + Send + Sync>(
        name: &'static str,
        text: impl Into<String>,
        value: T,
    ) -> Dynamic {
        Dynamic::from(Self {
            name,
            text: text.into().into(),
            value: Arc::new(value),
        })
    }

    /// The value within.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.value.clone().downcast().ok()
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.text)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
