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
    /// How many checks were skipped because of it.
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

/// What is wrong, less what rests on something wrong. A critical check that could not be made counts as
/// wrong here: it is what the operator must look at.
fn causes(checks: &[Check]) -> Vec<Cause> {
    let by_id: HashMap<&str, &Check> = checks.iter().map(|c| (c.id.as_str(), c)).collect();
    let wrong = |c: &Check| match c.status {
        Status::Bad | Status::Degraded => true,
        Status::Unknown => c.severity == Severity::Critical,
        Status::Ok | Status::Skipped => false,
    };
    let mut explains: BTreeMap<&str, usize> = BTreeMap::new();
    for check in checks.iter().filter(|c| c.status == Status::Skipped) {
        let mut seen = HashSet::new();
        for root in roots(&by_id, check, &mut seen) {
            *explains.entry(root).or_default() += 1;
        }
    }
    let mut causes: Vec<Cause> = checks
        .iter()
        .filter(|c| wrong(c))
        .filter(|c| {
            !c.needs
                .iter()
                .any(|n| by_id.get(n.as_str()).is_some_and(|n| !n.status.carries()))
        })
        .map(|c| Cause {
            id: c.id.clone(),
            service: c.service.clone(),
            status: c.status,
            evidence: c.evidence.clone(),
            remedy: c.remedy.clone(),
            explains: explains.get(c.id.as_str()).copied().unwrap_or(0),
        })
        .collect();
    let weight = |id: &str| {
        by_id.get(id).map_or((9, 9), |c| {
            let status = Status::ALL.iter().position(|s| *s == c.status).unwrap_or(9);
            (c.severity as usize, status)
        })
    };
    causes.sort_by_key(|c| {
        let (severity, status) = weight(&c.id);
        (status, severity, usize::MAX - c.explains)
    });
    causes
}

/// The checks at the bottom of why a check was skipped.
fn roots<'a>(
    by_id: &HashMap<&str, &'a Check>,
    check: &'a Check,
    seen: &mut HashSet<&'a str>,
) -> Vec<&'a str> {
    let mut found = Vec::new();
    for need in &check.needs {
        let Some(needed) = by_id.get(need.as_str()).copied() else {
            continue;
        };
        if needed.status.carries() || !seen.insert(needed.id.as_str()) {
            continue;
        }
        if needed.status == Status::Skipped {
            found.extend(roots(by_id, needed, seen));
        } else {
            found.push(needed.id.as_str());
        }
    }
    found
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
        assert_eq!(causes, [("redis", 2), ("disk", 0)]);
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
