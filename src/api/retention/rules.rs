//! Rules as scripts write them.

use crate::api::{Arg, Args, Failure, Param, Ty, param, plain};
use crate::questdb::{Predicate, Rule};

pub(super) const RULES: Param = param(
    "rules",
    Ty::List(&Ty::Map),
    "which rows are meant: each `#{ name, before, condition, partitions_before }`: rows older than the `Time` `before` that fulfil `condition`, or all of these without one; of partitions that begin before `partitions_before`, or of all",
);

/// Reads the rules of a call.
pub(super) fn read(a: &Args) -> Result<Vec<Rule>, Failure> {
    let mut all: Vec<Rule> = Vec::new();
    for value in a.list("rules") {
        let map = plain(value).try_cast::<rhai::Map>().unwrap_or_default();
        let get = |key: &str| map.get(key).filter(|value| !value.is_unit()).cloned();
        let time = |key: &str| match get(key).map(|value| Ty::Time.decode(&value)) {
            None => Ok(None),
            Some(Ok(Arg::Time(time))) => Ok(Some(time.0)),
            Some(_) => Err(Failure::invalid(format!(
                "`{key}` of a rule wants a `Time`"
            ))),
        };
        let text = |key: &str| get(key).map(|value| value.into_string().unwrap_or_default());
        let (Some(before), Some(name)) = (time("before")?, text("name").filter(|n| !n.is_empty()))
        else {
            return Err(Failure::invalid(
                "a rule wants a `name`, and a `Time` as `before`",
            ));
        };
        if all.iter().any(|rule| rule.name == name) {
            return Err(Failure::invalid(format!("two rules are called `{name}`")));
        }
        let predicate = text("condition").map(|text| {
            Predicate::parse(&text)
                .map_err(|why| Failure::invalid(format!("the condition `{text}`: {why}")))
        });
        all.push(Rule {
            name,
            before,
            predicate: predicate.transpose()?,
            partitions_before: time("partitions_before")?,
        });
    }
    Ok(all)
}
