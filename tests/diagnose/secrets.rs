//! Secrets of every shape, planted where a diagnosis looks: none comes out, in any form.

use crate::support::World;
use crate::{diagnose, until, up};

/// What must never come out. Each stands in the project below, in another shape.
const PLANTED: &[&str] = &[
    "Zq81urlpass",
    "Zq82bearertoken",
    "Zq83jsonpass",
    "Zq84escapedkey",
    "Zq85queryapikey",
    "Zq86envpassword",
    "Zq87argvsecret",
    "Zq88pemkeymaterial",
    "Zq89basicdXNlcjpwYXNz",
    "Zq90dsnpassword",
    "Zq91cookievalue",
    "Zq92probesecret",
    "eyJacg9hbGciOiJIUzI1NiJ9",
    "AKIAZQ93ABCDEFGHIJKL",
    "sk-Zq94abcdefghijklmnop",
    "Zq95knownvalue",
    "Zq96webhook",
    "Zq97camelcase",
];

/// What is of use and no secret.
const KEPT: &[&str] = &[
    "LOG_LEVEL=debug",
    "DB_HOST=postgres",
    "primary_key=17",
    "keyboard=us",
    "tokens=512",
];

const STACK: &str = r#"
  api:
    image: $IMAGE
    init: true
    command:
      - sh
      - -c
      - |
        cat <<'END'
        connecting to postgres://app:Zq81urlpass@db:5432/trading
        Authorization: Bearer Zq82bearertoken
        {"level":"error","password":"Zq83jsonpass","message":"no"}
        {"message":"upstream said {\"apiKey\":\"Zq84escapedkey\"}"}
        GET /v1/quote?symbol=AAPL&api_key=Zq85queryapikey HTTP/1.1
        run --password=Zq87argvsecret --verbose
        -----BEGIN PRIVATE KEY-----
        Zq88pemkeymaterial
        -----END PRIVATE KEY-----
        Authorization: Basic Zq89basicdXNlcjpwYXNz
        DATABASE_DSN=host=db password=Zq90dsnpassword dbname=x
        Cookie: session=Zq91cookievalue
        token eyJacg9hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlMTIzNA
        aws AKIAZQ93ABCDEFGHIJKL and sk-Zq94abcdefghijklmnop
        plainly said: Zq95knownvalue
        webhook_url: "https://hooks.example/Zq96webhook"
        {"clientSecret":"Zq97camelcase"}
        primary_key=17 keyboard=us tokens=512
        END
        exec sleep 600
    environment:
      LOG_LEVEL: debug
      DB_HOST: postgres
      DB_PASSWORD: Zq86envpassword
      SIGNING_KEY: Zq95knownvalue
      DATABASE_URL: postgres://app:Zq81urlpass@db:5432/trading
    healthcheck: { test: [CMD, sh, -c, "echo token=Zq92probesecret; exit 1"], interval: 1s, retries: 1 }"#;

#[test]
fn a_planted_secret_never_comes_out() {
    let project = up(STACK.split("    healthcheck").next().unwrap());
    project.write(STACK, "");
    project.compose(&["up", "--detach"]);
    until(
        &project.container("api"),
        "{{.State.Health.Status}}",
        "unhealthy",
    );
    let world = World::new();
    let human = diagnose(
        &world,
        &project.name,
        &["api", "--all", "--bundle", "out.tar.gz"],
    )
    .exits(2);
    let json = world
        .tradeops(&[
            "-v",
            "diagnose",
            "--project",
            &project.name,
            "api",
            "--all",
            "-o",
            "json",
        ])
        .done()
        .exits(2);
    let read = world
        .tradeops(&["diagnose", "--from", "out.tar.gz"])
        .done()
        .exits(2);
    let texts = world
        .tradeops(&["eval", "fs::read_archive(\"out.tar.gz\")"])
        .done();
    let archive = unpacked(&world);
    for (name, text) in [
        ("the terminal", format!("{}{}", human.out, human.err)),
        ("JSON", format!("{}{}", json.out, json.err)),
        (
            "the bundle as it is read",
            format!("{}{}", read.out, read.err),
        ),
        ("the bundle", archive),
        ("eval", format!("{}{}", texts.out, texts.err)),
        ("what the run keeps", kept(&world)),
    ] {
        let found: Vec<_> = PLANTED
            .iter()
            .filter(|secret| text.contains(**secret))
            .collect();
        assert!(found.is_empty(), "{name} has {found:?}:\n{text}");
    }
    for useful in KEPT {
        assert!(
            human.out.contains(useful),
            "`{useful}` is no secret, and is gone:\n{}",
            human.out
        );
    }
}

/// The archive's bytes as another tool sees them.
fn unpacked(world: &World) -> String {
    let done = std::process::Command::new("tar")
        .args(["-xzOf"])
        .arg(world.path("out.tar.gz"))
        .output()
        .unwrap();
    assert!(done.status.success());
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Audit, history and whatever else is in the state folder.
fn kept(world: &World) -> String {
    let done = std::process::Command::new("grep")
        .args(["-r", "."])
        .arg(world.state())
        .output()
        .unwrap();
    String::from_utf8_lossy(&done.stdout).into_owned()
}
