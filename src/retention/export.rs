//! The rows of a partition in a file, exactly, before anything of it is removed; and their way back into a table.
//!
//! One JSON line that says what the file holds, one array per row, one line with the counts; compressed as an LZ4 frame
//! (`lz4 -d` reads it). The first value of a row is the number of the rule that means it, 0 for a row that stays: both are
//! there, so that the file alone can restore the whole partition.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use lz4_flex::frame::{FrameDecoder, FrameEncoder};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::form_urlencoded;

use super::Error;
use super::site::{Site, limits};
use crate::journal;
use crate::questdb::{self, quote_name, quote_text};
use crate::run::Cx;

/// 7.3.3 writes a double between 0.001 and ten million with twelve decimals at most, and all others exactly [measured]. So one of
/// these comes as two integers, which it writes whole and three times as fast: its units of 2^-29, and the rest in units of 2^-63,
/// the last digit that such a double can have.
const UNIT: f64 = 536_870_912.0;
const REST: f64 = 17_179_869_184.0;
const CUT: std::ops::Range<f64> = 1e-3..1e7;

/// What the head says that this is.
const SCHEMA: &str = "tradeops.retention.export/2";

/// Encoded bytes of rows that go into one statement.
const TOGETHER: usize = 24_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Head {
    schema: String,
    table: String,
    partition: String,
    columns: Vec<Column>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    /// Behind its value, which is then null, stand its two pieces, where it would have been cut.
    pieces: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Foot {
    rows: u64,
    meant: u64,
}

/// What was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exported {
    pub(super) rows: u64,
    /// Those that a rule means.
    pub(super) meant: u64,
    /// The file's size.
    pub(super) bytes: u64,
}

impl Site<'_> {
    /// Writes the rows of `window`, each with the number that `flag` gives it, to `path`: whole and on the disk, or not at all.
    pub(super) fn export(
        &self,
        partition: &str,
        flag: &str,
        window: &str,
        path: &Path,
    ) -> Result<Exported, Error> {
        let failed = |why: &dyn ToString| Error::Export {
            doing: "write",
            path: path.to_owned(),
            why: why.to_string(),
        };
        let (mut selected, mut columns) = (String::new(), Vec::new());
        for (name, ty) in &self.columns {
            let pieces = !self.can.exact && matches!(ty.as_str(), "DOUBLE" | "FLOAT");
            let quoted = quote_name(name)?;
            selected.push_str(&match pieces {
                true => in_pieces(&quoted, columns.len()),
                false => format!(", {quoted}"),
            });
            columns.push(Column {
                name: name.clone(),
                ty: ty.clone(),
                pieces,
            });
        }
        let head = Head {
            schema: SCHEMA.into(),
            table: self.table.name.clone(),
            partition: partition.to_owned(),
            columns,
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        let beside = path.with_extension("part");
        let file = private_folder(folder).and_then(|()| private(&beside));
        let file = file.map_err(|e| failed(&e))?;
        let mut out = FrameEncoder::new(BufWriter::with_capacity(1 << 18, file));
        let line = serde_json::to_vec(&head).unwrap_or_default();
        out.write_all(&[&line, &b"\n"[..]].concat())
            .map_err(|e| failed(&e))?;
        let mut meant = 0;
        let sql = format!(
            "SELECT {flag} AS tradeops_q{selected} FROM {} WHERE {window}",
            self.name
        );
        let rows = questdb::stream(self.cx, self.server, &sql, limits(), |row| {
            meant += u64::from(!row.starts_with(b"[0,"));
            let written = out.write_all(row).and_then(|()| out.write_all(b"\n"));
            written.map_err(|error| questdb::Error::Sink(failed(&error).to_string()))
        });
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                let _ = fs::remove_file(&beside);
                return Err(error.into());
            }
        };
        let foot = serde_json::to_vec(&Foot { rows, meant }).unwrap_or_default();
        let bytes = || -> std::io::Result<u64> {
            out.write_all(&foot)?;
            let file = out
                .finish()
                .map_err(std::io::Error::other)?
                .into_inner()
                .map_err(|error| error.into_error())?;
            file.sync_all()?;
            let bytes = file.metadata()?.len();
            fs::rename(&beside, path)?;
            File::open(folder)?.sync_all()?;
            Ok(bytes)
        };
        Ok(Exported {
            rows,
            meant,
            bytes: bytes().map_err(|e| failed(&e))?,
        })
    }

    /// Puts rows of an export into `table`: those that a rule meant, or those that stay. Gives their number.
    pub(super) fn import(
        &self,
        cx: &Cx,
        path: &Path,
        meant: bool,
        table: &str,
    ) -> Result<i64, Error> {
        let mut into = Into {
            site: self,
            cx,
            head: String::new(),
            rows: String::new(),
            encoded: 0,
            count: 0,
        };
        read(path, |head, row| {
            if into.head.is_empty() {
                let names: Vec<_> = head.columns.iter().map(|c| quote_name(&c.name)).collect();
                let names = names.into_iter().collect::<Result<Vec<_>, _>>()?.join(", ");
                into.head = format!("INSERT INTO {} ({names}) VALUES ", quote_name(table)?);
            }
            match row.first().is_some_and(|rule| (rule.get() != "0") == meant) {
                true => into.add(&values(head, &row[1..])?),
                false => Ok(()),
            }
        })?;
        into.send()?;
        Ok(into.count)
    }
}

