//! The gate for the tracing collector: a 405 counts as there, none is a warning, and only strictly a failure.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::compose_project::ComposeProject;
use crate::startup;
use crate::support::World;

const ONE: &str = "  redis:\n    image: $IMAGE\n    command: [sleep, \"600\"]\n    init: true";

/// Answers as a collector does that takes traces by POST only.
fn collector() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    format!("http://{address}")
}

#[test]
fn the_collector_is_waited_for_only_when_tracing_is_on() {
    let (world, project) = (World::new(), ComposeProject::new(ONE));
    // The overlay's patience is twenty seconds.
    let overlay =
        include_str!("../../stdlib/stack.rhai").replace("within: \"20s\"", "within: \"1s\"");
    world.file(".tradeops/std/stack.rhai", &overlay);
    let run = |flags: &[&str], on: &str, endpoint: &str| {
        startup(&world, &project, flags)
            .env("ENABLE_TRACING", on)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .done()
    };
    run(&["--wait-tracing"], "no", "http://127.0.0.1:1")
        .exits(0)
        .shows(&["- tracing: ENABLE_TRACING is not set to true"]);
    run(&["--wait-tracing", "--strict"], "TRUE", &collector())
        .exits(0)
        .shows(&["+ tracing: 405"]);
    run(
        &["--wait-tracing", "--strict"],
        "True",
        "http://127.0.0.1:1",
    )
    .exits(1)
    .shows(&["tracing:", "127.0.0.1:1"]);
}
