//! The namespaces as scripts meet them: what passes the gate, what a plan holds, what errors say.

use std::sync::Arc;

use rhai::{Dynamic, Engine};
use tradeops::api::{Branch, Frame, Record, enter, register};
use tradeops::gate::{Grants, Mode, Origin, Run, RunParts};
use tradeops::run::Cx;

use crate::server::Server;

pub(crate) struct Script {
    run: Arc<Run>,
    answer: Result<Dynamic, String>,
    _folder: tempfile::TempDir,
}

impl Script {
    fn run(needs: &[&str], mode: Mode, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let run = Arc::new(Run::new(RunParts {
            origin: Origin::default(),
            mode,
            audit: folder.path().join("audit.ndjson"),
            cx: Cx::detached(),
        }));
        let mut engine = Engine::new();
        register(&mut engine, |_| true);
        let grants = Grants {
            needs: needs.iter().map(|n| n.parse().unwrap()).collect(),
            ..Grants::default()
        };
        let branch = Branch {
            cx: run.cx().clone(),
            run: run.clone(),
            frame: Arc::new(Frame {
                grants,
                ..Frame::default()
            }),
        };
        let answer =
            enter(branch, || engine.eval::<Dynamic>(text)).map_err(|error| error.to_string());
        Self {
            run,
            answer,
            _folder: folder,
        }
    }

    pub(crate) fn error(self) -> String {
        self.answer.unwrap_err()
    }

    pub(crate) fn text(self) -> String {
        self.answer.unwrap().to_string()
    }

    fn record(self) -> Record {
        self.answer.unwrap().cast::<Record>()
    }
}

pub(crate) fn read(text: &str) -> Script {
    Script::run(&["http.read", "tcp.read", "dns.read"], Mode::Live, text)
}

fn server() -> Server {
    Server::start(|asked| {
        match asked.path() {
            "/json" => asked.answer(
                "200 OK",
                "x-a: 1\r\nset-cookie: a\r\nset-cookie: b\r\n",
                "{\"ready\": [true, 2, 18446744073709551615]}",
            ),
            "/html" => asked.answer("502 Bad", "", "<html>"),
            "/evil" => asked.answer("302 Found", "location: /exec?query=drop\r\n", ""),
            "/away" => asked.answer("302 Found", "location: http://192.0.2.1/x\r\n", ""),
            "/moved" => asked.answer("307 Moved", "location: http://192.0.2.1/x\r\n", ""),
            _ => asked.answer("200 OK", "", "fine"),
        }
        true
    })
}

#[test]
fn responses_and_probes_are_records() {
    let server = server();
    let response = read(&format!("http::get(\"{}\")", server.url("/json"))).record();
    assert_eq!(response.get("status").unwrap().as_int(), Ok(200));
    assert_eq!(response.shape().name, "Response");
    assert!(response.get("ms").unwrap().is_float());
    let probe = read(&format!(
        "http::probe(\"{}\", #{{ method: \"HEAD\" }})",
        server.url("/")
    ))
    .record();
    assert_eq!(probe.str("phase"), "done");
    let port = server.address.port();
    let open = read(&format!(
        "tcp::probe(\"127.0.0.1\", {port}, #{{ timeout: \"1s\" }})"
    ))
    .record();
    assert_eq!(
        (open.str("state"), open.str("target")),
        ("open".into(), format!("127.0.0.1:{port}"))
    );
    assert_eq!(
        read(&format!("tcp::wait(\"127.0.0.1:{port}\")"))
            .record()
            .str("state"),
        "open"
    );
    assert_eq!(
        read("dns::lookup(\"127.0.0.1\")").record().str("name"),
        "127.0.0.1"
    );
}

#[test]
fn json_and_headers_of_a_response() {
    let server = server();
    let script = |call: &str, path: &str| {
        read(&format!("let r = http::get(\"{}\"); let x = (); try {{ x = {call}; }} catch (e) {{ x = `${{e.kind}} ${{e.status}} ${{e.message}}` }} x", server.url(path)))
            .text()
    };
    assert_eq!(
        script("http::json(r).ready", "/json"),
        "[true, 2, 1.8446744073709552e19]"
    );
    assert_eq!(script("http::header(r, \"X-A\")", "/json"), "1");
    assert_eq!(script("http::header(r, \"none\")", "/json"), "");
    assert_eq!(
        script("http::header_lines(r, \"Set-Cookie\")", "/json"),
        "[\"a\", \"b\"]"
    );
    let error = script("http::json(r)", "/html");
    assert!(
        error.starts_with("failed 502 the body is not JSON") && error.contains("<html>"),
        "{error}"
    );
    assert_eq!(read("http::url_encode(\"a b\")").text(), "a%20b");
}

