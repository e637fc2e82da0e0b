//! A page back to text, in the 0.0.4 format. Parsing the result gives an equal page.

use std::fmt::{self, Write};

use super::page::{Family, Page};

impl fmt::Display for Page {
    /// The page in the text format 0.0.4. Exemplars and plain comments are not kept; a page of OpenMetrics comes out
    /// as OpenMetrics (`# UNIT`, timestamps in seconds, `# EOF`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for family in self.families() {
            declaration(f, &family)?;
            for sample in family.samples() {
                series(f, sample.name(), sample.labels())?;
                f.write_char(' ')?;
                number(f, sample.value())?;
                match sample.timestamp_ms() {
                    Some(time) if self.is_openmetrics() => {
                        let sign = if time < 0 { "-" } else { "" };
                        let time = time.unsigned_abs();
                        write!(f, " {sign}{}.{:03}", time / 1000, time % 1000)?;
                    }
                    Some(time) => write!(f, " {time}")?,
                    None => {}
                }
                f.write_char('\n')?;
            }
        }
        if self.is_openmetrics() {
            f.write_str("# EOF\n")?;
        }
        Ok(())
    }
}

fn declaration(f: &mut impl Write, family: &Family<'_>) -> fmt::Result {
    let lines = [
        ("HELP", family.help()),
        ("TYPE", family.is_declared().then(|| family.kind().word())),
        ("UNIT", family.unit()),
    ];
    for (keyword, text) in lines {
        let Some(text) = text else { continue };
        write!(f, "# {keyword} ")?;
        if is_plain_name(family.name()) {
            f.write_str(family.name())?;
        } else {
            quoted(f, family.name())?;
        }
        f.write_char(' ')?;
        escaped(f, text, false)?;
        f.write_char('\n')?;
    }
    Ok(())
}

/// A series as it is written on a page: `name{label="value",...}`, or `{"odd name",...}` when the name needs quotes.
pub(super) fn series<'a>(
    f: &mut impl Write,
    name: &str,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
) -> fmt::Result {
    let plain = is_plain_name(name);
    let mut open = false;
    if plain {
        f.write_str(name)?;
    } else {
        f.write_char('{')?;
        quoted(f, name)?;
        open = true;
    }
    for (label, value) in labels {
        f.write_char(if open { ',' } else { '{' })?;
        open = true;
        if is_plain_name(label) && !label.contains(':') {
            f.write_str(label)?;
        } else {
            quoted(f, label)?;
        }
        f.write_char('=')?;
        quoted(f, value)?;
    }
    if open {
        f.write_char('}')?;
    }
    Ok(())
}

fn is_plain_name(name: &str) -> bool {
    let mut cursor = super::scan::Cursor {
        line: name.as_bytes(),
        at: 0,
    };
    cursor.metric_name();
    cursor.is_at_end() && !name.is_empty()
}

pub(super) fn quoted(f: &mut impl Write, text: &str) -> fmt::Result {
    f.write_char('"')?;
    escaped(f, text, true)?;
    f.write_char('"')
}

fn escaped(f: &mut impl Write, text: &str, quotes: bool) -> fmt::Result {
    for piece in text.split_inclusive(['\\', '\n', '"']) {
        let (plain, end) = match piece.char_indices().next_back() {
            Some((at, '\\')) => (piece.get(..at), "\\\\"),
            Some((at, '\n')) => (piece.get(..at), "\\n"),
            Some((at, '"')) if quotes => (piece.get(..at), "\\\""),
            _ => (Some(piece), ""),
        };
        f.write_str(plain.unwrap_or_default())?;
        f.write_str(end)?;
    }
    Ok(())
}

/// A value in the format's spelling; Rust's shortest form reads back as the same float.
fn number(f: &mut impl Write, value: f64) -> fmt::Result {
    if value == f64::INFINITY {
        f.write_str("+Inf")
    } else if value == f64::NEG_INFINITY {
        f.write_str("-Inf")
    } else if value.is_nan() {
        f.write_str("NaN")
    } else if value != 0.0 && (value.abs() >= 1e17 || value.abs() < 1e-7) {
        write!(f, "{value:e}")
    } else {
        write!(f, "{value}")
    }
}
