//! `text::` - strings, as values. Rhai's own `trim`, `replace` and such change a variable in place and
//! return nothing, which reads like a mistake; these return the new text and change nothing.

use rhai::{Array, Dynamic};

use super::{
    Args, Call, Failure, Kind, Namespace, Param, Primitive, Shape, Ty, field, option, param,
};
use crate::secret;

const TEXT: Param = param("text", Ty::Str, "any text; it is not changed");
const WIDTH: Param = param(
    "width",
    Ty::Int,
    "in characters; a longer text stays as it is",
);
const FILL: Param = option("fill", Ty::Str, "\" \"", "one character to fill with");
const PART: Param = param("part", Ty::Str, "what to look for, letter by letter");

static STRENGTH: Shape = Shape {
    name: "Strength",
    doc: "How hard a secret is to guess; nothing of the secret is in it.",
    fields: &[
        field(
            "kind",
            Ty::OneOf(&["empty", "placeholder", "default", "name", "common", "other"]),
            "`placeholder`: to be replaced (`change-me`); `default`: products are delivered with it; `name`: one of `names`; `common`: on the lists that are tried first",
        ),
        field("length", Ty::Int, "its length in bytes"),
        field(
            "bits",
            Ty::Float,
            "the binary logarithm of the guesses that find it; 0 for what stands on a list",
        ),
        field(
            "why",
            Ty::Str,
            "what makes it easy, in words; empty for a good one",
        ),
    ],
};

/// More characters than this are a mistake, not a text.
const MOST: usize = 16 << 20;

