//! Answers as JSON and back, nothing lost: which record it was, times, blobs, floats to the last bit.
//!
//! Record and replay will write answers down in this form. Until then debug builds, and so all tests, put
//! every answer of a gated primitive through it: one that could not be replayed is noticed on the day it is
//! written. `-o json` is another form, for readers; it keeps no types.
//!
//! What JSON has stands as it is. All else is an object with one key that begins with `$`; a map with such a
//! key of its own is wrapped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rhai::{Array, Blob, Dynamic, ImmutableString, Map};
use serde_json::{Value, json};

use super::{Handle, NAMESPACES, Record, Shape, Time};

/// The value as JSON; `Err` names what cannot be written down.
pub(super) fn encode(value: &Dynamic) -> Result<Value, String> {
    if value.is_unit() {
        return Ok(Value::Null);
    }
    if let Ok(yes) = value.as_bool() {
        return Ok(yes.into());
    }
    if let Ok(number) = value.as_int() {
        return Ok(number.into());
    }
    if let Ok(number) = value.as_float() {
        // As text: JSON has no NaN, and its readers may be one bit off.
        return Ok(json!({ "$float": number.to_string() }));
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Ok(text.as_str().into());
    }
    if let Some(items) = value.read_lock::<Array>() {
        return items.iter().map(encode).collect();
    }
    if let Some(map) = value.read_lock::<Map>() {
        let plain = object(&map)?;
        let tagged = map.keys().any(|key| key.starts_with('$'));
        return Ok(if tagged {
            json!({ "$map": plain })
        } else {
            plain
        });
    }
    if let Some(record) = value.read_lock::<Record>() {
        let fields = if record.planned {
            Value::Null
        } else {
            object(&record.fields)?
        };
        return Ok(json!({ "$record": [record.shape.name, fields] }));
    }
    if let Some(time) = value.read_lock::<Time>() {
        return Ok(json!({ "$time": time.to_string() }));
    }
    if let Some(bytes) = value.read_lock::<Blob>() {
        return Ok(json!({ "$blob": STANDARD.encode(&*bytes) }));
    }
    if let Some(handle) = value.read_lock::<Handle>() {
        return Err(format!("a `{}` lives only within a run", handle.name));
    }
    Err(format!("a `{}` has no written form", value.type_name()))
}

fn object(map: &Map) -> Result<Value, String> {
    map.iter()
        .map(|(key, value)| Ok((key.to_string(), encode(value)?)))
        .collect::<Result<serde_json::Map<_, _>, String>>()
        .map(Value::Object)
}

/// The value that [`encode`] wrote; `Err` says what is wrong with the text.
pub(super) fn decode(value: &Value) -> Result<Dynamic, String> {
    Ok(match value {
        Value::Null => Dynamic::UNIT,
        Value::Bool(yes) => (*yes).into(),
        Value::Number(number) => number
            .as_i64()
            .ok_or_else(|| format!("`{number}` is no whole number"))?
            .into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items
            .iter()
            .map(decode)
            .collect::<Result<Array, _>>()?
            .into(),
        Value::Object(fields) => match fields.iter().next() {
            Some((tag, inner)) if tag.starts_with('$') && fields.len() == 1 => tagged(tag, inner)?,
            _ => map(fields)?.into(),
        },
    })
}

fn map(fields: &serde_json::Map<String, Value>) -> Result<Map, String> {
    fields
        .iter()
        .map(|(key, value)| Ok((key.as_str().into(), decode(value)?)))
        .collect()
}

fn tagged(tag: &str, inner: &Value) -> Result<Dynamic, String> {
    let wrong = || format!("`{inner}` is no `{tag}`");
    let text = || inner.as_str().ok_or_else(wrong);
    Ok(match tag {
        "$float" => text()?.parse::<f64>().map_err(|_| wrong())?.into(),
        "$time" => Dynamic::from(Time::parse(text()?).ok_or_else(wrong)?),
        "$blob" => Dynamic::from_blob(STANDARD.decode(text()?).map_err(|_| wrong())?),
        "$map" => map(inner.as_object().ok_or_else(wrong)?)?.into(),
        "$record" => {
            let Some([Value::String(name), fields]) = inner.as_array().map(Vec::as_slice) else {
                return Err(wrong());
            };
            let shape = shape(name).ok_or_else(|| format!("there is no record `{name}`"))?;
            match fields {
                Value::Null => shape.planned(),
                Value::Object(fields) => shape.of(map(fields)?.into()),
                _ => return Err(wrong()),
            }
        }
        _ => return Err(format!("there is no form `{tag}`")),
    })
}

/// The shape of that name; names are unique, as the reference needs them to be.
fn shape(name: &str) -> Option<&'static Shape> {
    NAMESPACES
        .iter()
        .flat_map(|namespace| namespace.shapes)
        .find(|shape| shape.name == name)
        .copied()
}