#[test]
fn a_read_goes_only_where_it_may() {
    let server = server();
    for call in [
        format!("http::get(\"{}\")", server.url("/exec?query=drop")),
        format!("http::head(\"{}\")", server.url("/%65xec;x")),
        format!("http::probe(\"{}\")", server.url("/exp")),
        format!("http::request(\"get\", \"{}\")", server.url("/imp/")),
        "http::get(\"http://192.0.2.1/\")".to_owned(),
        format!(
            "http::get(\"{}\", #{{ headers: #{{ \"X-HTTP-Method-Override\": \"DELETE\" }} }})",
            server.url("/")
        ),
        format!("http::post(\"{}\")", server.url("/")),
        format!("http::request(\"PURGE\", \"{}\")", server.url("/")),
    ] {
        let script = read(&format!("try {{ {call} }} catch (e) {{ 1 }}"));
        assert!(script.answer.is_err(), "{call}");
        assert!(script.run.doom().is_some(), "{call}");
    }
    assert!(server.heads().is_empty());
}

#[test]
fn a_redirect_goes_only_where_a_read_may() {
    let server = server();
    for path in ["/evil", "/away"] {
        let call = format!(
            "let x = (); try {{ http::get(\"{}\") }} catch (e) {{ x = e.kind }} x",
            server.url(path)
        );
        assert_eq!(read(&call).text(), "refused", "{path}");
    }
    let call = format!(
        "let x = (); try {{ http::post(\"{}\", #{{ redirects: 3, body: \"x\" }}) }} catch (e) {{ x = e.kind }} x",
        server.url("/moved")
    );
    assert_eq!(
        Script::run(&["http.change"], Mode::Live, &call).text(),
        "refused"
    );
    // The hop after a change is a read, and needs to be allowed as one.
    let call = call.replace("/moved", "/evil");
    assert_eq!(
        Script::run(&["http.change"], Mode::Live, &call).text(),
        "refused"
    );
    assert!(server.heads().iter().all(|head| !head.contains("exec")));
}

#[test]
fn a_wrong_question_is_invalid_and_no_denial() {
    for call in [
        "http::get(\"localhost/x\")",
        "http::get(\"ftp://localhost/\")",
        "http::get(\"http://localhost/\", #{ retries: -1 })",
        "http::get(\"http://localhost/\", #{ password: \"geheim\" })",
        "http::get(\"http://localhost/\", #{ body: \"x\" })",
        "tcp::probe(\"localhost\")",
        "tcp::probe(\"localhost\", 70000)",
        "dns::lookup(\"\")",
    ] {
        let text = read(&format!(
            "let x = (); try {{ {call} }} catch (e) {{ x = `${{e.kind}} ${{e.message}}` }} x"
        ))
        .text();
        assert!(
            text.starts_with("invalid ") && !text.contains("geheim"),
            "{call}: {text}"
        );
    }
}

#[test]
fn a_planned_change_is_not_sent() {
    let server = server();
    let call = format!(
        "http::post(\"{}\", #{{ json: #{{ a: 1 }} }})",
        server.url("/jobs?token=x")
    );
    let script = Script::run(&["http.change"], Mode::Plan, &call);
    let plan = script.run.plan_so_far();
    assert!(server.heads().is_empty());
    let [step] = &plan.steps[..] else {
        panic!("{plan:?}")
    };
    assert_eq!(step.target, format!("http/{}/jobs", server.address));
    assert_eq!(step.blast.facts["body_bytes"], 7);
    assert_eq!(
        step.blast.summary,
        format!("POST {}, body of 7 bytes", server.url("/jobs"))
    );
    let looked = Script::run(&["http.change"], Mode::Plan, &format!("http::json({call})"));
    assert!(looked.answer.is_err() && !looked.run.plan_so_far().complete);
    let live = Script::run(&["http.change"], Mode::Live, &call).record();
    assert_eq!(live.get("ok").unwrap().as_bool(), Ok(true));
    assert_eq!(server.heads().len(), 1);
    assert!(server.heads()[0].contains("content-type: application/json"));
}

#[test]
fn failures_are_of_the_right_kind() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let drops = Server::start(|_| false);
    for (call, want) in [
        (format!("http::get(\"http://{free}/\")"), "unreachable true"),
        (
            format!("http::post(\"http://{free}/\")"),
            "unreachable true",
        ),
        (format!("http::get(\"{}\")", drops.url("/")), "failed true"),
        (
            format!("http::post(\"{}\")", drops.url("/")),
            "unknown false",
        ),
        (
            format!("http::put(\"{}\", #{{ retries: 1 }})", drops.url("/")),
            "unknown false",
        ),
        (
            format!("tcp::wait(\"{free}\", #{{ timeout: \"50ms\", interval: \"10ms\" }})"),
            "timeout true",
        ),
    ] {
        let script = format!(
            "let x = (); try {{ {call} }} catch (e) {{ x = `${{e.kind}} ${{e.retryable}}` }} x"
        );
        let needs = ["http.read", "http.change", "tcp.read"];
        assert_eq!(
            Script::run(&needs, Mode::Live, &script).text(),
            want,
            "{call}"
        );
    }
}
