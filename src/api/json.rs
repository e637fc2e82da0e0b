//! `json::` - reading and writing JSON.

use rhai::{Array, Dynamic, Map};
use serde_json::Value;

use super::{Failure, Kind, Namespace, Primitive, Ty, option, param, plain};

/// The functions of `json::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "json",
    doc: "Reading and writing JSON.",
    shapes: &[],
    primitives: &[
        Primitive {
            name: "parse",
            params: &[param("text", Ty::Str, "one JSON value")],
            returns: Ty::Any,
            errors: &[Kind::Invalid],
            doc: "The value of a JSON text: objects become maps, `null` becomes `()`.\n\
                  A whole number beyond 64 bits becomes a float. `invalid` names line and column.",
            example: r#"json::parse("{\"a\": [1, 2.5, null]}").a[1]"#,
            call: |call| {
                serde_json::from_str(call.args().str("text"))
                    .map(value)
                    .map_err(|error| Failure::invalid(format!("it is no JSON: {error}")))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "format",
            params: &[param("value", Ty::Any, "anything but closures")],
            options: &[option(
                "indent",
                Ty::Int,
                "0",
                "blanks per level; 0 writes one line",
            )],
            returns: Ty::Str,
            errors: &[Kind::Invalid],
            doc: "A value as JSON: records become objects, times text, `()` and numbers that JSON lacks (NaN, infinity) `null`.\n\
                  Keys are sorted, so equal values give equal texts.",
            example: r#"json::format(#{ b: 1, a: [true, ()] }) == "{\"a\":[true,null],\"b\":1}""#,
            call: |call| {
                let a = call.args();
                let indent = usize::try_from(a.int("indent")).ok().filter(|n| *n <= 16);
                let indent =
                    indent.ok_or_else(|| Failure::invalid("option `indent` must be 0 to 16"))?;
                Ok(write(&a.any("value"), indent)?.into())
            },
            ..Primitive::PURE
        },
    ],
};

fn value(json: Value) -> Dynamic {
    match json {
        Value::Null => Dynamic::UNIT,
        Value::Bool(value) => value.into(),
        Value::Number(number) => number
            .as_i64()
            .map(Dynamic::from)
            .or_else(|| number.as_f64().map(Dynamic::from))
            .unwrap_or(Dynamic::UNIT),
        Value::String(text) => text.into(),
        Value::Array(items) => items.into_iter().map(value).collect::<Array>().into(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, field)| (name.into(), value(field)))
            .collect::<Map>()
            .into(),
    }
}

fn write(value: &Dynamic, indent: usize) -> Result<String, Failure> {
    let wrong = |what: String| Failure::invalid(format!("JSON cannot hold it: {what}"));
    let json: Value = rhai::serde::from_dynamic(&plain(value)).map_err(|e| wrong(e.to_string()))?;
    if indent == 0 {
        return Ok(json.to_string());
    }
    let blanks = " ".repeat(indent);
    let form = serde_json::ser::PrettyFormatter::with_indent(blanks.as_bytes());
    let mut bytes = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut bytes, form);
    serde::Serialize::serialize(&json, &mut writer).map_err(|e| wrong(e.to_string()))?;
    String::from_utf8(bytes).map_err(|e| wrong(e.to_string()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;
    use crate::api::Time;

    fn read(text: &str) -> Dynamic {
        value(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn there_and_back() {
        for text in [
            "null",
            "{\"a\":[1,2.5,null,\"x\\n\\u0000\"],\"b\":{}}",
            "[-9223372036854775808,true]",
            "1.0",
        ] {
            assert_eq!(write(&read(text), 0).unwrap(), text);
        }
        assert!(read("18446744073709551615").is_float());
        assert_eq!(
            write(&read("{\"b\":1,\"a\":2}"), 2).unwrap(),
            "{\n  \"a\": 2,\n  \"b\": 1\n}"
        );
        assert_eq!(write(&f64::NAN.into(), 0).unwrap(), "null");
        let time = Time::parse("2024-05-01T12:00:00Z")
            .map(Dynamic::from)
            .unwrap();
        assert_eq!(write(&time, 0).unwrap(), "\"2024-05-01T12:00:00Z\"");
    }

    #[test]
    fn a_closure_is_no_json() {
        let closure = rhai::FnPtr::new("f").unwrap();
        assert!(write(&Dynamic::from(closure), 0).is_err());
    }
}