/// Why an answer, written down and read back, would not be the same; `None` when it would.
pub(super) fn loss(answer: &Dynamic) -> Option<String> {
    let written = match encode(answer) {
        Ok(written) => written,
        Err(why) => return Some(why),
    };
    match decode(&written).and_then(|read| encode(&read)) {
        Ok(again) if again == written => None,
        Ok(again) => Some(format!("`{written}` came back as `{again}`")),
        Err(why) => Some(why),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use crate::api::Ty;

    /// Through text, as a recording would.
    fn there_and_back(value: &Dynamic) -> Dynamic {
        let text = encode(value).unwrap().to_string();
        decode(&serde_json::from_str(&text).unwrap()).unwrap()
    }

    #[test]
    fn plain_values_keep_their_type() {
        let engine = rhai::Engine::new();
        for source in [
            "()",
            "true",
            "-9223372036854775807",
            "1.0",
            "-0.0",
            "0.1 + 0.2",
            "1.7976931348623157e308",
            "\"\"",
            "\"two\\nlines, \\\"quotes\\\", ü\"",
            "[1, 1.0, \"1\", [()]]",
            "#{ a: #{ b: [] }, \"\": 1 }",
            "#{ \"$time\": \"no time\" }",
            "#{ \"$map\": #{ \"$float\": 1 }, x: 2 }",
        ] {
            let value: Dynamic = engine.eval(source).unwrap();
            let back = there_and_back(&value);
            assert_eq!(back.type_name(), value.type_name(), "{source}");
            assert_eq!(format!("{back:?}"), format!("{value:?}"), "{source}");
        }
    }

    #[test]
    fn floats_that_json_does_not_have() {
        for number in [f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 5e-324] {
            let back = there_and_back(&number.into()).as_float().unwrap();
            assert_eq!(back.to_bits(), number.to_bits());
        }
        assert!(
            there_and_back(&f64::NAN.into())
                .as_float()
                .unwrap()
                .is_nan()
        );
    }

    #[test]
    fn times_and_blobs() {
        let time = Time::parse("2026-02-28T23:59:59.123456789Z").unwrap();
        let back = there_and_back(&Dynamic::from(time));
        assert_eq!(back.try_cast::<Time>(), Some(time));
        let back = there_and_back(&Dynamic::from_blob(vec![0, 255, 10]));
        assert_eq!(back.into_blob().unwrap(), [0, 255, 10]);
    }

    /// A value of a type, filled to the bottom.
    fn sample(ty: &Ty) -> Dynamic {
        match ty {
            Ty::Unit | Ty::Closure | Ty::Handle(_) => Dynamic::UNIT,
            Ty::Str | Ty::Duration => "$text".into(),
            Ty::Int | Ty::Size => 7.into(),
            Ty::Float => 0.1.into(),
            Ty::Bool => true.into(),
            Ty::Time => Dynamic::from(Time::parse("2026-01-02T03:04:05.000001Z").unwrap()),
            Ty::OneOf(words) => words[0].into(),
            Ty::List(of) => vec![sample(of), sample(of)].into(),
            Ty::Map => Map::from_iter([("$any".into(), f64::INFINITY.into())]).into(),
            Ty::Blob => Dynamic::from_blob(vec![1, 2]),
            Ty::Record(shape) => record(shape),
            Ty::Opt(of) => sample(of),
            Ty::Any => vec![Dynamic::UNIT, 1.5.into()].into(),
        }
    }

    fn record(shape: &'static Shape) -> Dynamic {
        let fields = shape.fields.iter();
        let map: Map = fields.map(|f| (f.name.into(), sample(&f.ty))).collect();
        shape.of(map.into())
    }

    #[test]
    fn every_shape_comes_back_whole_and_every_name_is_its_own() {
        for shape in NAMESPACES.iter().flat_map(|namespace| namespace.shapes) {
            // Two namespaces may share a record, and none may have another of the same name.
            assert!(
                std::ptr::eq(super::shape(shape.name).unwrap(), *shape),
                "{}",
                shape.name
            );
            let value = record(shape);
            let back = there_and_back(&value).try_cast::<Record>().unwrap();
            assert_eq!(back.shape.name, shape.name);
            assert_eq!(back.to_string(), value.cast::<Record>().to_string());
            assert_eq!(loss(&record(shape)), None);
            assert_eq!(loss(&shape.planned()), None, "{}", shape.name);
        }
    }

    #[test]
    fn what_lives_only_within_a_run_is_refused() {
        let page = Handle::of("Page", "3 families", ());
        assert_eq!(
            encode(&vec![page].into()).unwrap_err(),
            "a `Page` lives only within a run"
        );
        let closure: Dynamic = rhai::Engine::new().eval("|x| x").unwrap();
        assert!(loss(&closure).is_some());
    }

    #[test]
    fn text_that_is_no_answer() {
        for text in [
            "1.5",
            "18446744073709551615",
            r#"{ "$time": "soon" }"#,
            r#"{ "$blob": "?" }"#,
            r#"{ "$map": 1 }"#,
            r#"{ "$record": ["NoSuchRecord", {}] }"#,
            r#"{ "$record": ["Container", 1] }"#,
            r#"{ "$other": 1 }"#,
        ] {
            assert!(
                decode(&serde_json::from_str(text).unwrap()).is_err(),
                "{text}"
            );
        }
    }
}
