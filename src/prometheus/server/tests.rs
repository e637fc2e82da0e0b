#![expect(clippy::unwrap_used, reason = "a test")]
use super::*;

#[test]
fn targets_say_why_they_are_down() {
    let body = r#"{"status":"success","data":{"activeTargets":[
        {"labels":{"instance":"loki:3100","job":"loki"},"scrapePool":"stack","scrapeUrl":"http://loki:3100/metrics","lastError":"","lastScrape":"2026-11-24T21:01:50.984593348Z","lastScrapeDuration":0.000682656,"health":"up","scrapeInterval":"1m30s","scrapeTimeout":"5s"},
        {"labels":{"job":"x"},"scrapeUrl":"http://x/metrics","lastError":"dial tcp: lookup x: no such host","lastScrape":"0001-01-01T00:00:00Z","lastScrapeDuration":0,"health":"unknown"}],"droppedTargets":[]}}"#;
    let targets = targets(body).unwrap();
    let up = &targets[0];
    assert_eq!((up.job.as_str(), up.health.as_str()), ("loki", "up"));
    assert_eq!((up.error.as_deref(), up.scrape_ms), (None, 0.683));
    assert_eq!(up.interval_seconds, Some(90.0));
    assert!(up.last_scrape.is_some());
    let new = &targets[1];
    assert_eq!((new.last_scrape, new.interval_seconds), (None, None));
    assert_eq!(
        new.error.as_deref(),
        Some("dial tcp: lookup x: no such host")
    );
}

#[test]
fn rules_of_both_types() {
    let body = r#"{"status":"success","data":{"groups":[{"name":"g","file":"/f.yml","interval":5,"rules":[
        {"state":"firing","name":"A","query":"up == 0","labels":{"severity":"critical"},"alerts":[{"x":1},{}],"health":"ok","evaluationTime":0.001,"lastEvaluation":"2026-11-24T21:01:52.4Z","type":"alerting"},
        {"name":"r","query":"x","health":"err","lastError":"many-to-many matching not allowed","evaluationTime":0,"lastEvaluation":"0001-01-01T00:00:00Z","type":"recording"}]}]}}"#;
    let rules = rules(body).unwrap();
    assert_eq!(
        (rules[0].alerts, rules[0].state.as_deref()),
        (2, Some("firing"))
    );
    assert_eq!(rules[0].labels["severity"], "critical");
    assert_eq!(
        (rules[1].state.as_deref(), rules[1].last_evaluation),
        (None, None)
    );
    assert_eq!(rules[1].kind, "recording");
    assert!(
        rules[1]
            .error
            .as_deref()
            .unwrap()
            .starts_with("many-to-many")
    );
}

#[test]
fn the_state_of_a_server() {
    let body = r#"{"status":"success","data":{"startTime":"2026-11-24T21:00:21.8Z","CWD":"/","reloadConfigSuccess":false,"lastConfigTime":"0001-01-01T00:00:00Z","corruptionCount":2,"storageRetention":"15d"}}"#;
    let found = runtime(body).unwrap();
    assert_eq!((found.config_loaded, found.wal_corruptions), (false, 2));
    assert_eq!(found.config_loaded_at, None);
    let body = r#"{"status":"success","data":{"headStats":{"numSeries":7,"chunkCount":9,"minTime":9223372036854775807,"maxTime":-9223372036854775808}}}"#;
    let found = tsdb(body).unwrap();
    assert_eq!((found.head_series, found.newest_sample), (Some(7), None));
    let old = tsdb(r#"{"status":"success","data":{"seriesCountByMetricName":[]}}"#).unwrap();
    assert_eq!(old.head_series, None);
    let none = alerting(r#"{"status":"success","data":{"activeAlertmanagers":[]}}"#).unwrap();
    assert!(none.alertmanagers.is_empty());
}

#[test]
fn what_is_no_answer() {
    let refused = r#"{"status":"error","errorType":"unavailable","error":"not ready"}"#;
    assert!(matches!(targets(refused), Err(Error::Refused { .. })));
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"status":"success"}"#,
        r#"{"status":"success","data":{}}"#,
        "null",
        "[1]",
    ] {
        assert!(
            matches!(targets(body), Err(Error::BadAnswer { .. })),
            "{body}"
        );
        assert!(
            matches!(rules(body), Err(Error::BadAnswer { .. })),
            "{body}"
        );
        assert!(
            matches!(runtime(body), Err(Error::BadAnswer { .. })),
            "{body}"
        );
    }
    assert_eq!(
        url("http://p:9090/x/", "rules").unwrap(),
        "http://p:9090/x/api/v1/rules"
    );
    assert!(matches!(url("p:9090", "rules"), Err(Error::BadUrl { .. })));
}
