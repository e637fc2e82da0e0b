//! Providers of the outside world, on servers of the test's own, and one quote through the ingestion API.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use chrono::{Datelike as _, Duration, Utc};
use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::fault::{Alone, Fault, ask, told, wrong};
use crate::stack::{Asked, Stack, run};

const fn provider(name: &'static str, status: &'static str, says: &'static str) -> Fault {
    Fault {
        name,
        check: "provider.feed",
        layer: "providers",
        severity: "major",
        status,
        says,
    }
}

const fn quote(name: &'static str, status: &'static str, says: &'static str) -> Fault {
    Fault {
        check: "quote",
        ..provider(name, status, says)
    }
}

/// What the provider answers, and the fault that it is.
pub(crate) const ANSWERS: [(&str, Fault); 6] = [
    (
        "429 Too Many Requests\r\nRetry-After: 30\r\nX-RateLimit-Limit: 5\r\nX-RateLimit-Remaining: 0",
        provider(
            "a provider answers 429",
            "degraded",
            "rate limited: it answers 429: 0 of 5 left, wait 30 s",
        ),
    ),
    (
        "200 OK\r\nRateLimit: limit=100, remaining=5, reset=60",
        provider(
            "a provider's limit is nearly used up",
            "degraded",
            "nearly used up: 5 of 100 left, wait 60 s",
        ),
    ),
    (
        "200 OK\r\nX-RateLimit-Limit: 100\r\nX-RateLimit-Remaining: 0",
        provider(
            "a provider's limit is used up",
            "bad",
            "nearly used up: 0 of 100 left",
        ),
    ),
    (
        "500 Internal Server Error",
        provider("a provider answers 500", "bad", "it answers 500: said"),
    ),
    (
        "401 Unauthorized",
        provider(
            "a provider refuses the key",
            "bad",
            "it refuses the key: 401",
        ),
    ),
    (
        "404 Not Found",
        provider(
            "a provider has no such route",
            "degraded",
            "reached, but it answers 404",
        ),
    ),
];

pub(crate) const NO_NAME: Fault = provider("a provider's name does not resolve", "bad", "DNS: ");
pub(crate) const REFUSES: Fault = provider("a provider refuses connections", "bad", "TCP: ");
pub(crate) const CERTIFICATE: Fault =
    provider("a provider's certificate is not valid", "bad", "TLS: ");
pub(crate) const NO_HTTP: Fault = provider(
    "a provider closes without an answer",
    "bad",
    "HTTP: the connection was closed without a response",
);

/// What the ingestion API is told, and the fault that it is.
pub(crate) const QUOTES: [(&str, Fault); 7] = [
    (
        "/status?code=429&path=/market-data",
        quote(
            "the ingestion API answers 429",
            "degraded",
            "answers 429: the provider's limit is used up, wait 30 s",
        ),
    ),
    (
        "/quote?answer=stub",
        quote(
            "the ingestion API's quote is a stub",
            "unknown",
            "failed (500), which tells nothing of the provider",
        ),
    ),
    (
        "/status?code=502&path=/market-data",
        quote(
            "the ingestion API does not get through",
            "bad",
            "does not get through to the provider: 502",
        ),
    ),
    (
        "/quote?answer=none",
        quote("no quote is known", "degraded", "there is no quote of AAPL"),
    ),
    (
        "/quote?answer=zero",
        quote("a price of zero", "bad", "the price of AAPL is 0"),
    ),
    (
        "/quote?answer=other",
        quote(
            "a quote of another symbol",
            "bad",
            "asked for AAPL, got OTHER",
        ),
    ),
    (
        "/quote?answer=invalid",
        quote(
            "a quote that its own API finds invalid",
            "degraded",
            "price_outlier",
        ),
    ),
];

pub(crate) const STALE: Fault = quote(
    "a stale quote in market hours",
    "bad",
    "s of trading ago, and 24x7 is open",
);
pub(crate) const OLD: Fault = quote(
    "a quote from before the last session",
    "bad",
    "s of trading ago, and SHUT is closed",
);
pub(crate) const AHEAD: Fault = quote(
    "a quote from the future",
    "degraded",
    "ahead of this machine's clock",
);