/// Rows on their way, as many at once as one statement may hold.
struct Into<'a> {
    site: &'a Site<'a>,
    cx: &'a Cx,
    head: String,
    rows: String,
    encoded: usize,
    count: i64,
}

impl Into<'_> {
    fn add(&mut self, row: &str) -> Result<(), Error> {
        let length = form_urlencoded::byte_serialize(row.as_bytes())
            .map(str::len)
            .sum::<usize>();
        if self.encoded + length > TOGETHER {
            self.send()?;
        }
        self.encoded += length + 3;
        let comma = if self.rows.is_empty() { "" } else { "," };
        self.rows.push_str(comma);
        self.rows.push_str(row);
        self.count += 1;
        Ok(())
    }

    fn send(&mut self) -> Result<(), Error> {
        if !self.rows.is_empty() {
            let sql = format!("{}{}", self.head, self.rows);
            self.site.exec(self.cx, &sql)?;
            self.rows.clear();
            self.encoded = 0;
        }
        Ok(())
    }
}

/// Reads an export, and fails unless it is whole.
fn read(
    path: &Path,
    mut take: impl FnMut(&Head, &[&RawValue]) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = |why: &dyn ToString| Error::Export {
        doing: "read",
        path: path.to_owned(),
        why: why.to_string(),
    };
    let file = File::open(path).map_err(|e| failed(&e))?;
    let mut lines = BufReader::new(FrameDecoder::new(BufReader::new(file)));
    let (mut line, mut head) = (String::new(), None::<Head>);
    let (mut rows, mut meant) = (0, 0);
    loop {
        line.clear();
        if lines.read_line(&mut line).map_err(|e| failed(&e))? == 0 {
            return Err(failed(&"it ends too early"));
        }
        let Some(known) = &head else {
            let known: Head = serde_json::from_str(&line).map_err(|e| failed(&e))?;
            if known.schema != SCHEMA {
                return Err(failed(&format!("it is a {}, not a {SCHEMA}", known.schema)));
            }
            head = Some(known);
            continue;
        };
        if line.starts_with('[') {
            let row: Vec<&RawValue> = serde_json::from_str(&line).map_err(|e| failed(&e))?;
            rows += 1;
            meant += u64::from(row.first().is_some_and(|rule| rule.get() != "0"));
            take(known, &row)?;
        } else {
            let foot: Foot = serde_json::from_str(&line).map_err(|e| failed(&e))?;
            return match foot == (Foot { rows, meant }) {
                true => Ok(()),
                false => Err(failed(&"it does not hold the rows that it says")),
            };
        }
    }
}

/// A double and its pieces, as a server is asked for them that would cut it.
fn in_pieces(quoted: &str, at: usize) -> String {
    let x = format!("cast({quoted} AS DOUBLE)");
    let (low, high) = (CUT.start, CUT.end);
    let cut = format!("abs({x}) >= {low:E} AND abs({x}) < {high:E}");
    let units = format!("cast({x} * {UNIT:.1} AS LONG)");
    let rest = format!("cast(({x} * {UNIT:.1} - {units}) * {REST:.1} AS LONG)");
    format!(
        ", CASE WHEN {cut} THEN NULL ELSE {x} END AS tradeops_a{at}, CASE WHEN {cut} THEN {units} END AS tradeops_b{at}, CASE WHEN {cut} THEN {rest} END AS tradeops_c{at}"
    )
}

