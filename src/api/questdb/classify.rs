//! `questdb::classify`: what rules would remove of a table.

use std::time::Duration;

use super::shapes::CLASSIFIED;
use super::{DB, QUERY_ERRORS, server, target};
use crate::api::{Arg, Call, Failure, Primitive, Ty, option, param, plain};
use crate::questdb::{self, Limits, Predicate, Rule};

/// One scan of a large table takes its time, and is no question about metadata.
const PARTITIONS: usize = 1_000_000;

pub(super) const CLASSIFY: Primitive = Primitive {
    name: "classify",
    params: &[
        DB,
        param("table", Ty::Str, "the table's name"),
        param(
            "rules",
            Ty::List(&Ty::Map),
            "which rows are meant: each `#{ before, condition }`, rows older than the `Time` that fulfil the condition, or all of these without one",
        ),
    ],
    options: &[option(
        "timeout",
        Ty::Duration,
        "\"10m\"",
        "how long one statement may take",
    )],
    returns: Ty::Record(&CLASSIFIED),
    errors: QUERY_ERRORS,
    doc: "What rules would remove of a table, partition by partition: nothing, all of it, or some rows. Changes nothing.\n\nA condition is `column op value` with `= != < <= > >=`, `abs(column)`, `column is null`, `column in (a, b)`, joined by `and`, `or` and parentheses. A NULL fulfils nothing but `is null`. A row that several rules mean counts once. The partitions are read in slices that an old server can open.",
    example: r#"let db = questdb::connect("http://127.0.0.1:9000");
let rules = [#{ before: time::ago("540d"), condition: "volume = 0" }];
for p in questdb::classify(db, "options_data", rules).partitions { print(`${p.name} ${p.verdict}`); }"#,
    target: |a| format!("{}/{}", target(a), a.str("table")),
    call: |call| {
        let a = call.args();
        let limits = Limits {
            rows: PARTITIONS,
            bytes: 256 << 20,
            time: a.duration("timeout").max(Duration::from_secs(1)),
        };
        let rules = rules(call)?;
        let found = questdb::classify(call.cx(), &server(a), a.str("table"), &rules, limits)?;
        Ok(CLASSIFIED.record(&found))
    },
    ..Primitive::READ
};

fn rules(call: &Call<'_>) -> Result<Vec<Rule>, Failure> {
    let mut all = Vec::new();
    for value in call.args().list("rules") {
        let map = plain(value).try_cast::<rhai::Map>().unwrap_or_default();
        let before = map.get("before").cloned().unwrap_or_default();
        let Ok(Arg::Time(before)) = Ty::Time.decode(&before) else {
            return Err(Failure::invalid(
                "a rule of `rules` wants a `Time` as `before`",
            ));
        };
        let condition = map.get("condition").filter(|c| !c.is_unit());
        let text = condition.map(|c| c.clone().into_string().unwrap_or_default());
        let predicate = text.map(|text| {
            Predicate::parse(&text)
                .map_err(|why| Failure::invalid(format!("the condition `{text}`: {why}")))
        });
        all.push(Rule {
            before: before.0,
            predicate: predicate.transpose()?,
        });
    }
    Ok(all)
}
