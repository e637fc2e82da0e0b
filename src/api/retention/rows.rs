//! The part of `retention::` for tables of Postgres.

use super::rules::{self, RULES};
use super::shapes::{ROWS_PLAN, ROWS_REMOVED, ROWS_UNDONE};
use super::{ERRORS, TABLE, began, budget, run_name, state};
use crate::api::postgres::{DB, server, target};
use crate::api::progress::Working;
use crate::api::{Call, Failure, Param, Primitive, Ty, option, param};
use crate::gate::{Access, Blast};
use crate::retention::{self, RowsOptions, RowsPlan};

const COLUMN: Param = param("column", Ty::Str, "the column that tells a row's time");

pub(super) const PLAN: Primitive = Primitive {
    name: "plan_rows",
    params: &[DB, TABLE, COLUMN, RULES],
    returns: Ty::Record(&ROWS_PLAN),
    errors: ERRORS,
    doc: "What rules would delete of a table of Postgres. Changes nothing. The conditions are those of `retention::plan`.",
    example: r#"let db = postgres::connect("postgres://127.0.0.1:5432/trading", #{ user: "trading" });
print(retention::plan_rows(db, "login_attempts", "at", [#{ name: "age", before: time::ago("1825d") }]).delete_rows);"#,
    target: |a| format!("{}/{}", target(a), a.str("table")),
    call: |call| Ok(ROWS_PLAN.record(&plan(call)?)),
    ..Primitive::READ
};

pub(super) const REMOVE: Primitive = Primitive {
    name: "remove_rows",
    params: &[DB, TABLE, COLUMN, RULES],
    options: &[
        option("batch", Ty::Int, "5000", "rows of one transaction"),
        option(
            "undo",
            Ty::Bool,
            "true",
            "write the rows to a file first, for `retention::undo_rows`",
        ),
        option(
            "budget",
            Ty::Opt(&Ty::Duration),
            "()",
            "so long after the run's first call of this namespace no other batch is begun",
        ),
    ],
    returns: Ty::Record(&ROWS_REMOVED),
    access: Access::Destroy,
    errors: ERRORS,
    doc: "Deletes from a table of Postgres what rules mean, the oldest first, in batches of their own transactions.\n\nA batch is committed when its rows are in the export. Counts are the server's. Cut off, the next run goes on: nothing is half done.",
    example: r#"let db = postgres::connect("postgres://127.0.0.1:5432/trading", #{ user: "trading" });
print(retention::remove_rows(db, "login_attempts", "at", [#{ name: "age", before: time::ago("1825d") }]).deleted);"#,
    target: |a| format!("{}/{}", target(a), a.str("table")),
    preview: Some(preview),
    call: |call| {
        let a = call.args();
        let options = RowsOptions {
            run: run_name(call),
            state: state(call)?,
            undo: a.bool("undo"),
            batch: a.int("batch"),
            budget: budget(call),
        };
        let working = Working::begin(call);
        let removed = retention::remove_rows(
            call.cx(),
            &server(a),
            a.str("table"),
            a.str("column"),
            &rules::read(a)?,
            &options,
            &|line| working.say(line),
        )?;
        Ok(ROWS_REMOVED.record(&removed))
    },
    ..Primitive::CHANGE
};

pub(super) const UNDO: Primitive = Primitive {
    name: "undo_rows",
    params: &[
        DB,
        TABLE,
        param("run", Ty::Str, "the run that deleted, as it said"),
    ],
    returns: Ty::Record(&ROWS_UNDONE),
    errors: ERRORS,
    doc: "Brings back what a run deleted from a table of Postgres.\n\nEach batch goes in once, also when this is cut off and called again. Rows that are there already, by their key, are left alone.",
    example: r#"let db = postgres::connect("postgres://127.0.0.1:5432/trading", #{ user: "trading" });
print(retention::undo_rows(db, "login_attempts", "20261128T020000-4711").rows);"#,
    target: |a| format!("{}/{}", target(a), a.str("table")),
    call: |call| {
        let a = call.args();
        let (table, run) = (a.str("table"), a.str("run"));
        let rows = retention::undo_rows(call.cx(), &server(a), &state(call)?, table, run)?;
        let undone = serde_json::json!({ "run": run, "table": table, "rows": rows });
        Ok(ROWS_UNDONE.record(&undone))
    },
    ..Primitive::CHANGE
};

fn plan(call: &Call<'_>) -> Result<RowsPlan, Failure> {
    began(call);
    let a = call.args();
    let (table, column) = (a.str("table"), a.str("column"));
    let rules = rules::read(a)?;
    Ok(retention::plan_rows(
        call.cx(),
        &server(a),
        table,
        column,
        &rules,
    )?)
}

fn preview(call: &Call<'_>) -> Result<Blast, Failure> {
    let plan = plan(call)?;
    let facts = serde_json::json!({ "rows": plan.delete_rows, "total": plan.total });
    Ok(Blast {
        summary: format!(
            "{} of {} rows of `{}`",
            plan.delete_rows, plan.total, plan.table
        ),
        facts: facts.as_object().cloned().unwrap_or_default(),
        identity: format!("{} {}", plan.total, plan.delete_rows),
        touches: Vec::new(),
    })
}
