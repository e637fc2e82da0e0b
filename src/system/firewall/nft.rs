//! The kernel's rules as `nft -j list ruleset` writes them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Chain, Ruleset};

/// Reads the listing; `None` if it is none.
pub(super) fn read(text: &str) -> Option<Ruleset> {
    let all: Value = serde_json::from_str(text).ok()?;
    let items = all.get("nftables")?.as_array()?;
    let mut set = Ruleset::default();
    // Verdicts may stand in a map of their own, which a rule names as `@name`.
    let maps: BTreeMap<String, &Value> = items
        .iter()
        .filter_map(|item| item.get("map"))
        .map(|map| (place(map, "name"), map))
        .collect();
    for item in items {
        if let Some(chain) = item.get("chain") {
            let word = |key: &str| chain.get(key).and_then(Value::as_str).unwrap_or_default();
            let entry = set.chains.entry(place(chain, "name")).or_default();
            // Packets for this machine pass these, in this order; `type` tells filters from translations.
            entry.input = word("type") == "filter"
                && matches!(word("hook"), "ingress" | "prerouting" | "input");
            entry.denies |= word("policy") == "drop";
        } else if let Some(rule) = item.get("rule") {
            set.rules += 1;
            let table = table(rule);
            let entry = set.chains.entry(place(rule, "chain")).or_default();
            if let Some(parts) = rule.get("expr") {
                verdicts(parts, &table, &maps, entry, 0);
            }
        }
    }
    Some(set)
}

/// Which chain, map or table: names are unique within family and table.
fn place(of: &Value, key: &str) -> String {
    let name = of.get(key).and_then(Value::as_str).unwrap_or_default();
    format!("{} {name}", table(of))
}

fn table(of: &Value) -> String {
    let word = |key: &str| of.get(key).and_then(Value::as_str).unwrap_or_default();
    format!("{} {}", word("family"), word("table"))
}

/// Finds what may become of a packet, however deep it stands: `{"drop": null}`, `{"jump": {"target": ..}}`.
fn verdicts(
    part: &Value,
    table: &str,
    maps: &BTreeMap<String, &Value>,
    chain: &mut Chain,
    depth: usize,
) {
    if depth > 32 {
        return;
    }
    match part {
        Value::Array(items) => {
            for item in items {
                verdicts(item, table, maps, chain, depth + 1);
            }
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    "drop" | "reject" => chain.denies = true,
                    "jump" | "goto" => {
                        if let Some(target) = value.get("target").and_then(Value::as_str) {
                            chain.to.push(format!("{table} {target}"));
                        }
                    }
                    _ => verdicts(value, table, maps, chain, depth + 1),
                }
            }
        }
        Value::String(name) => {
            if let Some(map) = name
                .strip_prefix('@')
                .and_then(|name| maps.get(&format!("{table} {name}")))
                && let Some(elements) = map.get("elem")
            {
                verdicts(elements, table, maps, chain, depth + 1);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    fn of(items: &str) -> (i64, bool) {
        let set = read(&format!(r#"{{"nftables": [{items}]}}"#)).unwrap();
        (set.rules, set.filters_input())
    }

    const INPUT: &str = r#"{"chain": {"family": "inet", "table": "f", "name": "input", "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}}"#;

    fn rule(table: &str, chain: &str, expr: &str) -> String {
        format!(
            r#"{{"rule": {{"family": "inet", "table": "{table}", "chain": "{chain}", "handle": 1, "expr": [{expr}]}}}}"#
        )
    }

    #[test]
    fn what_turns_away_what_comes_in() {
        assert_eq!(of(r#"{"metainfo": {"version": "1.0.6"}}"#), (0, false));
        assert_eq!(of(INPUT), (0, false));
        assert_eq!(of(&INPUT.replace("accept", "drop")), (0, true));
        let drop = rule("f", "input", r#"{"counter": {}}, {"drop": null}"#);
        assert_eq!(of(&format!("{INPUT}, {drop}")), (1, true));
        let jump = rule("f", "input", r#"{"jump": {"target": "deny"}}"#);
        let deny = rule("f", "deny", r#"{"reject": {"type": "icmpx"}}"#);
        assert_eq!(of(&format!("{INPUT}, {jump}, {deny}")), (2, true));
        // A chain of the same name in another table is another chain.
        let other = rule("g", "deny", r#"{"drop": null}"#);
        assert_eq!(of(&format!("{INPUT}, {jump}, {other}")), (2, false));
        let by_map = rule(
            "f",
            "input",
            r#"{"vmap": {"key": {"meta": {"key": "iif"}}, "data": {"set": [["lo", {"accept": null}], ["eth0", {"goto": {"target": "deny"}}]]}}}"#,
        );
        assert_eq!(of(&format!("{INPUT}, {by_map}, {deny}")), (2, true));
        let named = rule(
            "f",
            "input",
            r#"{"vmap": {"key": {"meta": {"key": "iif"}}, "data": "@ways"}}"#,
        );
        let map = r#"{"map": {"family": "inet", "name": "ways", "table": "f", "type": "ifname", "map": "verdict", "elem": [["eth0", {"drop": null}]]}}"#;
        assert_eq!(of(&format!("{map}, {INPUT}, {named}")), (1, true));
        // As Docker leaves it.
        let forward = r#"{"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "type": "filter", "hook": "forward", "prio": 0, "policy": "drop"}}"#;
        assert_eq!(of(forward), (0, false));
        assert!(read("nonsense").is_none());
    }
}
