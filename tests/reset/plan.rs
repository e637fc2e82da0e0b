//! A plan writes nothing: counted by a proxy in front of the engine's socket, and by the checksums of all files.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::Stack;
use crate::compose_project::docker;

const ENGINE: &str = "/var/run/docker.sock";

/// What was asked of the engine, by connection.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

/// A socket that leads to the engine's, and keeps all that goes there.
struct Recorder {
    socket: PathBuf,
    heard: Heard,
}

impl Recorder {
    fn new(folder: &Path) -> Self {
        let socket = folder.join("engine.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let heard = Heard::default();
        let kept = heard.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let at = {
                    let mut all = kept.lock().expect("no panic");
                    all.push(Vec::new());
                    all.len() - 1
                };
                let engine = UnixStream::connect(ENGINE).expect("the engine is there");
                let (answers, back) = (
                    engine.try_clone().expect("a handle"),
                    client.try_clone().expect("a handle"),
                );
                std::thread::spawn(move || pass(answers, back, |_| ()));
                let kept = kept.clone();
                std::thread::spawn(move || {
                    pass(client, engine, |bytes| {
                        kept.lock().expect("no panic")[at].extend_from_slice(bytes);
                    });
                });
            }
        });
        Self { socket, heard }
    }

    fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The requests since the last call: `POST /v1.47/containers/create`.
    fn requests(&self) -> Vec<String> {
        let mut all = self.heard.lock().expect("no panic");
        let mut found = Vec::new();
        for connection in all.iter_mut() {
            let text = String::from_utf8_lossy(connection);
            found.extend(
                text.split("\r\n")
                    // A request's line may stand right behind the body before it.
                    .filter_map(|line| line.strip_suffix(" HTTP/1.1"))
                    .map(|line| {
                        let methods = ["GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "PATCH "];
                        let at = methods.iter().filter_map(|m| line.rfind(m)).max();
                        line[at.unwrap_or_else(|| panic!("no request: {line}"))..].to_owned()
                    }),
            );
            connection.clear();
        }
        found
    }
}

fn pass(mut from: UnixStream, mut to: UnixStream, mut seen: impl FnMut(&[u8])) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        seen(&bytes[..count]);
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn writes(requests: &[String]) -> Vec<&String> {
    requests
        .iter()
        .filter(|r| !r.starts_with("GET ") && !r.starts_with("HEAD "))
        .collect()
}

/// The checksum of every file of the project, those in its volumes, too.
fn checksums(stack: &Stack) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (service, folder) in [("redis", "/data"), ("api", "/keep"), ("api", "/app/logs")] {
        let command = format!("find {folder} -type f -exec sha256sum {{}} +");
        let listed = docker(&[
            "exec",
            &stack.project.container(service),
            "sh",
            "-c",
            &command,
        ]);
        for line in listed.lines() {
            let (sum, path) = line.split_once("  ").expect("a checksum and a path");
            found.insert(format!("{service}:{path}"), sum.to_owned());
        }
    }
    assert!(found.len() >= 4, "{found:?}");
    found
}

#[test]
fn a_plan_writes_nothing_and_the_same_with_force_does() {
    let stack = Stack::new();
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = Recorder::new(folder.path());
    let flags = [
        "--wipe-cache",
        "--wipe-logs",
        "--prune-images",
        "--backup",
        "/nonexistent/never-made",
    ];
    let before = checksums(&stack);
    for planned in [&["--soft"][..], &[], &["--force", "--plan"]] {
        let all = [&flags[..], planned].concat();
        stack
            .reset(&all)
            .env("DOCKER_HOST", recorder.address())
            .done()
            .exits(0);
        let asked = recorder.requests();
        assert!(asked.len() > 3, "{planned:?}: {asked:?}");
        assert_eq!(writes(&asked), Vec::<&String>::new(), "{planned:?}");
    }
    assert_eq!(checksums(&stack), before);

    // What counts nothing proves nothing: the same proxy sees what a reset does.
    stack
        .reset(&["--force", "--wipe-cache"])
        .env("DOCKER_HOST", recorder.address())
        .done()
        .exits(0);
    let asked = recorder.requests();
    let volume = format!("/volumes/{}_data", stack.project.name);
    for (method, path) in [("POST", "/stop"), ("DELETE", &*volume), ("POST", "/start")] {
        assert!(
            writes(&asked)
                .iter()
                .any(|r| r.starts_with(method) && r.contains(path)),
            "{method} {path}: {asked:?}"
        );
    }
    assert_ne!(checksums(&stack), before);
}