/// The double of two pieces: each step is exact.
fn whole(units: &str, rest: &str) -> Option<f64> {
    let (units, rest): (i64, i64) = (units.parse().ok()?, rest.parse().ok()?);
    #[expect(clippy::cast_precision_loss, reason = "both are less than 2^53")]
    let (units, rest) = (units as f64, rest as f64);
    Some((units + rest / REST) / UNIT)
}

/// A row as it stands in `VALUES`.
fn values(head: &Head, row: &[&RawValue]) -> Result<String, Error> {
    let mut sql = String::from("(");
    let mut cells = row.iter().map(|cell| cell.get());
    for column in &head.columns {
        let cell = cells.next().unwrap_or("null");
        let pieces = match column.pieces {
            true => cells.next().zip(cells.next()),
            false => None,
        };
        if sql.len() > 1 {
            sql.push(',');
        }
        if let Some(whole) = pieces.and_then(|(units, rest)| whole(units, rest)) {
            sql.push_str(&format!("{whole:E}"));
            continue;
        }
        match column.ty.as_str() {
            _ if cell == "null" => sql.push_str("null"),
            "SYMBOL" | "STRING" | "VARCHAR" | "CHAR" | "DATE" | "TIMESTAMP" | "UUID" | "IPv4"
            | "LONG256" => {
                let text: String = serde_json::from_str(cell).unwrap_or_default();
                match column.ty.as_str() {
                    // Their NULL comes as an empty text.
                    "CHAR" | "LONG256" | "UUID" | "IPv4" if text.is_empty() => sql.push_str("null"),
                    "LONG256" => sql.push_str(&format!("cast({} AS LONG256)", quote_text(&text)?)),
                    _ => sql.push_str(&quote_text(&text)?),
                }
            }
            _ => sql.push_str(cell),
        }
    }
    sql.push(')');
    Ok(sql)
}

/// Exports that were removed because nobody wants them back any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Expired {
    /// Their runs.
    pub runs: Vec<String>,
}

/// Makes a folder that is its owner's alone: the rows are not everybody's business.
pub(super) fn private_folder(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// Where the exports of a run are.
pub(super) fn folder(state: &Path, run: &str) -> PathBuf {
    state.join("retention").join(run)
}

/// Removes the exports of runs that are older than `keep`.
pub fn expire(state: &Path, keep: Duration) -> Result<Expired, Error> {
    let mut expired = Expired::default();
    let Ok(all) = fs::read_dir(state.join("retention")) else {
        return Ok(expired);
    };
    for entry in all.flatten() {
        let age = entry.metadata().and_then(|m| m.modified()).ok();
        let age = age.and_then(|at| SystemTime::now().duration_since(at).ok());
        if age.is_some_and(|age| age > keep) && entry.path().is_dir() {
            fs::remove_dir_all(entry.path()).map_err(|error| Error::Export {
                doing: "remove",
                path: entry.path(),
                why: error.to_string(),
            })?;
            let run = entry.file_name().to_string_lossy().into_owned();
            // Without its exports a run's journals are of no use.
            journal::forget(state, "retention-", &run)?;
            expired.runs.push(run);
        }
    }
    expired.runs.sort();
    Ok(expired)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the server takes it apart.
    fn pieces(x: f64) -> (String, String) {
        let units = (x * UNIT).trunc();
        (format!("{units}"), format!("{}", (x * UNIT - units) * REST))
    }

    #[test]
    fn a_double_comes_back_whole_from_its_pieces() {
        let below = |x: f64| f64::from_bits(x.to_bits() - 1);
        let mut all = vec![
            CUT.start,
            below(CUT.end),
            1.0 / 3.0,
            1.0,
            0.1,
            below(1.0),
            9_999_999.0,
            1234.5678,
        ];
        let mut x = CUT.start;
        while x < CUT.end {
            all.extend([x, below(x * 1.7)]);
            x *= 1.000_123_456_789;
        }
        for x in all.into_iter().flat_map(|x| [x, -x]) {
            let (units, rest) = pieces(x);
            assert_eq!(
                whole(&units, &rest).map(f64::to_bits),
                Some(x.to_bits()),
                "{x}"
            );
        }
        assert_eq!(whole("null", "null"), None);
    }
}
