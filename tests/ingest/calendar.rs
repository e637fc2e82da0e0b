//! The sessions of the made-up provider, which knows the exchange by rules of its own, against the tool's calendar.

use serde_json::Value;

use crate::standin::Standin;
use crate::support::World;

#[test]
fn the_provider_and_the_calendar_know_the_same_sessions() {
    let world = World::new();
    // Nothing is stored, so no database is needed.
    let service = Standin::start_with(
        1,
        &world.work(),
        &[("ENABLE_QUESTDB_HIST_PERSIST", "false")],
    );
    let mut theirs = Vec::new();
    for (start, end) in [("2000-01-01", "2012-12-31"), ("2013-01-01", "2027-12-31")] {
        let (status, body) = service.post(&format!(
            "/market-data/historical/AAPL?start={start}&end={end}"
        ));
        assert_eq!(status, 200, "{body}");
        let reply: Value = serde_json::from_str(&body).unwrap_or_default();
        let days = reply["data"].as_array().into_iter().flatten();
        theirs.extend(days.filter_map(|bar| bar["date"].as_str().map(str::to_owned)));
    }
    let script = r#"calendar::sessions("XNYS", "2000-01-01", "2027-12-31").map(|s| `${s.date}`)"#;
    let done = world
        .tradeops(&["eval", "-o", "json", script])
        .done()
        .exits(0);
    let ours: Vec<String> = serde_json::from_str(&done.out).unwrap_or_default();
    assert!(ours.len() > 7_000, "{}", ours.len());
    assert_eq!(ours, theirs);
}