/// The functions of `text::`.
pub(super) static NAMESPACE: Namespace = Namespace {
    name: "text",
    doc: "Strings as values: each function returns a new text and changes nothing (Rhai's own `trim`, `replace`, \
          `truncate` and `make_lower` change a variable and return nothing). Widths and positions count characters.",
    shapes: &[&STRENGTH],
    primitives: &[
        Primitive {
            name: "trimmed",
            params: &[TEXT],
            returns: Ty::Str,
            doc: "The text without white space at both ends.",
            example: r#"text::trimmed("  a b\n") == "a b""#,
            call: |call| Ok(of(text(call).trim())),
            ..Primitive::PURE
        },
        Primitive {
            name: "replaced",
            params: &[TEXT, PART, param("by", Ty::Str, "what to put there")],
            returns: Ty::Str,
            errors: &[Kind::Invalid],
            doc: "The text with every occurrence of a part replaced.",
            example: r#"text::replaced("a-b-c", "-", "+") == "a+b+c""#,
            call: |call| {
                let a = call.args();
                let (part, by) = (a.str("part"), a.str("by"));
                if part.is_empty() {
                    return Err(Failure::invalid("`part` must not be empty"));
                }
                let count = text(call).matches(part).count();
                within_reason(count.saturating_mul(by.len()))?;
                Ok(text(call).replace(part, by).into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "strength",
            params: &[param("secret", Ty::Str, "a password, a token, a key")],
            options: &[option(
                "names",
                Ty::List(&Ty::Str),
                "[]",
                "words that belong to it and are tried first: the user, the service",
            )],
            returns: Ty::Record(&STRENGTH),
            doc: "How hard a secret is to guess, without telling it: empty, a default, a placeholder, a common password, or so many bits.\n\n\
                  For passwords it counts the guesses of a good guesser (dictionaries, keyboard rows, dates, repetitions); for long random \
                  tokens, their alphabet and length.",
            example: r#"text::strength("minioadmin").kind == "default""#,
            call: |call| {
                let a = call.args();
                let found = secret::strength(a.str("secret"), &a.strs("names"));
                Ok(STRENGTH.record(&found))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "sha256",
            params: &[param("text", Ty::Str, "any text")],
            returns: Ty::Str,
            doc: "The SHA-256 of a text, in 64 hexadecimal digits.",
            example: "text::sha256(\"\").starts_with(\"e3b0c44298fc\")",
            call: |call| {
                let digest = <sha2::Sha256 as sha2::Digest>::digest(call.args().str("text"));
                Ok(digest
                    .iter()
                    .map(|b| format!("{b:02x}"))
                    .collect::<String>()
                    .into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "lines",
            params: &[TEXT],
            returns: Ty::List(&Ty::Str),
            doc: "The lines, without their ends; an empty text has none.",
            example: r#"text::lines("a\nb\n").len() == 2"#,
            call: |call| Ok(list(text(call).lines())),
            ..Primitive::PURE
        },
        Primitive {
            name: "words",
            params: &[TEXT],
            returns: Ty::List(&Ty::Str),
            doc: "The parts between white space.",
            example: r#"text::words("  a   b ").len() == 2"#,
            call: |call| Ok(list(text(call).split_whitespace())),
            ..Primitive::PURE
        },
        Primitive {
            name: "split",
            params: &[
                TEXT,
                param("separator", Ty::Str, "what stands between the parts"),
                option(
                    "most",
                    Ty::Int,
                    "0",
                    "at most so many parts, the last one taking the rest; 0: all",
                ),
            ],
            returns: Ty::List(&Ty::Str),
            errors: &[Kind::Invalid],
            doc: "The parts between the occurrences of a separator.",
            example: r#"text::split("a=b=c", "=", 2)[1] == "b=c""#,
            call: |call| {
                let a = call.args();
                let separator = a.str("separator");
                if separator.is_empty() {
                    return Err(Failure::invalid("`separator` must not be empty"));
                }
                Ok(match usize::try_from(a.int("most")) {
                    Ok(0) | Err(_) => list(text(call).split(separator)),
                    Ok(most) => list(text(call).splitn(most, separator)),
                })
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "join",
            params: &[
                param(
                    "parts",
                    Ty::List(&Ty::Any),
                    "texts, numbers and whatever else prints",
                ),
                option("separator", Ty::Str, "\"\"", "what to put between them"),
            ],
            returns: Ty::Str,
            doc: "The parts as one text.",
            example: r#"text::join(["a", 1, true], ", ") == "a, 1, true""#,
            call: |call| {
                let a = call.args();
                let parts: Vec<_> = a.list("parts").iter().map(ToString::to_string).collect();
                Ok(parts.join(a.str("separator")).into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "contains",
            params: &[TEXT, PART],
            returns: Ty::Bool,
            doc: "Whether the text has the part.",
            example: r#"text::contains("connection refused", "refused")"#,
            call: |call| Ok(text(call).contains(part(call)).into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "starts_with",
            params: &[TEXT, PART],
            returns: Ty::Bool,
            doc: "Whether the text starts with the part.",
            example: r#"text::starts_with("trading-redis", "trading-")"#,
            call: |call| Ok(text(call).starts_with(part(call)).into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "ends_with",
            params: &[TEXT, PART],
            returns: Ty::Bool,
            doc: "Whether the text ends with the part.",
            example: r#"text::ends_with("a.log", ".log")"#,
            call: |call| Ok(text(call).ends_with(part(call)).into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "like",
            params: &[
                TEXT,
                param("pattern", Ty::Str, "`*` stands for any run of characters"),
            ],
            returns: Ty::Bool,
            doc: "Whether the whole text matches a pattern with `*`, as in a shell.",
            example: r#"text::like("redis.memory", "redis.*")"#,
            call: |call| Ok(crate::gate::glob(call.args().str("pattern"), text(call)).into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "without_prefix",
            params: &[TEXT, PART],
            returns: Ty::Str,
            doc: "The text without the part at its start; unchanged when it does not start so.",
            example: r#"text::without_prefix("trading-redis", "trading-") == "redis""#,
            call: |call| {
                Ok(of(text(call)
                    .strip_prefix(part(call))
                    .unwrap_or(text(call))))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "without_suffix",
            params: &[TEXT, PART],
            returns: Ty::Str,
            doc: "The text without the part at its end; unchanged when it does not end so.",
            example: r#"text::without_suffix("a.log", ".log") == "a""#,
            call: |call| {
                Ok(of(text(call)
                    .strip_suffix(part(call))
                    .unwrap_or(text(call))))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "lower",
            params: &[TEXT],
            returns: Ty::Str,
            doc: "The text in small letters.",
            example: r#"text::lower("ÄB") == "äb""#,
            call: |call| Ok(text(call).to_lowercase().into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "upper",
            params: &[TEXT],
            returns: Ty::Str,
            doc: "The text in capital letters.",
            example: r#"text::upper("äb") == "ÄB""#,
            call: |call| Ok(text(call).to_uppercase().into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "pad_right",
            params: &[TEXT, WIDTH, FILL],
            returns: Ty::Str,
            errors: &[Kind::Invalid],
            doc: "The text, filled up on the right to a width.",
            example: r#"text::pad_right("ab", 4) == "ab  ""#,
            call: |call| Ok(format!("{}{}", text(call), filling(call.args())?).into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "pad_left",
            params: &[TEXT, WIDTH, FILL],
            returns: Ty::Str,
            errors: &[Kind::Invalid],
            doc: "The text, filled up on the left to a width.",
            example: r#"text::pad_left("7", 3, "0") == "007""#,
            call: |call| Ok(format!("{}{}", filling(call.args())?, text(call)).into()),
            ..Primitive::PURE
        },
        Primitive {
            name: "truncate_to",
            params: &[
                TEXT,
                param("width", Ty::Int, "the most characters, the `…` counted"),
            ],
            returns: Ty::Str,
            doc: "The text, cut to a width; a cut one ends with `…`.",
            example: r#"text::truncate_to("abcdef", 4) == "abc…""#,
            call: |call| {
                Ok(truncated(
                    text(call),
                    usize::try_from(call.args().int("width")).unwrap_or(0),
                )
                .into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "repeated",
            params: &[
                TEXT,
                param(
                    "times",
                    Ty::Int,
                    "how often; less than 1 gives an empty text",
                ),
            ],
            returns: Ty::Str,
            errors: &[Kind::Invalid],
            doc: "The text several times over.",
            example: r#"text::repeated("-", 3) == "---""#,
            call: |call| {
                let times = usize::try_from(call.args().int("times")).unwrap_or(0);
                within_reason(text(call).len().saturating_mul(times))?;
                Ok(text(call).repeat(times).into())
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "to_int",
            params: &[TEXT],
            returns: Ty::Opt(&Ty::Int),
            doc: "The whole number that the text is, white space around it aside, or `()`.",
            example: r#"text::to_int(" 42\n") ?? 0"#,
            call: |call| {
                Ok(text(call)
                    .trim()
                    .parse::<i64>()
                    .map_or(Dynamic::UNIT, Dynamic::from))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "to_float",
            params: &[TEXT],
            returns: Ty::Opt(&Ty::Float),
            doc: "The number that the text is, white space around it aside, or `()`.",
            example: r#"text::to_float("2.5") ?? 0.0"#,
            call: |call| {
                Ok(text(call)
                    .trim()
                    .parse::<f64>()
                    .map_or(Dynamic::UNIT, Dynamic::from))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "to_bytes",
            params: &[TEXT],
            returns: Ty::Opt(&Ty::Int),
            doc: "The size that the text is, such as `64MiB` or `1.5GB`, in bytes, or `()`.",
            example: r#"text::to_bytes("1KiB") == 1024"#,
            call: |call| {
                Ok(super::units::size(text(call))
                    .ok()
                    .and_then(|bytes| i64::try_from(bytes).ok())
                    .map_or(Dynamic::UNIT, Dynamic::from))
            },
            ..Primitive::PURE
        },
        Primitive {
            name: "show_bytes",
            params: &[param("bytes", Ty::Int, "a number of bytes")],
            returns: Ty::Str,
            doc: "A size in the binary unit that fits: `1.5 GiB`.",
            example: r#"text::show_bytes(1536) == "1.5 KiB""#,
            call: |call| {
                let bytes = call.args().int("bytes");
                let shown = super::units::show_size(bytes.unsigned_abs());
                Ok(if bytes < 0 {
                    format!("-{shown}")
                } else {
                    shown
                }
                .into())
            },
            ..Primitive::PURE
        },
    ],
};

fn text<'a>(call: &'a Call<'_>) -> &'a str {
    call.args().str("text")
}

fn part<'a>(call: &'a Call<'_>) -> &'a str {
    call.args().str("part")
}

fn of(text: &str) -> Dynamic {
    text.to_owned().into()
}

fn list<'a>(parts: impl Iterator<Item = &'a str>) -> Dynamic {
    parts.map(of).collect::<Array>().into()
}

fn within_reason(length: usize) -> Result<(), Failure> {
    if length <= MOST {
        return Ok(());
    }
    Err(Failure::invalid(format!(
        "the result would be longer than {MOST} bytes"
    )))
}

fn filling(a: &Args) -> Result<String, Failure> {
    let mut fill = a.str("fill").chars();
    let (Some(fill), None) = (fill.next(), fill.next()) else {
        return Err(Failure::invalid("`fill` must be one character"));
    };
    let width = usize::try_from(a.int("width")).unwrap_or(0);
    within_reason(width)?;
    let missing = width.saturating_sub(a.str("text").chars().count());
    Ok(std::iter::repeat_n(fill, missing).collect())
}

fn truncated(text: &str, width: usize) -> String {
    if text.chars().nth(width).is_none() {
        return text.to_owned();
    }
    let kept = text.chars().take(width.saturating_sub(1));
    kept.chain((width > 0).then_some('…')).collect()
}

#[cfg(test)]
mod tests {
    use super::truncated;

    #[test]
    fn cutting() {
        for (text, width, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("äöü", 2, "ä…"),
            ("ab", 1, "…"),
            ("ab", 0, ""),
            ("", 0, ""),
        ] {
            assert_eq!(truncated(text, width), expected, "{text} {width}");
        }
    }
}
