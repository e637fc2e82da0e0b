//! A page back to text, in the format that it came in. Parsing the result gives an equal page.

use std::fmt::{self, Write};

use super::kind::Format;
use super::page::{Family, Page};
use super::sample::Sample;

impl fmt::Display for Page {
    /// The page in its own format, without the comments that are for people only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for family in self.families() {
            declaration(f, &family, self.format())?;
            for one in family.samples() {
                sample(f, &one, self.format())?;
            }
        }
        if self.is_openmetrics() {
            f.write_str("# EOF\n")?;
        }
        Ok(())
    }
}

/// The line of a sample, with its line feed.
pub(super) fn sample(f: &mut impl Write, sample: &Sample<'_>, format: Format) -> fmt::Result {
    series(f, sample.name(), sample.labels())?;
    f.write_char(' ')?;
    number(f, sample.value())?;
    if let Some(time) = sample.timestamp_ms() {
        timestamp(f, time, format)?;
    }
    if let Some(exemplar) = sample.exemplar() {
        f.write_str(" # ")?;
        label_set(f, exemplar.labels())?;
        f.write_char(' ')?;
        number(f, exemplar.value())?;
        if let Some(time) = exemplar.timestamp_ms() {
            timestamp(f, time, format)?;
        }
    }
    f.write_char('\n')
}

fn timestamp(f: &mut impl Write, time: i64, format: Format) -> fmt::Result {
    if format == Format::Text {
        return write!(f, " {time}");
    }
    let sign = if time < 0 { "-" } else { "" };
    let time = time.unsigned_abs();
    write!(f, " {sign}{}.{:03}", time / 1000, time % 1000)
}

/// The lines that declare a family.
pub(super) fn declaration(f: &mut impl Write, family: &Family<'_>, format: Format) -> fmt::Result {
    let kind = family.kind().word_in(format);
    let lines = [
        ("HELP", family.help()),
        ("TYPE", family.is_declared().then_some(kind)),
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
        escaped(f, text, format == Format::OpenMetrics)?;
        f.write_char('\n')?;
    }
    Ok(())
}

/// Labels of an exemplar, which has braces even without any.
pub(super) fn label_set<'a>(
    f: &mut impl Write,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
) -> fmt::Result {
    f.write_char('{')?;
    pairs(f, labels, false)?;
    f.write_char('}')
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
    let mut labels = labels.peekable();
    if labels.peek().is_some() && !open {
        f.write_char('{')?;
        pairs(f, labels, false)?;
        open = true;
    } else {
        pairs(f, labels, open)?;
    }
    if open {
        f.write_char('}')?;
    }
    Ok(())
}

fn pairs<'a>(
    f: &mut impl Write,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
    mut comma: bool,
) -> fmt::Result {
    for (label, value) in labels {
        if comma {
            f.write_char(',')?;
        }
        comma = true;
        if is_plain_name(label) && !label.contains(':') {
            f.write_str(label)?;
        } else {
            quoted(f, label)?;
        }
        f.write_char('=')?;
        quoted(f, value)?;
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
