//! From findings to a verdict, an exit code and the root causes.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Check, Severity, Status};

/// What all findings together say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing is wrong.
    Healthy,
    /// Something is wrong that the stack can live with.
    Degraded,
    /// Something critical does not work.
    Unhealthy,
    /// Nothing could be found out.
    Unknown,
}

impl Verdict {
    /// 0, 1, 2, 3.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Degraded => 1,
            Self::Unhealthy => 2,
            Self::Unknown => 3,
        }
    }

    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }
}

/// Something wrong that nothing else explains.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cause {
    /// The check that found it.
    pub id: String,
    /// The service.
    pub service: String,
    /// How bad.
    pub status: Status,
    /// What was found.
    pub evidence: String,
    /// What to do about it.
    pub remedy: String,
    /// How many other checks were skipped, or not as they should be, because of it.
    pub explains: usize,
}

/// How many checks ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// As it should be.
    pub ok: usize,
    /// Works, not as it should.
    pub degraded: usize,
    /// Does not work.
    pub bad: usize,
    /// Not found out.
    pub unknown: usize,
    /// Not looked at.
    pub skipped: usize,
}

/// Findings and what follows from them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Name and version of this form: `tradeops.report/1`.
    pub schema: String,
    /// The workflow that made it.
    pub workflow: String,
    /// What all findings together say.
    pub verdict: Verdict,
    /// The verdict as an exit code.
    pub exit_code: u8,
    /// What is wrong and not explained by something else, the worst first.
    pub root_causes: Vec<Cause>,
    /// How many ended how.
    pub counts: Counts,
    /// Every finding, in the order of the checks.
    pub checks: Vec<Check>,
    /// When, RFC 3339 UTC.
    pub started_at: String,
    /// How long it took.
    pub ms: f64,
}

/// Name and version of the report's form.
const SCHEMA: &str = "tradeops.report/1";

/// Draws the conclusion from findings.
pub fn assess(workflow: &str, checks: Vec<Check>, started_at: String, ms: f64) -> Report {
    let mut counts = Counts::default();
    for check in &checks {
        match check.status {
            Status::Ok => counts.ok += 1,
            Status::Degraded => counts.degraded += 1,
            Status::Bad => counts.bad += 1,
            Status::Unknown => counts.unknown += 1,
            Status::Skipped => counts.skipped += 1,
        }
    }
    let verdict = verdict(&checks, counts);
    Report {
        schema: SCHEMA.to_owned(),
        workflow: workflow.to_owned(),
        verdict,
        exit_code: verdict.exit_code(),
        root_causes: causes(&checks),
        counts,
        checks,
        started_at,
        ms,
    }
}

fn verdict(checks: &[Check], counts: Counts) -> Verdict {
    let critical = |status| {
        checks
            .iter()
            .any(|c| c.severity == Severity::Critical && c.status == status)
    };
    if critical(Status::Bad) {
        Verdict::Unhealthy
    } else if counts.ok + counts.degraded + counts.bad == 0 {
        Verdict::Unknown
    } else if counts.bad + counts.degraded > 0 || critical(Status::Unknown) {
        Verdict::Degraded
    } else {
        Verdict::Healthy
    }
}

/// A report that says only that nothing could be known, and why.
pub fn unknown(
    workflow: &str,
    id: &str,
    why: String,
    remedy: String,
    started_at: String,
    ms: f64,
) -> Report {
    let mut report = assess(workflow, Vec::new(), started_at, ms);
    report.root_causes.push(Cause {
        id: id.to_owned(),
        service: String::new(),
        status: Status::Unknown,
        evidence: why,
        remedy,
        explains: 0,
    });
    report
}

/// What is wrong, less what something else explains. A critical check that could not be made counts as
/// wrong here: it is what the operator must look at.
fn causes(checks: &[Check]) -> Vec<Cause> {
    let links = Links::of(checks);
    let mut explains: BTreeMap<&str, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for check in checks {
        let mut roots = HashSet::new();
        links.roots(check, &mut HashSet::new(), &mut roots);
        roots.remove(check.id.as_str());
        // What is only explained by itself, in a circle, still has to be said.
        if roots.is_empty() && wrong(check) {
            found.push(check);
        }
        if wrong(check) || check.status == Status::Skipped {
            for root in roots {
                *explains.entry(root).or_default() += 1;
            }
        }
    }
    let count = |check: &Check| explains.get(check.id.as_str()).copied().unwrap_or(0);
    found.sort_by_key(|c| (rank(c.status), c.severity as usize, usize::MAX - count(c)));
    found
        .into_iter()
        .map(|c| Cause {
            id: c.id.clone(),
            service: c.service.clone(),
            status: c.status,
            evidence: c.evidence.clone(),
            remedy: c.remedy.clone(),
            explains: count(c),
        })
        .collect()
}

fn wrong(check: &Check) -> bool {
    match check.status {
        Status::Bad | Status::Degraded => true,
        Status::Unknown => check.severity == Severity::Critical,
        Status::Ok | Status::Skipped => false,
    }
}

/// The worst first.
fn rank(status: Status) -> usize {
    Status::ALL.iter().position(|s| *s == status).unwrap_or(9)
}

/// Which check explains which.
struct Links<'a>(HashMap<&'a str, &'a Check>);

impl<'a> Links<'a> {
    fn of(checks: &'a [Check]) -> Self {
        Self(checks.iter().map(|c| (c.id.as_str(), c)).collect())
    }

