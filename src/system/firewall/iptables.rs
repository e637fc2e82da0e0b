//! The rules as `iptables-save` writes them, of the table `filter`.

use super::Ruleset;

/// Reads the listing; an empty one has no rule.
pub(super) fn read(text: &str) -> Option<Ruleset> {
    let mut set = Ruleset::default();
    let mut filter = false;
    for line in text.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('*') {
            filter = table == "filter";
        } else if let Some(chain) = line.strip_prefix(':') {
            // `:INPUT DROP [0:0]`; a chain of the user's own has `-` for a policy.
            let mut words = chain.split(' ');
            let (name, policy) = (words.next()?, words.next()?);
            if filter {
                let chain = set.chains.entry(name.to_owned()).or_default();
                chain.input = name == "INPUT";
                chain.denies |= policy == "DROP" || policy == "REJECT";
            }
        } else if line.starts_with("-A ") {
            set.rules += 1;
            let words: Vec<_> = line.split_whitespace().collect();
            let target = words
                .iter()
                .position(|w| matches!(*w, "-j" | "-g" | "--jump" | "--goto"))
                .and_then(|at| words.get(at + 1));
            let (Some(name), Some(target)) = (words.get(1), target) else {
                continue;
            };
            if filter {
                let chain = set.chains.entry((*name).to_owned()).or_default();
                if matches!(*target, "DROP" | "REJECT" | "TARPIT") {
                    chain.denies = true;
                } else {
                    chain.to.push((*target).to_owned());
                }
            }
        }
    }
    Some(set)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test")]
mod tests {
    use super::*;

    #[test]
    fn what_turns_away_what_comes_in() {
        for (text, rules, filters) in [
            (
                "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\nCOMMIT\n",
                0,
                false,
            ),
            ("*filter\n:INPUT DROP [0:0]\nCOMMIT\n", 0, true),
            (
                "*filter\n:INPUT ACCEPT [0:0]\n:X - [0:0]\n:Y - [0:0]\n-A INPUT -j X\n-A X -p tcp -g Y\n-A Y -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n",
                3,
                true,
            ),
            // As Docker leaves it: much is forwarded or not, nothing kept out.
            (
                "*nat\n:DOCKER - [0:0]\n-A DOCKER -i docker0 -j RETURN\nCOMMIT\n*filter\n:INPUT ACCEPT [9:9]\n:FORWARD DROP [0:0]\n:DOCKER - [0:0]\n-A FORWARD -o docker0 -j DOCKER\n-A DOCKER -j DROP\nCOMMIT\n",
                3,
                false,
            ),
            // A circle, which the kernel would refuse.
            (
                "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j A\n-A A -j B\n-A B -j A\nCOMMIT\n",
                3,
                false,
            ),
            ("*mangle\n:INPUT DROP [0:0]\nCOMMIT\n", 0, false),
        ] {
            let set = read(text).unwrap();
            assert_eq!((set.rules, set.filters_input()), (rules, filters), "{text}");
        }
    }
}
