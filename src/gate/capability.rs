//! Capabilities: what a header asks for and a profile allows.
//!
//! A capability is written `namespace.access`, such as `docker.read`, optionally narrowed to targets:
//! `docker.change@trading-*`, `http.read@api.example.com`. In profiles either part may be `*`. The
//! header bounds the run, the profile bounds the header, deny beats allow.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::Op;

/// One capability, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    namespace: String,
    access: String,
    scope: Option<String>,
}

/// Text that is no capability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no capability: write `namespace.access`, such as `docker.read` or `http.read@api.example.com`"
)]
pub struct CapabilityError(pub String);

impl FromStr for Capability {
    type Err = CapabilityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || CapabilityError(text.to_owned());
        let (name, scope) = match text.split_once('@') {
            Some((_, "")) => return Err(wrong()),
            Some((name, scope)) => (name, Some(scope.to_owned())),
            None => (text, None),
        };
        let (namespace, access) = name.split_once('.').ok_or_else(wrong)?;
        let word = |w: &str| {
            w == "*" || (!w.is_empty() && w.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        };
        if !word(namespace) || !word(access) {
            return Err(wrong());
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            access: access.to_owned(),
            scope,
        })
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.namespace, self.access)?;
        if let Some(scope) = &self.scope {
            write!(f, "@{scope}")?;
        }
        Ok(())
    }
}

impl Capability {
    /// `docker`.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `read`.
    pub fn access(&self) -> &str {
        &self.access
    }

    /// What follows the `@`.
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// Whether the part before the `@` covers an op, whatever its target.
    fn names(&self, op: &Op) -> bool {
        let (namespace, access) = op
            .capability
            .split_once('.')
            .unwrap_or((&op.capability, ""));
        (self.namespace == "*" || self.namespace == namespace)
            && (self.access == "*" || self.access == access)
    }

    /// Whether it covers an op.
    pub fn covers(&self, op: &Op) -> bool {
        self.names(op)
            && self.scope.as_deref().is_none_or(|scope| {
                let target = op.target.split_once('/').map_or("", |(_, rest)| rest);
                in_scope(scope, target)
            })
    }
}

/// Whether `target` lies within `scope`: segment by segment, `*` standing for any part of one segment,
/// `**` for all that follows. A first segment without a port covers every port of that host.
fn in_scope(scope: &str, target: &str) -> bool {
    let mut segments = target.split('/');
    for (i, pattern) in scope.split('/').enumerate() {
        if pattern == "**" {
            return true;
        }
        let Some(segment) = segments.next() else {
            return false;
        };
        let host = || segment.rsplit_once(':').map_or(segment, |(host, _)| host);
        let matched =
            glob(pattern, segment) || (i == 0 && !pattern.contains(':') && glob(pattern, host()));
        if !matched {
            return false;
        }
    }
    true
}

/// `*` stands for any run of characters.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

/// A named bound on what any header may have, from `tradeops.toml`.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// If not empty, only these are allowed.
    pub allow: Vec<Capability>,
    /// Never these, whatever `allow` says.
    pub deny: Vec<Capability>,
}

/// What a run may do.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// What the header asks for.
    pub needs: Vec<Capability>,
    /// What the profile allows of it.
    pub profile: Option<Profile>,
    /// The bounds of the workflow that runs this one.
    pub outer: Option<Arc<Grants>>,
    /// The host's own runs (`eval`, the REPL) have no header.
    pub unbounded: bool,
}