    /// What explains a check: what it needs and has not, and what is said to explain it and is as bad.
    fn above(&self, check: &'a Check) -> impl Iterator<Item = &'a Check> {
        let known = |id: &String| self.0.get(id.as_str()).copied();
        let needed = check.needs.iter().filter_map(known);
        let blamed = check.explained_by.iter().filter_map(known);
        let as_bad = move |c: &&Check| {
            wrong(check) && wrong(c) && rank(c.status) <= rank(check.status) && c.id != check.id
        };
        needed
            .filter(|c| !c.status.carries())
            .chain(blamed.filter(as_bad))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The checks at the bottom of why this one is as it is; itself when nothing explains it.
    fn roots(&self, check: &'a Check, seen: &mut HashSet<&'a str>, found: &mut HashSet<&'a str>) {
        if !seen.insert(check.id.as_str()) {
            return;
        }
        let mut explained = false;
        for above in self.above(check) {
            explained = true;
            self.roots(above, seen, found);
        }
        if !explained {
            found.insert(check.id.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &str, severity: Severity, status: Status, needs: &[&str]) -> Check {
        Check {
            id: id.into(),
            layer: "l".into(),
            service: id.into(),
            severity,
            status,
            value: serde_json::Value::Null,
            threshold: serde_json::Value::Null,
            evidence: String::new(),
            remedy: String::new(),
            ms: 0.0,
            needs: needs.iter().map(|n| (*n).to_owned()).collect(),
            explained_by: Vec::new(),
        }
    }

    fn of(checks: &[Check]) -> Report {
        assess("t", checks.to_vec(), String::new(), 0.0)
    }

    #[test]
    fn the_verdict_by_severity_and_status() {
        use Severity::{Critical, Major};
        for (severity, status, verdict) in [
            (Critical, Status::Bad, Verdict::Unhealthy),
            (Major, Status::Bad, Verdict::Degraded),
            (Critical, Status::Degraded, Verdict::Degraded),
            (Critical, Status::Unknown, Verdict::Degraded),
            (Major, Status::Unknown, Verdict::Healthy),
            (Critical, Status::Skipped, Verdict::Healthy),
            (Critical, Status::Ok, Verdict::Healthy),
        ] {
            let report = of(&[
                check("a", severity, status, &[]),
                check("b", Major, Status::Ok, &[]),
            ]);
            assert_eq!(report.verdict, verdict, "{severity:?} {status:?}");
        }
    }

    #[test]
    fn nothing_known_is_unknown_not_healthy() {
        use Severity::Major;
        assert_eq!(of(&[]).verdict, Verdict::Unknown);
        let report = of(&[
            check("a", Major, Status::Unknown, &[]),
            check("b", Major, Status::Skipped, &[]),
        ]);
        assert_eq!(report.exit_code, 3);
    }

    #[test]
    fn one_cause_explains_all_that_rests_on_it() {
        use Severity::{Critical, Major};
        let report = of(&[
            check("redis", Critical, Status::Bad, &[]),
            check("api", Critical, Status::Skipped, &["redis"]),
            check("execution", Critical, Status::Skipped, &["api", "redis"]),
            check("latency", Major, Status::Bad, &["api"]),
            check("disk", Major, Status::Degraded, &[]),
        ]);
        let causes: Vec<_> = report
            .root_causes
            .iter()
            .map(|c| (c.id.as_str(), c.explains))
            .collect();
        assert_eq!(causes, [("redis", 3), ("disk", 0)]);
    }

    #[test]
    fn what_is_as_bad_and_is_blamed_is_the_cause() {
        use Severity::{Critical, Major};
        let blaming = |id: &str, status, blamed: &[&str]| Check {
            explained_by: blamed.iter().map(|b| (*b).to_owned()).collect(),
            ..check(id, Major, status, &[])
        };
        let causes = |checks: &[Check]| -> Vec<(String, usize)> {
            let report = of(checks);
            let named = report.root_causes.into_iter();
            named.map(|c| (c.id, c.explains)).collect()
        };
        let redis = |status| check("redis", Critical, status, &[]);
        for (api, redis_is, expected) in [
            (Status::Bad, Status::Bad, vec![("redis", 1)]),
            (Status::Degraded, Status::Bad, vec![("redis", 1)]),
            // What is less bad does not explain what is worse.
            (
                Status::Bad,
                Status::Degraded,
                vec![("api", 0), ("redis", 0)],
            ),
            (Status::Bad, Status::Ok, vec![("api", 0)]),
            (Status::Ok, Status::Bad, vec![("redis", 0)]),
        ] {
            let found = causes(&[redis(redis_is), blaming("api", api, &["redis"])]);
            let found: Vec<_> = found.iter().map(|(id, n)| (id.as_str(), *n)).collect();
            assert_eq!(found, expected, "{api:?} {redis_is:?}");
        }
        // Two that blame each other are both named.
        let circle = [
            blaming("a", Status::Bad, &["b"]),
            blaming("b", Status::Bad, &["a"]),
        ];
        assert_eq!(causes(&circle).len(), 2);
    }

    #[test]
    fn a_circle_of_needs_ends() {
        let report = of(&[
            check("a", Severity::Major, Status::Skipped, &["b"]),
            check("b", Severity::Major, Status::Skipped, &["a"]),
        ]);
        assert!(report.root_causes.is_empty());
    }
}
