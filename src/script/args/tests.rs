//! Tests of command lines.

#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn spec(text: &str) -> Spec {
    let value = rhai::Engine::new().eval::<Map>(text).unwrap();
    Spec::read(&value).unwrap()
}

fn parse(spec: &Spec, words: &[&str]) -> Result<Map, ArgsError> {
    let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
    spec.parse(&words, &|name| match name {
        "BAD_BOOL" => Some("maybe".into()),
        "YES" => Some("ON".into()),
        "LIST" => Some("a, b,".into()),
        _ => None,
    })
}

fn show(map: &Map) -> String {
    map.iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn flags_of_all_kinds() {
    let spec = spec(
        r#"#{ flags: #{
            quick: #{ short: "q" }, no_cache: #{}, on: #{ initial: true },
            start: #{ type: "string" }, n: #{ type: "int", initial: 3, short: "n" },
            only: #{ type: "string", repeat: true }, mode: #{ values: ["a", "b"] } } }"#,
    );
    let map = parse(
        &spec,
        &[
            "--start", "-7d", "-q", "--only", "x,y", "--only=z", "-n5", "--no-on", "--mode", "b",
        ],
    )
    .unwrap();
    assert_eq!(
        show(&map),
        "mode=b n=5 no_cache=false on=false only=[\"x\", \"y\", \"z\"] quick=true start=-7d"
    );
    let map = parse(&spec, &["--no-cache", "--quick=off"]).unwrap();
    assert_eq!(
        show(&map),
        "mode= n=3 no_cache=true on=true only=[] quick=false start="
    );
}

#[test]
fn errors_say_what_and_suggest() {
    let spec = spec(
        r#"#{ flags: #{ window: #{ type: "duration" }, n: #{ type: "int" }, must: #{ type: "string", env: "NONE" } } }"#,
    );
    let usage = |words: &[&str]| match parse(&spec, words) {
        Err(ArgsError::Usage(why, hint)) => format!("{why} / {}", hint.unwrap_or_default()),
        other => format!("{other:?}"),
    };
    assert_eq!(
        usage(&["--widow", "1s"]),
        "there is no flag `--widow` / did you mean `--window`?"
    );
    assert_eq!(
        usage(&["--window", "soon"]),
        "`--window` wants a duration such as `5m`, and is given `soon` / "
    );
    assert_eq!(usage(&["--n"]), "`--n` wants a value / ");
    assert_eq!(
        usage(&["x"]),
        "`x` is one argument too many / `--help` shows the usage"
    );
    assert!(matches!(parse(&spec, &["--help"]), Err(ArgsError::Help(path)) if path.is_empty()));
}

#[test]
fn positionals_subcommands_and_the_double_dash() {
    let top = spec(
        r#"#{ positionals: [#{ name: "service", required: true }, #{ name: "rest", repeat: true }] }"#,
    );
    assert_eq!(
        show(&parse(&top, &["api", "--", "--x", "-y"]).unwrap()),
        "rest=[\"--x\", \"-y\"] service=api"
    );
    assert!(matches!(parse(&top, &[]), Err(ArgsError::Usage(..))));
    let sub = spec(
        r#"#{ flags: #{ pace: #{ type: "float", initial: 0.2 } }, subcommands: #{ news: #{ help: "N", flags: #{ days: #{ type: "int" } } } } }"#,
    );
    assert_eq!(
        show(&parse(&sub, &["--pace", "1", "news", "--days", "3"]).unwrap()),
        "command=news days=3 pace=1.0"
    );
    assert!(
        matches!(parse(&sub, &["nwes"]), Err(ArgsError::Usage(_, Some(hint))) if hint.contains("news"))
    );
    let help = sub.help_at(&["news".into()], "tradeops x", "X");
    assert!(
        help.contains("N\n\nUsage: tradeops x news [FLAGS]\n")
            && help.contains("--days N")
            && help.contains("--pace NUMBER"),
        "{help}"
    );
    // A flag of the whole goes before the command and after it.
    for words in [
        ["news", "--pace", "2", "--days", "3"],
        ["--pace", "2", "news", "--days", "3"],
        ["news", "--days", "3", "--pace", "2"],
    ] {
        assert_eq!(
            show(&parse(&sub, &words).unwrap()),
            "command=news days=3 pace=2.0"
        );
    }
    assert!(
        matches!(parse(&sub, &["--days", "3", "news"]), Err(ArgsError::Usage(why, _)) if why.contains("--days"))
    );
}

#[test]
fn the_environment_is_a_fall_back_and_is_checked() {
    let good = spec(
        r#"#{ flags: #{ a: #{ env: "YES" }, l: #{ type: "string", repeat: true, env: "LIST" } } }"#,
    );
    assert_eq!(show(&parse(&good, &[]).unwrap()), "a=true l=[\"a\", \"b\"]");
    let bad = spec(r#"#{ flags: #{ a: #{ env: "BAD_BOOL" } } }"#);
    assert!(
        matches!(parse(&bad, &[]), Err(ArgsError::Environment(why)) if why.contains("BAD_BOOL"))
    );
    assert!(
        parse(&bad, &["--a"]).is_ok(),
        "a flag wins over the environment"
    );
}

#[test]
fn a_wrong_spec_says_so() {
    for text in [
        r#"#{ flag: #{} }"#,
        r#"#{ flags: #{ a: #{ typ: "int" } } }"#,
        r#"#{ flags: #{ a: #{ type: "integer" } } }"#,
        r#"#{ flags: #{ a: #{ type: "int", initial: "x" } } }"#,
    ] {
        let value = rhai::Engine::new().eval::<Map>(text).unwrap();
        assert!(Spec::read(&value).is_err(), "{text}");
    }
}
