//! Parameters (`$1`) of a statement. They travel as text, so the server reads each as whatever type stands
//! in that place.

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

/// A parameter's value.
#[derive(Clone, PartialEq)]
pub enum Parameter {
    /// NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text; also how times, UUIDs and JSON are given.
    Text(String),
    /// An array, for `= ANY($1)`.
    List(Vec<Parameter>),
}

impl std::fmt::Debug for Parameter {
    /// Without the value: it may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parameter(..)")
    }
}

impl Parameter {
    /// The text form; `None` is NULL.
    fn text(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) if value.is_nan() => "NaN".into(),
            Self::Float(value) if value.is_infinite() => if *value > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            }
            .into(),
            Self::Float(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::element).collect();
                format!("{{{}}}", items.join(","))
            }
        })
    }

    fn element(&self) -> String {
        match (self, self.text()) {
            (_, None) => "NULL".into(),
            (Self::List(_), Some(inner)) => inner,
            (_, Some(text)) => {
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            }
        }
    }
}

impl ToSql for Parameter {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match self.text() {
            None => IsNull::Yes,
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                IsNull::No
            }
        })
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let list = Parameter::List(vec![
            Parameter::Text(r#"a"b\,{}"#.into()),
            Parameter::Null,
            Parameter::Int(-1),
            Parameter::List(vec![Parameter::Bool(true)]),
        ]);
        assert_eq!(
            list.text().as_deref(),
            Some(r#"{"a\"b\\,{}",NULL,"-1",{"true"}}"#)
        );
        assert_eq!(Parameter::Float(1e300).text().map(|t| t.len()), Some(301));
        assert_eq!(
            Parameter::Float(f64::NEG_INFINITY).text().as_deref(),
            Some("-Infinity")
        );
        assert_eq!(
            format!("{:?}", Parameter::Text("hunter2".into())),
            "Parameter(..)"
        );
    }
}
