//! `prom::scrape`: metrics pages as they come over a socket.

use crate::scripts::read;
use crate::server::Server;

const OPENMETRICS: &str =
    "# TYPE jobs counter\njobs_total{state=\"done\"} 7 # {trace_id=\"t1\"} 0.5 1.5\n# EOF\n";

fn serve(content_type: &'static str, page: String) -> Server {
    Server::start(move |asked| {
        match asked.path() {
            "/metrics" => {
                asked.answer(
                    "200 OK",
                    &format!("content-type: {content_type}\r\n"),
                    &page,
                );
            }
            _ => asked.answer("503 Busy", "", "up 1\n"),
        }
        true
    })
}

#[test]
fn the_content_type_tells_the_format() {
    let server = serve(
        "application/openmetrics-text; version=1.0.0",
        OPENMETRICS.into(),
    );
    let url = server.url("/metrics");
    let script = format!("prom::scrape(\"{url}\", #{{ openmetrics: true }})");
    let printed = OPENMETRICS.replace("1.5\n", "1.500\n");
    assert_eq!(read(&script).text(), printed);
    assert!(
        server.heads()[0]
            .contains("accept: application/openmetrics-text;version=1.0.0, text/plain")
    );

    // The same text as the classic format is none: there are no exemplars.
    let server = serve("text/plain; version=0.0.4", OPENMETRICS.into());
    let script = format!("prom::scrape(\"{}\")", server.url("/metrics"));
    let error = read(&script).error();
    assert!(
        error.contains("line 2, column 28: exemplars exist in OpenMetrics only"),
        "{error}"
    );
    assert!(server.heads()[0].contains("accept: text/plain;version=0.0.4, "));
}

#[test]
fn a_long_page_is_not_held() {
    let mut page = String::from("# TYPE kept gauge\nkept{a=\"b\"} 1\n");
    for index in 0..200_000 {
        page.push_str(&format!(
            "dropped{{path=\"/a/long/path/of/some/kind\",index=\"{index}\"}} {index}\n"
        ));
    }
    page.push_str("kept{a=\"c\"} 2\n");
    assert!(page.len() > 12_000_000);
    let server = serve("text/plain", page);
    let url = server.url("/metrics");
    let script = format!(
        "let page = prom::parse(prom::scrape(\"{url}\", #{{ only: [\"kept\"] }})); \
         `${{prom::sum(page, \"kept\")}} ${{prom::families(page).len()}}`"
    );
    assert_eq!(read(&script).text(), "3.0 1");
    let script = format!("prom::scrape(\"{url}\", #{{ only: [\"kept\"], body_limit: \"1MiB\" }})");
    let error = read(&script).error();
    assert!(error.contains("1048576"), "{error}");
}

#[test]
fn what_is_no_page() {
    let server = serve("text/plain", "up 1\n<html>\n".into());
    for options in ["", ", #{ only: [\"up\"] }"] {
        let error = read(&format!(
            "prom::scrape(\"{}\"{options})",
            server.url("/metrics")
        ))
        .error();
        assert!(
            error.contains("line 2, column 1: expected a metric name"),
            "{error}"
        );
    }
    let error = read(&format!("prom::scrape(\"{}\")", server.url("/other"))).error();
    assert!(error.contains("/other answered 503"), "{error}");
    let empty = serve("application/openmetrics-text", String::new());
    let error = read(&format!(
        "prom::scrape(\"{}\", #{{ only: [\"up\"] }})",
        empty.url("/metrics")
    ))
    .error();
    assert!(error.contains("does not end with `# EOF`"), "{error}");
}

#[test]
fn it_is_an_http_read() {
    // Neither a host that nobody named, nor a route by which QuestDB runs SQL.
    for url in ["http://metrics.test/metrics", "http://127.0.0.1:1/exec"] {
        let error = read(&format!("prom::scrape(\"{url}\")")).error();
        assert!(
            !error.contains("unreachable") && !error.contains("connect"),
            "{error}"
        );
    }
}