pub(crate) const FAULTS: &[&Fault] = &[
    &ANSWERS[0].1,
    &ANSWERS[1].1,
    &ANSWERS[2].1,
    &ANSWERS[3].1,
    &ANSWERS[4].1,
    &ANSWERS[5].1,
    &NO_NAME,
    &REFUSES,
    &CERTIFICATE,
    &NO_HTTP,
    &QUOTES[0].1,
    &QUOTES[1].1,
    &QUOTES[2].1,
    &QUOTES[3].1,
    &QUOTES[4].1,
    &QUOTES[5].1,
    &QUOTES[6].1,
    &STALE,
    &OLD,
    &AHEAD,
];

/// A server on loopback that hands each connection to `serve`.
fn server(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(stream);
        }
    });
    port
}

/// Reads a request's head, as far as it comes at once.
fn head(stream: &mut impl std::io::Read) -> String {
    let mut buffer = [0; 8192];
    let read = stream.read(&mut buffer).unwrap_or(0);
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

fn answering(start: &'static str) -> u16 {
    server(move |mut stream| {
        let _ = head(&mut stream);
        let _ = write!(
            stream,
            "HTTP/1.1 {start}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsaid"
        );
    })
}

fn feed(url: &str) -> String {
    format!("[settings.providers.feed]\nurl = \"{url}\"\npath = \"/status\"\n")
}

fn providers(stack: &Stack, settings: &str) -> Asked {
    ask(stack, settings, &["--only", "providers"], &[])
}

#[test]
fn each_fault_of_a_provider_is_found_where_it_is() {
    let stack = Stack::alone();
    for (answer, fault) in ANSWERS {
        let settings = feed(&format!("http://127.0.0.1:{}", answering(answer)));
        fault.is_found(&providers(&stack, &settings));
    }
    NO_NAME.is_found(&providers(
        &stack,
        &feed("https://no-such-provider.invalid"),
    ));
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let refused = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    REFUSES.is_found(&providers(&stack, &feed(&refused)));
    let closing = server(|mut stream| drop(head(&mut stream)));
    NO_HTTP.is_found(&providers(
        &stack,
        &feed(&format!("http://127.0.0.1:{closing}")),
    ));
    // A certificate that nobody vouches for.
    let secure = self_signed();
    let asked = providers(&stack, &feed(&format!("https://localhost:{secure}")));
    CERTIFICATE.is_found(&asked);
    let remedy = asked.check("provider.feed")["remedy"].to_string();
    assert!(
        remedy.contains(&format!("s_client -connect localhost:{secure}")),
        "{remedy}"
    );
}

fn self_signed() -> u16 {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("names");
    let certificate = params.self_signed(&key).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .expect("a pair");
    let config = Arc::new(config);
    server(move |mut stream| {
        let mut tls = rustls::ServerConnection::new(config.clone()).expect("a connection");
        let _ = tls.complete_io(&mut stream);
    })
}

#[test]
fn the_key_goes_along_as_the_provider_wants_it_and_is_shown_nowhere() {
    const KEY: &str = "planted-0815-key";
    let stack = Stack::alone();
    let port = server(|mut stream| {
        let asked = head(&mut stream).to_ascii_lowercase();
        let (path, _) = asked.split_once(" http/").unwrap_or_default();
        let known = match path.trim_start_matches("get ") {
            "/bearer" => asked.contains("authorization: bearer planted-0815-key\r\n"),
            "/query?fmt=json&api_token=planted-0815-key" => true,
            "/header" => asked.contains("x-api-key: planted-0815-key\r\n"),
            "/none" => !asked.contains("planted"),
            _ => false,
        };
        // An answer that repeats it is no way out either.
        let status = if known { "200 OK" } else { "401 Unauthorized" };
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{asked}",
            asked.len()
        );
    });
    let table = |name: &str, path: &str, send: &str| {
        format!(
            "[settings.providers.{name}]\nvariable = \"FEED_API_KEY\"\nurl = \"http://127.0.0.1:{port}\"\npath = \"{path}\"\nsend = \"{send}\"\n"
        )
    };
    let settings = table("a", "/bearer", "bearer")
        + &table("b", "/query?fmt=json", "query:api_token")
        + &table("c", "/header", "header:X-API-Key")
        + &table("d", "/none", "none")
        + &table("e", "/bearer", "none");
    let words = ["--only", "providers"];
    let (asked, all) = told(&stack, &settings, &words, &[("FEED_API_KEY", KEY)]);
    for name in ["a", "b", "c", "d"] {
        let check = asked.check(&format!("provider.{name}"));
        assert_eq!(check["status"], "ok", "{check:#}");
    }
    assert_eq!(wrong(&asked), ["provider.e"]);
    assert!(!all.contains("planted"), "{all}");

    // Without its key it is not configured.
    let asked = ask(&stack, &settings, &words, &[]);
    for name in ["a", "b", "c", "d", "e"] {
        let check = asked.check(&format!("provider.{name}"));
        assert_eq!(check["status"], "skipped", "{check:#}");
        assert_eq!(check["evidence"], "FEED_API_KEY is not set");
    }
}

