//! What a run that was cut off left of a partition is brought to its end, or back to its beginning.
//!
//! The journal says which step was begun. What the server made of it is measured, once nothing of it is running or waiting
//! to be applied any more: a statement that was accepted and not applied looks like one that never came.

use std::time::Duration;

use super::Error;
use super::partition::{Ended, Work, exported, step};
use super::site::{Site, limits};
use crate::journal::Told;
use crate::questdb::{self, Verdict, quote_name};

/// How long nothing may have come in, at least, where the server does not tell what it is working on.
const STILL: Duration = Duration::from_secs(1);

impl Site<'_> {
    /// Ends what the journal has begun and not ended.
    pub(super) fn resume(&self) -> Result<Vec<Ended>, Error> {
        let told = self.journal.told();
        let mut ended = Vec::new();
        if told.begun.iter().any(|step| step == "ttl") && !told.done.contains_key("ttl") {
            self.set_ttl_back()?;
        }
        for (key, value) in &told.done {
            let Some(name) = key.strip_prefix("plan ") else {
                continue;
            };
            if told.done.contains_key(&step("done", name)) {
                continue;
            }
            let work: Work = serde_json::from_value(value.clone()).map_err(|error| {
                Error::Unclear(format!(
                    "the journal of `{}` does not say what was begun with `{name}`: {error}",
                    self.table.name
                ))
            })?;
            ended.push(self.resume_one(&work, &told)?);
        }
        Ok(ended)
    }

    fn resume_one(&self, work: &Work, told: &Told) -> Result<Ended, Error> {
        let cx = &self.firm;
        let begun = |what: &str| told.begun.contains(&step(what, &work.name));
        let done = |what: &str| told.done.get(&step(what, &work.name));
        if self.table.folder != work.folder {
            return Err(Error::Unclear(format!(
                "`{}` was made anew since the run {} began with its partition `{}`; nothing is done to it{}",
                self.table.name,
                told.run,
                work.name,
                exported(work)
            )));
        }
        let open = |what: &str| begun(what) && done(what).is_none();
        if open("stage") || open("drop") || open("insert") {
            let copy = done("stage").and_then(serde_json::Value::as_u64);
            let still = STILL.max(Duration::from_millis(copy.unwrap_or(0) * 3));
            let names = [self.table.name.as_str(), work.stage.as_str()];
            let drop = self.drop_statement(work);
            for words in [drop.as_str(), work.stage.as_str()] {
                questdb::quiet(cx, self.server, self.can, &names, words, still, limits())?;
                if !self.can.activity {
                    break;
                }
            }
        }
        self.settle(cx, &self.table.name)?;
        let again = "it was cut off before anything was dropped";
        if !begun("drop") {
            return self.leave(work, "none", again);
        }
        // A partition goes as a whole: as many rows as before are there only if it did not go.
        if done("drop").is_none() && !begun("insert") && self.count(cx, work)? >= work.rows {
            return self.leave(work, "none", again);
        }
        let mut foreign = done("drop")
            .and_then(serde_json::Value::as_i64)
            .unwrap_or(0);
        if work.verdict == Verdict::Rewrite && done("insert").is_none() {
            self.restage(work)?;
            let missing = match begun("insert") {
                true => self.missing(cx, &self.staged(work)?, &self.all(work))?,
                false => work.keep,
            };
            match missing {
                0 => {}
                all if all == work.keep => foreign += self.put_back(work, None)?,
                // Written again, a row replaces itself.
                _ if self.table.dedup == Some(true) => foreign += self.put_back(work, None)?,
                some => {
                    return Err(Error::Unclear(format!(
                        "{some} of {} rows that stay are missing in `{}` of `{}`, which no statement of this tool leaves behind; the copy is in the table `{}`{}",
                        work.keep,
                        work.name,
                        self.table.name,
                        work.stage,
                        exported(work)
                    )));
                }
            }
        }
        let mut ended = self.close(work, foreign)?;
        // The drop and what was put back are ours.
        let own = 1 + i64::from(work.verdict == Verdict::Rewrite);
        let proven = done("gate").and_then(serde_json::Value::as_i64);
        let now = self.sequencer(cx)?;
        if let Some(since) = now.zip(proven).map(|(now, then)| now - then - own)
            && since > 0
            && done("drop").is_none()
        {
            ended.foreign = since;
            ended.note = Some(format!(
                "it was cut off around the drop, and the table was written {since} times since: whether one of these brought rows into this partition before it was dropped is not known{}",
                exported(work)
            ));
        }
        Ok(ended)
    }

    /// The copy, from the export if it is gone.
    fn restage(&self, work: &Work) -> Result<(), Error> {
        let cx = &self.firm;
        match questdb::table(cx, self.server, &work.stage, limits()) {
            Ok(_) => {
                self.settle(cx, &work.stage)?;
            }
            Err(questdb::Error::NotFound { .. }) => {
                let Some(path) = &work.export else {
                    return Err(Error::Unclear(format!(
                        "the table `{}` with the {} rows that stay of `{}` is gone, and there is no export",
                        work.stage, work.keep, work.name
                    )));
                };
                self.stage(cx, &work.stage)?;
                self.import(cx, path, false, &work.stage)?;
                self.settle(cx, &work.stage)?;
            }
            Err(error) => return Err(error.into()),
        }
        let rows = self.number(
            cx,
            &format!("SELECT count() AS n FROM ({})", self.staged(work)?),
        )?;
        let strange = self.number(
            cx,
            &format!(
                "SELECT count() AS n FROM {} WHERE NOT ({})",
                quote_name(&work.stage)?,
                self.window(work)
            ),
        )?;
        if rows != work.keep || strange > 0 {
            return Err(Error::Unclear(format!(
                "the copy `{}` has {rows} rows, of which {strange} are of other partitions, and {} stay of `{}`{}",
                work.stage,
                work.keep,
                work.name,
                exported(work)
            )));
        }
        Ok(())
    }
}
