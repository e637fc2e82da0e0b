//! What rows are meant, as one SQL expression: the number of the first rule that means a row, 0 where none does.
//!
//! Every row is judged by this one `CASE`, and never by a `WHERE`: the two disagree where a value is NULL [measured]. A
//! preview, a copy of what stays and a check of it use the same text, and a row counts once, for the first rule.

use chrono::{DateTime, Utc};

use super::Error;
use super::predicate::{Predicate, timestamp};

/// What rows a rule means: those that are older than `before`, and of these those that fulfil `predicate`.
#[derive(Debug, Clone)]
pub struct Rule {
    /// What it is called in results: `age_cutoff`.
    pub name: String,
    /// Rows from before this instant.
    pub before: DateTime<Utc>,
    /// Which of them; `None`: all.
    pub predicate: Option<Predicate>,
    /// It does not look at partitions that begin then or later: what a run leaves for the next.
    pub partitions_before: Option<DateTime<Utc>>,
}

impl Rule {
    /// What it means, whatever is left to the next run.
    pub fn meaning(&self) -> (&str, DateTime<Utc>, Option<&Predicate>) {
        (&self.name, self.before, self.predicate.as_ref())
    }

    /// Whether it looks at a partition that begins at `from`.
    pub fn applies(&self, from: DateTime<Utc>) -> bool {
        from < self.before && self.partitions_before.is_none_or(|end| from < end)
    }
}

/// The rules that have all their columns, and the names of those that lack one: these mean nothing.
pub(crate) fn present(rules: &[Rule], columns: &[(String, String)]) -> (Vec<Rule>, Vec<String>) {
    let has = |name: &str| {
        columns
            .iter()
            .any(|(own, _)| own.eq_ignore_ascii_case(name))
    };
    let whole = |rule: &&Rule| rule.predicate.iter().flat_map(Predicate::columns).all(has);
    let (present, absent): (Vec<_>, Vec<_>) = rules.iter().partition(whole);
    (
        present.into_iter().cloned().collect(),
        absent.into_iter().map(|rule| rule.name.clone()).collect(),
    )
}

/// The number of the first of `rules` that means a row, from 1; 0: none does. Rules that do not look at partitions from
/// `from` on are left out, and keep their numbers. `sql` writes a predicate in the server's dialect.
///
/// The `OR 1 = 2` keeps 7.3.3 from taking a bare comparison for a `CASE` with values, which it does and fails [measured].
pub(crate) fn number(
    rules: &[Rule],
    column: &str,
    from: Option<DateTime<Utc>>,
    sql: impl Fn(&Predicate) -> Result<String, Error>,
) -> Result<String, Error> {
    let mut number = String::from("CASE");
    for (at, rule) in rules.iter().enumerate() {
        if from.is_some_and(|from| !rule.applies(from)) {
            continue;
        }
        let old = format!("{column} < {}", timestamp(rule.before));
        let meant = match &rule.predicate {
            Some(predicate) => format!("({old} AND {})", sql(predicate)?),
            None => format!("({old})"),
        };
        number.push_str(&format!(" WHEN ({meant} OR 1 = 2) THEN {}", at + 1));
    }
    if number.len() == "CASE".len() {
        return Ok("0".into());
    }
    Ok(number + " ELSE 0 END")
}