#[test]
fn a_host_that_the_operator_does_not_name_is_not_asked() {
    let stack = Stack::alone();
    let script = stack.folder.path().join("probe.rhai");
    let text = "//! needs: provider.read\nlet said = \"\";\ntry { said = provider::probe(\"https://no-such-provider.invalid/\").phase; } catch (e) { said = e.kind; }\nsaid";
    std::fs::write(&script, text).expect("a script");
    let answer = || {
        let output = run(&mut stack.command(&["run", "probe.rhai"]));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(answer(), "refused");
    let settings = feed("https://no-such-provider.invalid");
    std::fs::write(stack.folder.path().join("tradeops.toml"), settings).expect("the settings");
    assert_eq!(answer(), "dns");
}

#[test]
fn each_fault_of_a_quote_is_found() {
    let stack = Stack::alone();
    let api = Alone::start("data-ingestion", &[8002], &[]);
    let quoted = |more: &[&str]| {
        let words = [&["--project", &api.project, "--only", "quote"], more].concat();
        ask(&stack, "", &words, &[("PROVIDER_DEEP_TEST", "true")])
    };
    let asked = ask(
        &stack,
        "",
        &["--project", &api.project, "--only", "quote"],
        &[],
    );
    let check = asked.check("quote");
    assert_eq!(check["status"], "skipped", "{check:#}");

    let asked = quoted(&["--provider-test-symbol", "MSFT"]);
    assert_eq!(asked.code, 0, "{:#}", asked.report);
    assert_eq!(asked.check("quote")["value"]["symbol"], "MSFT");
    for (conduct, fault) in QUOTES {
        api.tell(conduct);
        fault.is_found(&quoted(&[]));
    }

    // The market's hours come from a calendar: one that is always open, and one with a single day, three days ago.
    exchange(&stack, "24x7");
    api.tell("/quote?answer=stale&age=900");
    STALE.is_found(&quoted(&[]));
    api.tell("/quote?answer=stale&age=20");
    assert_eq!(quoted(&[]).code, 0);
    api.tell("/quote?answer=stale&age=-900");
    AHEAD.is_found(&quoted(&[]));

    let folder = stack.folder.path().join(".tradeops/calendars");
    std::fs::create_dir_all(&folder).expect("a folder");
    let day = (Utc::now() - Duration::days(3)).weekday().to_string();
    let calendar = format!(
        "name = \"SHUT\"\ntitle = \"one day a week\"\ntimezone = \"UTC\"\nweekdays = [\"{}\"]\n[[hours]]\nopen = \"09:30\"\nclose = \"16:00\"\n",
        day.to_lowercase()
    );
    std::fs::write(folder.join("SHUT.toml"), calendar).expect("a calendar");
    exchange(&stack, "SHUT");
    // Nothing was traded since: it is as new as can be.
    api.tell("/quote?answer=stale&age=86400");
    let asked = quoted(&[]);
    assert_eq!(asked.code, 0, "{:#}", asked.report);
    assert_eq!(asked.check("quote")["value"]["market_open"], false);
    api.tell("/quote?answer=stale&age=400000");
    OLD.is_found(&quoted(&[]));
}

/// The operator's overlay, with another exchange for the quote's hours.
fn exchange(stack: &Stack, name: &str) {
    let overlay = stack.folder.path().join(".tradeops/std/stack.rhai");
    let _ = std::fs::remove_file(&overlay);
    let eject = run(&mut stack.command(&["eject", "--std", "stack"]));
    assert!(
        eject.status.success(),
        "{}",
        String::from_utf8_lossy(&eject.stderr)
    );
    let text = std::fs::read_to_string(&overlay).expect("the overlay");
    let changed = text.replacen("exchange: \"XNYS\"", &format!("exchange: \"{name}\""), 1);
    assert_ne!(text, changed);
    std::fs::write(&overlay, changed).expect("the overlay");
}
