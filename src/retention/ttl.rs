//! Old partitions of a table that views depend on: a drop would end these views for good, a time to live does not [measured on
//! 9.3.4]. So it is set for a moment, such that exactly the planned partitions are over it, and then set back.

use std::time::{Duration, Instant};

use chrono::{DateTime, Months, TimeDelta, Utc};

use super::Error;
use super::partition::{Ended, Work, step};
use super::plan::{Plan, planned_rows};
use super::remove::Options;
use super::site::Site;
use crate::questdb::{Judged, Rule, Verdict};

/// How often all of it is exported again because the table was written meanwhile.
const TRIES: usize = 5;

/// How long the server may take to remove what is over its time: it does so at once [measured].
const REMOVE: Duration = Duration::from_secs(15);

/// So near to the next partition the clock may reach it before the server looks.
const MARGIN: TimeDelta = TimeDelta::minutes(2);

/// Whether what is planned is whole partitions by age alone, the oldest.
pub(super) fn fits(plan: &Plan, judged: &[&Judged], rules: &[Rule]) -> bool {
    let whole = |p: &&Judged| !p.active && planned_rows(plan, p, rules) == p.rows;
    rules.iter().all(|rule| rule.predicate.is_none())
        && judged.iter().all(whole)
        && plan
            .partitions
            .iter()
            .zip(judged)
            .all(|(one, other)| one.name == other.name)
}

impl Site<'_> {
    /// Removes the planned partitions by a time to live.
    pub(super) fn by_ttl(
        &self,
        plan: &Plan,
        judged: &[&Judged],
        rules: &[Rule],
        options: &Options,
    ) -> Result<Vec<Ended>, Error> {
        let Some(last) = judged.last() else {
            return Ok(Vec::new());
        };
        let ttl = match over(self.cx.now(), last.to, plan.partition_by.as_deref()) {
            Ok(ttl) => ttl,
            Err(why) => {
                let left = |p: &&Judged| Ended::left(&p.name, "refused", why);
                return Ok(judged.iter().map(left).collect());
            }
        };
        self.at(format!(
            "{}: {} partitions, by a time to live, which its views survive",
            plan.table,
            judged.len()
        ));
        let mut works = Vec::new();
        for partition in judged {
            let mut work = self.work(partition, rules, options)?;
            work.verdict = Verdict::Drop;
            self.judge(&mut work)?;
            if work.keep > 0 || work.rows > partition.rows {
                let note = "rows came into it since it was planned";
                return Ok(vec![Ended::left(&partition.name, "changed", note)]);
            }
            works.push(work);
        }
        let mut proven = None;
        for _ in 0..TRIES {
            let seen = self.settle(self.cx, &self.table.name)?;
            for work in &mut works {
                self.end(&step("plan", &work.name), &*work)?;
                if !(self.unchanged(work)? && self.prove(work)?) {
                    return Ok(vec![self.leave(
                        work,
                        "changed",
                        "it was written while it was exported",
                    )?]);
                }
            }
            if self.sequencer(self.cx)? == seen {
                proven = seen;
                break;
            }
        }
        let Some(proven) = proven else {
            let left = |work: &Work| {
                self.leave(work, "busy", "the table is written so often that it could not be exported between two writes")
            };
            return works.iter().map(left).collect();
        };
        let cx = &self.firm;
        self.end("ttl_before", self.table.ttl.as_deref().unwrap_or("0h"))?;
        for work in &works {
            self.end(&step("gate", &work.name), proven)?;
            self.begin(&step("drop", &work.name))?;
        }
        self.begin("ttl")?;
        self.exec(cx, &format!("ALTER TABLE {} SET TTL {ttl}", self.name))?;
        let foreign = self.sequencer(cx)?.map_or(0, |after| after - proven - 1);
        self.settle(cx, &self.table.name)?;
        let began = Instant::now();
        if let Some(newest) = works.last() {
            while self.count(cx, newest)? > 0 && began.elapsed() < REMOVE {
                cx.sleep(Duration::from_millis(100))?;
            }
        }
        self.set_ttl_back()?;
        let mut ended = Vec::new();
        for work in &works {
            self.tell("drop", &work.name, "by a time to live");
            ended.push(match self.count(cx, work)? {
                0 => self.close(work, foreign)?,
                _ => self.leave(work, "refused", "views depend on the table, and the server counts its time to live from the newest row, which is too old")?,
            });
        }
        Ok(ended)
    }

    /// The time to live that the table had.
    pub(super) fn set_ttl_back(&self) -> Result<(), Error> {
        let before = self.journal.done("ttl_before");
        let before = before.as_ref().and_then(|ttl| ttl.as_str()).unwrap_or("0h");
        self.exec(
            &self.firm,
            &format!("ALTER TABLE {} SET TTL {before}", self.name),
        )?;
        self.settle(&self.firm, &self.table.name)?;
        self.end("ttl", ())
    }
}

/// A time to live that a partition which ends at `end` is over now, and the next one is not.
fn over(
    now: DateTime<Utc>,
    end: DateTime<Utc>,
    unit: Option<&str>,
) -> Result<String, &'static str> {
    let (ttl, next) = match unit {
        Some("MONTH" | "YEAR") => {
            let step = if unit == Some("MONTH") { 1 } else { 12 };
            let mut units = 0;
            while end + Months::new((units + 1) * step) <= now {
                units += 1;
            }
            let word = if step == 1 { "MONTHS" } else { "YEARS" };
            (
                format!("{units} {word}"),
                end + Months::new((units + 1) * step),
            )
        }
        Some(unit @ ("HOUR" | "DAY" | "WEEK")) => {
            let one = match unit {
                "HOUR" => TimeDelta::hours(1),
                "DAY" => TimeDelta::days(1),
                _ => TimeDelta::days(7),
            };
            let units =
                i32::try_from((now - end).num_seconds() / one.num_seconds()).unwrap_or(i32::MAX);
            (format!("{units} {unit}S"), end + one * (units + 1))
        }
        _ => return Err("the table has no partitions by time"),
    };
    if ttl.starts_with("0 ") {
        return Err("views depend on the table, and it is too young for a time to live");
    }
    if next - now < MARGIN {
        return Err(
            "views depend on the table, and its next partition is over its time within two minutes: run again then",
        );
    }
    Ok(ttl)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn the_planned_partitions_are_over_it_and_the_next_is_not() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let now = at("2026-11-28T19:17:00Z");
        for (end, unit, ttl) in [
            ("2006-11-28T00:00:00Z", "DAY", Ok("7305 DAYS")),
            ("2026-11-27T00:00:00Z", "DAY", Ok("1 DAYS")),
            ("2026-11-28T00:00:00Z", "DAY", Err(())),
            ("2026-11-09T00:00:00Z", "WEEK", Ok("2 WEEKS")),
            ("2024-02-01T00:00:00Z", "MONTH", Ok("33 MONTHS")),
            ("2006-01-01T00:00:00Z", "YEAR", Ok("20 YEARS")),
            ("2026-11-28T17:00:00Z", "HOUR", Ok("2 HOURS")),
            ("2026-11-28T17:00:00Z", "NONE", Err(())),
        ] {
            let got = over(now, at(end), Some(unit)).map_err(|_| ());
            assert_eq!(got.as_deref().map_err(|_| ()), ttl, "{end} {unit}");
        }
        assert!(
            over(
                at("2026-11-28T23:59:00Z"),
                at("2026-11-27T00:00:00Z"),
                Some("DAY")
            )
            .is_err()
        );
    }
}
