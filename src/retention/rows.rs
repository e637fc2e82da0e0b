//! The same for tables of Postgres, which has a `DELETE`: in batches, each exported before it is committed.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Error;
use super::export::{folder, private_folder};
use super::plan::tally;
use crate::journal;
use crate::postgres::{self, Limits, Parameter, Server};
use crate::questdb::{self, Rule, quote_name, quote_text};
use crate::run::{Cx, Effect};

/// A table of Postgres under rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowsPlan {
    /// The table.
    pub table: String,
    /// All its rows.
    pub total: i64,
    /// Rows that the rules mean.
    pub delete_rows: i64,
    /// The rules that have all their columns, in order.
    pub rules: Vec<String>,
    /// Rules of which a column is missing.
    pub absent: Vec<String>,
    /// Rows by rule; a row counts for the first that means it.
    pub by_rule: Vec<i64>,
    /// What the table takes on the disk, indexes included.
    pub disk_bytes: i64,
}

/// What was deleted from a table of Postgres.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowsRemoved {
    /// The run.
    pub run: String,
    /// The table.
    pub table: String,
    /// Rows that the server deleted.
    pub deleted: i64,
    /// Batches that were committed.
    pub batches: i64,
    /// Whether the time was up before all of it was done.
    pub left: bool,
    /// The file with the rows.
    pub exported: Option<PathBuf>,
}

/// How rows are deleted.
#[derive(Debug, Clone)]
pub struct RowsOptions {
    /// The run's name.
    pub run: String,
    /// Where exports are.
    pub state: PathBuf,
    /// Whether rows are written to a file first.
    pub undo: bool,
    /// Rows of one transaction.
    pub batch: i64,
    /// After this long no other batch is begun.
    pub budget: Option<Duration>,
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        match error {
            postgres::Error::Stopped(stop) => Self::Stopped(stop),
            error => Self::Postgres(error),
        }
    }
}

fn limits() -> Limits {
    Limits {
        rows: 100_000,
        bytes: 256 << 20,
        time: Duration::from_secs(600),
    }
}

/// A table as rules see it: its name as it goes into statements, and the expression that gives a row the number of its rule.
struct Meant {
    name: String,
    present: Vec<Rule>,
    absent: Vec<String>,
    number: String,
}

fn meant(
    cx: &Cx,
    server: &Server,
    table: &str,
    column: &str,
    rules: &[Rule],
) -> Result<Meant, Error> {
    let sql = "SELECT column_name::text AS name, data_type::text AS type FROM information_schema.columns WHERE table_schema = ANY(current_schemas(false)) AND table_name = $1";
    let found = postgres::query(
        cx,
        server,
        sql,
        vec![Parameter::Text(table.to_owned())],
        limits(),
    )?;
    let columns: Vec<_> = found
        .cells
        .iter()
        .filter_map(|row| Some((row[0].text()?.to_owned(), row[1].text()?.to_owned())))
        .collect();
    if columns.is_empty() {
        return Err(Error::Missing(format!("there is no table `{table}`")));
    }
    let named = |own: &str| own.eq_ignore_ascii_case(column);
    if !columns.iter().any(|(own, _)| named(own)) {
        return Err(Error::Missing(format!(
            "the table `{table}` has no column `{column}`"
        )));
    }
    let (present, absent) = questdb::present(rules, &columns);
    let number = questdb::number(&present, &quote_name(column)?, None, |p| {
        p.postgres(&columns)
    })?;
    Ok(Meant {
        name: quote_name(table)?,
        present,
        absent,
        number,
    })
}

/// Judges a table of Postgres, whose rows have their time in `column`. Reads, and changes nothing.
pub fn plan_rows(
    cx: &Cx,
    server: &Server,
    table: &str,
    column: &str,
    rules: &[Rule],
) -> Result<RowsPlan, Error> {
    let meant = meant(cx, server, table, column, rules)?;
    let sql = format!(
        "SELECT {} AS q, count(*) AS n FROM {} GROUP BY 1",
        meant.number, meant.name
    );
    let counted = postgres::query(cx, server, &sql, Vec::new(), limits())?;
    let mut plan = RowsPlan {
        table: table.to_owned(),
        total: 0,
        delete_rows: 0,
        rules: meant.present.iter().map(|rule| rule.name.clone()).collect(),
        absent: meant.absent,
        by_rule: vec![0; meant.present.len()],
        disk_bytes: 0,
    };
    plan.total = tally(&counted, &mut plan.by_rule);
    plan.delete_rows = plan.by_rule.iter().sum();
    let sql = "SELECT pg_total_relation_size(quote_ident($1)::regclass)::bigint AS n";
    let size = vec![Parameter::Text(table.to_owned())];
    plan.disk_bytes = postgres::value(cx, server, sql, size, limits())?
        .int()
        .unwrap_or(0);
    Ok(plan)
}

/// One batch as it stands in the export.
#[derive(Serialize, Deserialize)]
struct Line {
    transaction: i64,
    rows: Vec<String>,
}

