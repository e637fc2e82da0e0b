//! Calendars through the binary: layers, trust, and where a calendar's knowledge ends.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::os::unix::fs::PermissionsExt as _;

use support::World;

const OPEN: &str = r#"calendar::is_open("XNYS", "2026-11-24T16:00:00Z")"#;

#[test]
fn an_ejected_calendar_wins_and_is_named() {
    let world = World::new();
    let eval = |text: &str| world.tradeops(&["eval", text]).done();
    let shipped = eval(OPEN).exits(0).shows(&["true"]);
    assert_eq!(shipped.err, "");
    world
        .tradeops(&["eject", "calendars/XNYS"])
        .done()
        .exits(0)
        .says(&[".tradeops/calendars/XNYS.toml"]);
    let same = eval(OPEN).exits(0);
    assert_eq!(same.err, "", "an unchanged copy is the shipped one");
    let file = ".tradeops/calendars/XNYS.toml";
    let text = world.read(file).unwrap();
    world.file(
        file,
        &(text + "\n[[closed]]\nname = \"a storm\"\ndates = [2026-11-24]\n"),
    );
    eval(OPEN).exits(0).shows(&["false"]);
    let why = eval(r#"calendar::day("XNYS", "2026-11-24").reason"#);
    assert_eq!(why.exits(0).out.trim(), "a storm");
    world
        .tradeops(&["list"])
        .done()
        .exits(0)
        .shows(&["calendars/XNYS", "changed"]);
    world
        .tradeops(&["diff", "calendars/XNYS"])
        .done()
        .exits(0)
        .shows(&["+dates = [2026-11-24]"]);
    world.file("asks.rhai", &format!("print({OPEN});\n"));
    world
        .tradeops(&["run", "asks.rhai"])
        .done()
        .exits(0)
        .shows(&["false"])
        .says(&[
            "note: the calendar `XNYS` is the project layer's `.tradeops/calendars/XNYS.toml`",
        ]);
    // A second one does not overwrite the changes.
    world
        .tradeops(&["eject", "calendars/XNYS"])
        .done()
        .exits(73);
}

#[test]
fn another_exchange_is_a_file() {
    let world = World::new();
    world.file(
        ".tradeops/calendars/XLON.toml",
        "name = \"XLON\"\ntitle = \"London\"\ntimezone = \"Europe/London\"\nweekdays = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]\n\n[[hours]]\nopen = \"08:00\"\nclose = \"16:30\"\n",
    );
    let eval = |text: &str| world.tradeops(&["eval", text]).done();
    eval("calendar::list()")
        .exits(0)
        .shows(&["XLON", "XNYS", "24x7"]);
    eval(r#"calendar::is_open("XLON", "2026-07-01T07:30:00Z")"#)
        .exits(0)
        .shows(&["true"]);
    eval(r#"calendar::is_open("XLOM", "2026-07-01T07:30:00Z")"#)
        .exits(70)
        .says(&["there is no calendar `XLOM`", "did you mean `XLON`?"]);
    eval(r#"calendar::is_open("../XLON", "2026-07-01T07:30:00Z")"#)
        .exits(70)
        .says(&["there is no calendar"]);
}

#[test]
fn a_calendar_that_others_may_write_is_not_taken() {
    let world = World::new();
    world.tradeops(&["eject", "calendars/XNYS"]).done().exits(0);
    let file = world.path(".tradeops/calendars/XNYS.toml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    world
        .tradeops(&["eval", OPEN])
        .done()
        .exits(70)
        .says(&["is not taken: others may write the file"]);
    // Not a silent fall-back to the shipped one, nor to garbage.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    world.file(".tradeops/calendars/XNYS.toml", "name = 1\n");
    world
        .tradeops(&["eval", OPEN])
        .done()
        .exits(70)
        .says(&["`.tradeops/calendars/XNYS.toml` is no calendar: line 1"]);
}

#[test]
fn where_knowledge_ends_a_script_is_told() {
    let world = World::new();
    let asks = r#"
        let caught = #{};
        try { calendar::sessions("XNYS", "2027-12-01", "2028-02-01"); } catch (e) { caught = e; }
        print(`${caught.kind}: ${caught.message}`);
        let guessed = calendar::sessions("XNYS", "2027-12-01", "2028-02-01", #{ beyond: "rules" });
        print(guessed.filter(|day| !day.known).len());
        print(calendar::about("24x7").known_until == ());
    "#;
    world.file("asks.rhai", asks);
    world.tradeops(&["run", "asks.rhai"]).done().exits(0).shows(&[
        "invalid: the calendar `XNYS` is known until 2027-12-31, and 2028-01-01 lies after that",
        "21\n",
        "true\n",
    ]);
}