/// Why an op may not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Grants {
    /// The profile of the run.
    pub fn profile(&self) -> Option<&Profile> {
        self.profile
            .as_ref()
            .or_else(|| self.outer.as_ref()?.profile())
    }

    /// Whether `op` may pass.
    pub fn check(&self, op: &Op) -> Result<(), Denial> {
        if !self.unbounded && !self.needs.iter().any(|n| n.covers(op)) {
            let needed = self.needed(op);
            let narrowed = self.needs.iter().any(|n| n.names(op));
            return Err(Denial {
                message: if narrowed {
                    format!(
                        "`{}` on `{}` is outside what the header names",
                        op.name(),
                        op.target
                    )
                } else {
                    format!(
                        "`{}` needs `{needed}`, which the header does not ask for",
                        op.name()
                    )
                },
                hint: format!(
                    "if the script should be allowed this, add `{needed}` to its `//! needs:` line"
                ),
            });
        }
        if let Some(profile) = &self.profile {
            let denied = profile.deny.iter().find(|d| d.covers(op));
            if let Some(rule) = denied {
                return Err(Denial {
                    message: format!(
                        "`{}` on `{}` is denied by `{rule}` of profile `{}`",
                        op.name(),
                        op.target,
                        profile.name
                    ),
                    hint: "profiles stand in `tradeops.toml`; `--profile NAME` chooses another"
                        .into(),
                });
            }
            if !profile.allow.is_empty() && !profile.allow.iter().any(|a| a.covers(op)) {
                return Err(Denial {
                    message: format!(
                        "`{}` on `{}` is not among what profile `{}` allows",
                        op.name(),
                        op.target,
                        profile.name
                    ),
                    hint: format!(
                        "it would need `{}` in the profile's `allow`",
                        self.needed(op)
                    ),
                });
            }
        }
        self.outer.as_ref().map_or(Ok(()), |outer| outer.check(op))
    }

    /// The capability that would let `op` pass, narrowed where the header narrows.
    fn needed(&self, op: &Op) -> String {
        let target = op.target.split_once('/').map_or("", |(_, rest)| rest);
        let narrowed = self.needs.iter().any(|n| n.names(op) && n.scope.is_some());
        if narrowed && !target.is_empty() {
            format!("{}@{target}", op.capability)
        } else {
            op.capability.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Access, Site};

    fn op(capability: &str, target: &str) -> Op {
        Op {
            namespace: "docker",
            verb: "stop",
            access: Access::Change,
            capability: capability.into(),
            target: target.into(),
            args: serde_json::Value::Null,
            site: Site {
                file: "t.rhai".into(),
                line: 1,
                column: 1,
            },
        }
    }

    fn caps(text: &[&str]) -> Vec<Capability> {
        text.iter().filter_map(|t| t.parse().ok()).collect()
    }

    #[test]
    fn scopes() {
        for (scope, target, expected) in [
            ("trading-*", "trading-redis", true),
            ("trading-*", "other", false),
            ("api.example.com", "api.example.com:443/v1/x", true),
            ("api.example.com:80", "api.example.com:443/v1", false),
            ("host/*/tail", "host:9000/a/tail", true),
            ("host/v1", "host:9000/v2", false),
            ("host/v1", "host:9000", false),
            ("host/**", "host:9000", true),
            ("*redis*", "trading-redis-exporter", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(in_scope(scope, target), expected, "{scope} over {target}");
        }
    }

    #[test]
    fn deny_beats_allow_and_the_header_bounds_both() {
        let stop = op("docker.change", "docker/trading-redis");
        let mut grants = Grants {
            needs: caps(&["docker.read"]),
            ..Grants::default()
        };
        assert!(grants.check(&stop).is_err(), "not in the header");
        grants.needs = caps(&["docker.change"]);
        assert_eq!(grants.check(&stop), Ok(()));
        grants.profile = Some(Profile {
            name: "careful".into(),
            allow: caps(&["*.*"]),
            deny: caps(&["docker.change@trading-redis"]),
        });
        let denial = grants.check(&stop).expect_err("denied");
        assert!(denial.message.contains("careful"), "{}", denial.message);
        assert_eq!(
            grants.check(&op("docker.change", "docker/trading-api")),
            Ok(())
        );
    }

    #[test]
    fn an_inner_workflow_stays_within_the_outer_one() {
        let outer = Grants {
            needs: caps(&["docker.read"]),
            ..Grants::default()
        };
        let inner = Grants {
            needs: caps(&["docker.change"]),
            outer: Some(Arc::new(outer)),
            ..Grants::default()
        };
        assert!(inner.check(&op("docker.change", "docker/x")).is_err());
    }

    #[test]
    fn what_is_no_capability_says_so() {
        for text in [
            "docker",
            "docker.",
            "Docker.read",
            "docker.read@",
            "",
            "docker.re ad",
        ] {
            assert!(text.parse::<Capability>().is_err(), "{text}");
        }
    }
}