/// Deletes from a table of Postgres what rules mean, oldest first.
pub fn remove_rows(
    cx: &Cx,
    server: &Server,
    table: &str,
    column: &str,
    rules: &[Rule],
    options: &RowsOptions,
    watch: &dyn Fn(&str),
) -> Result<RowsRemoved, Error> {
    let meant = meant(cx, server, table, column, rules)?;
    let path = export_path(&options.state, &options.run, server, table);
    let mut removed = RowsRemoved {
        run: options.run.clone(),
        table: table.to_owned(),
        deleted: 0,
        batches: 0,
        left: false,
        exported: options.undo.then(|| path.clone()),
    };
    // A row that was changed since it was chosen is looked at again by the server, and only then deleted.
    let sql = format!(
        "WITH gone AS (DELETE FROM {name} WHERE ({number}) > 0 AND ctid = ANY(ARRAY(SELECT ctid FROM {name} WHERE ({number}) > 0 ORDER BY {column} LIMIT {batch})) RETURNING *) SELECT to_jsonb(gone)::text FROM gone",
        name = meant.name,
        number = meant.number,
        column = quote_name(column)?,
        batch = options.batch.max(1)
    );
    let began = Instant::now();
    loop {
        if options.budget.is_some_and(|most| began.elapsed() > most) {
            removed.left = true;
            return Ok(removed);
        }
        cx.check()?;
        let file = options.undo.then(|| path.clone());
        let batch =
            postgres::returning(
                cx,
                server,
                &sql,
                limits(),
                move |transaction, rows| match file {
                    Some(path) if !rows.is_empty() => keep(&path, &Line { transaction, rows })
                        .map_err(|why| {
                            format!("cannot write the export `{}`: {why}", path.display())
                        }),
                    _ => Ok(()),
                },
            )?;
        if batch.rows == 0 {
            return Ok(removed);
        }
        removed.deleted += i64::try_from(batch.rows).unwrap_or(i64::MAX);
        removed.batches += 1;
        watch(&format!("{table}: {} rows deleted", removed.deleted));
        cx.effects().effect(Effect {
            verb: "delete".into(),
            target: format!("postgres/{}/{table}", server.name()),
            outcome: format!("{} rows", batch.rows),
        });
    }
}

fn export_path(state: &Path, run: &str, server: &Server, table: &str) -> PathBuf {
    let name = journal::harmless(&format!("{}_{table}", server.name()));
    folder(state, run).join(format!("{name}.jsonl"))
}

fn keep(path: &Path, line: &Line) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    private_folder(folder)?;
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    file.write_all(&text)?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

/// Brings back what `run` deleted from a table of Postgres. Rows that are there already, by their key, are left alone; each batch
/// goes in once, whenever it is cut off. Gives the rows that came back.
pub fn undo_rows(
    cx: &Cx,
    server: &Server,
    state: &Path,
    table: &str,
    run: &str,
) -> Result<i64, Error> {
    let path = export_path(state, run, server, table);
    let failed = |why: &dyn ToString| Error::Export {
        doing: "read",
        path: path.clone(),
        why: why.to_string(),
    };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::Invalid(format!(
                "no run `{run}` deleted anything from `{table}` at {}, or its export is gone",
                server.name()
            )));
        }
        Err(error) => return Err(failed(&error)),
    };
    let marks = path.with_extension("undone");
    let mut done = Vec::new();
    for mark in fs::read_to_string(&marks).unwrap_or_default().lines() {
        if let Some((batch, by)) = mark.split_once(' ')
            && let (Ok(batch), Ok(by)) = (batch.parse::<i64>(), by.parse())
            && postgres::committed(cx, server, by, limits())? != Some(false)
        {
            done.push(batch);
        }
    }
    let name = quote_name(table)?;
    let mut back = 0;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|e| failed(&e))?;
        // The last line of a run that was killed may be cut off; what it was to keep was not committed.
        let Ok(line) = serde_json::from_str::<Line>(&line) else {
            continue;
        };
        let batch = line.transaction;
        if done.contains(&batch) || postgres::committed(cx, server, batch, limits())? == Some(false)
        {
            continue;
        }
        cx.check()?;
        let rows = quote_text(&format!("[{}]", line.rows.join(",")))?;
        let sql = format!(
            "INSERT INTO {name} SELECT * FROM jsonb_populate_recordset(NULL::{name}, {rows}::jsonb) ON CONFLICT DO NOTHING RETURNING ''"
        );
        let mark = marks.clone();
        let came = postgres::returning(cx, server, &sql, limits(), move |by, _| {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(&mark)
                .and_then(|mut file| {
                    file.write_all(format!("{batch} {by}\n").as_bytes())?;
                    file.sync_all()
                })
                .map_err(|error| error.to_string())
        })?;
        back += i64::try_from(came.rows).unwrap_or(i64::MAX);
    }
    Ok(back)
}
