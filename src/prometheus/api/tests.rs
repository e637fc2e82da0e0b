#![expect(clippy::unwrap_used, reason = "a test's failure is a panic")]

use super::*;

fn success(kind: &str, result: &str) -> String {
    format!("{{\"status\":\"success\",\"data\":{{\"resultType\":\"{kind}\",\"result\":{result}}}}}")
}

#[test]
fn answers() {
    let vector = decode(&success(
        "vector",
        r#"[{"metric":{"__name__":"up","job":"p"},"value":[1435781451.781,"1"]}]"#,
    ))
    .unwrap();
    let Data::Vector(series) = &vector.data else {
        panic!("{vector:?}")
    };
    assert_eq!((series[0].time, series[0].value), (1_435_781_451.781, 1.0));
    assert_eq!(series[0].labels.get("job").unwrap(), "p");
    let json = r#"{"data":{"type":"vector","result":[{"labels":{"__name__":"up","job":"p"},"time":1435781451.781,"value":1.0}]},"warnings":[],"infos":[]}"#;
    assert_eq!(serde_json::to_string(&vector).unwrap(), json);

    let matrix = decode(&success(
        "matrix",
        r#"[{"metric":{},"values":[[1,"0.5"],[2,"NaN"],[3,"-Inf"]]}]"#,
    ))
    .unwrap();
    let Data::Matrix(series) = matrix.data else {
        panic!("not a matrix")
    };
    assert_eq!(series[0].points.len(), 3);
    assert!(series[0].points[1].value.is_nan());
    assert_eq!(series[0].points[2].value, f64::NEG_INFINITY);

    assert_eq!(
        decode(&success("scalar", r#"[1.5,"+Inf"]"#)).unwrap().data,
        Data::Scalar(Point {
            time: 1.5,
            value: f64::INFINITY
        })
    );
    assert_eq!(
        decode(&success("string", r#"[1.5,"x\n"]"#)).unwrap().data,
        Data::String(Text {
            time: 1.5,
            value: "x\n".into()
        })
    );
    assert_eq!(
        decode(&success("vector", "[]")).unwrap().data,
        Data::Vector(vec![])
    );
    // The order of the keys is the server's affair.
    let odd = r#"{"warnings":["w"],"infos":["i"],"data":{"result":[],"resultType":"matrix"},"status":"success"}"#;
    let odd = decode(odd).unwrap();
    assert_eq!(
        (odd.warnings, odd.infos),
        (vec!["w".to_owned()], vec!["i".to_owned()])
    );
}

#[test]
fn refusals_and_rubbish() {
    let refused = decode(r#"{"status":"error","errorType":"bad_data","error":"1:3: parse error"}"#)
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "prometheus refused the query (bad_data): 1:3: parse error"
    );
    let native = success("vector", r#"[{"metric":{},"histogram":[1,{"count":"1"}]}]"#);
    assert_eq!(decode(&native), Err(Error::NativeHistogram));
    let table = [
        ("", "line 1, column 0: EOF while parsing a value"),
        ("<html>", "line 1, column 1: expected value"),
        (
            "{\"status\":\"success\"",
            "line 1, column 19: EOF while parsing an object",
        ),
        (
            "{\"status\":\"success\"}",
            "line 1, column 1: no `data` in a success",
        ),
        (
            "{\"status\":\"odd\"}",
            "line 1, column 1: unknown status `odd`",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(
            decode(body).unwrap_err().to_string(),
            format!("not an answer of the Prometheus API, {expected}")
        );
    }
    for result in [
        r#"[{"metric":{}}]"#,
        r#"[{"value":[1,"x"]}]"#,
        r#"[{"value":[1]}]"#,
        "{}",
        "[1]",
    ] {
        assert!(
            matches!(
                decode(&success("vector", result)),
                Err(Error::BadAnswer { .. })
            ),
            "{result}"
        );
    }
    let place =
        decode("{\"status\":\"success\",\n \"data\":{\"resultType\":\"scalar\",\"result\":[1,2]}}")
            .unwrap_err();
    assert!(place.to_string().contains("line 2, column 4"), "{place}");
}

#[test]
fn addresses() {
    let instant = instant_url("http://localhost:9090/", "up{job=\"a b\"} > 0", Some(1.5)).unwrap();
    assert_eq!(
        instant,
        "http://localhost:9090/api/v1/query?query=up%7Bjob%3D%22a%20b%22%7D%20%3E%200&time=1.5"
    );
    assert_eq!(
        instant_url("https://p/prom", "é", None).unwrap(),
        "https://p/prom/api/v1/query?query=%C3%A9"
    );
    let range = range_url("http://p", "up", 10.0, 70.0, 15.0).unwrap();
    assert_eq!(
        range,
        "http://p/api/v1/query_range?query=up&start=10&end=70&step=15"
    );
    for base in [
        "",
        "localhost:9090",
        "http://",
        "http:///x",
        "http://p?x=1",
        "http://p#x",
        "http://p /x",
    ] {
        assert!(
            matches!(instant_url(base, "up", None), Err(Error::BadUrl { .. })),
            "{base}"
        );
    }
    let table = [
        (2.0, 1.0, 1.0),
        (0.0, 1.0, 0.0),
        (0.0, 1.0, -1.0),
        (0.0, 11_001.0, 1.0),
        (f64::NAN, 1.0, 1.0),
        (0.0, 1.0, f64::INFINITY),
    ];
    for (start, end, step) in table {
        assert!(
            matches!(
                range_url("http://p", "up", start, end, step),
                Err(Error::BadTime { .. })
            ),
            "{start} {end} {step}"
        );
    }
    assert!(range_url("http://p", "up", 0.0, 11_000.0, 1.0).is_ok());
}
