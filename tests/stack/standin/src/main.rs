//! The stack's stand-in: one static binary that answers in the place of every service of which there is no
//! real one here. `standin SERVICE` serves that product's endpoints as the real one does; its control port
//! (`control.rs`) tells it to misbehave. `standin probe URL [TEXT]` is the health check of its containers.

mod client;
mod control;
mod http;
mod log;
mod metrics;
mod product;
mod text;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use control::Control;
use http::Handler;
use log::Log;
use product::Product;
use signal_hook::consts::{SIGINT, SIGTERM};

const CONTROL_PORT: u16 = 9999;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["probe", url] => probe(url, None),
        ["probe", url, expected] => probe(url, Some(expected)),
        [name] => serve(name),
        _ => {
            text::stderr("usage: standin SERVICE | standin probe URL [TEXT]");
            ExitCode::from(64)
        }
    }
}

/// A health check: reachable, not an error status, and the text (when one is given) in the body.
fn probe(url: &str, expected: Option<&str>) -> ExitCode {
    let verdict = match url.strip_prefix("tcp://") {
        Some(address) => client::connect(address, Duration::from_secs(2)).map(|_| String::new()),
        None => client::get(url, &[], Duration::from_secs(4)).and_then(|answer| {
            let body = answer.text();
            match (answer.status, expected) {
                (400.., _) => Err(format!(
                    "status {}: {}",
                    answer.status,
                    text::head(&body, 200)
                )),
                (_, Some(expected)) if !body.contains(expected) => Err(format!(
                    "no {expected:?} in the answer: {}",
                    text::head(&body, 200)
                )),
                _ => Ok(text::head(&body, 200)),
            }
        }),
    };
    match verdict {
        Ok(line) => {
            text::stdout(&line);
            ExitCode::SUCCESS
        }
        Err(line) => {
            text::stdout(&format!("{url}: {line}"));
            ExitCode::FAILURE
        }
    }
}

struct Ports {
    of_product: Vec<u16>,
    of_control: u16,
}

/// On the product's own ports, in a container of its own. Elsewhere `STANDIN_PORT` and `STANDIN_CONTROL_PORT` say on which
/// of the loopback, 0 for any free one; the first line of the log has them.
fn listen(product: &Product, told: Handler, control: &Arc<Control>) -> io::Result<Ports> {
    let given = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(
            text.parse::<u16>()
                .map_err(|error| io::Error::other(format!("{name} is `{text}`: {error}"))),
        )
    };
    let own_port = given("STANDIN_PORT").transpose()?;
    let host = if own_port.is_some() {
        "127.0.0.1"
    } else {
        "0.0.0.0"
    };
    let control_port = given("STANDIN_CONTROL_PORT").transpose()?;
    let of_control = http::listen(host, control_port.unwrap_or(CONTROL_PORT), told)?;
    let mut of_product = Vec::new();
    for (at, port) in product.ports.iter().enumerate() {
        let handler = http::misbehaving(control, &product.metrics, Arc::clone(&product.handler));
        let port = match own_port {
            Some(own) if at == 0 => own,
            Some(_) => 0,
            None => *port,
        };
        of_product.push(http::listen(host, port, handler)?);
    }
    Ok(Ports {
        of_product,
        of_control,
    })
}

fn serve(name: &str) -> ExitCode {
    let Some(known) = product::NAMES.iter().find(|known| **known == name) else {
        text::stderr(&format!(
            "unknown service `{name}`; one of: {}",
            product::NAMES.join(", ")
        ));
        return ExitCode::from(64);
    };
    // As process 1 of a container it gets no default action for a signal, so it must ask for one.
    let mut signals = match signal_hook::iterator::Signals::new([SIGTERM, SIGINT]) {
        Ok(signals) => signals,
        Err(error) => {
            text::stderr(&format!("no signal handler: {error}"));
            return ExitCode::FAILURE;
        }
    };

    let log = Arc::new(Log::new(known));
    let control = Arc::new(Control::new(Arc::clone(&log)));
    control.resume_crash_loop();
    let product = product::start(known, &control);
    let own = Arc::clone(&product.own);
    let ports = match listen(
        &product,
        control::handler(&control, &product.metrics, own),
        &control,
    ) {
        Ok(ports) => ports,
        Err(error) => {
            text::stderr(&format!("cannot listen: {error}"));
            return ExitCode::FAILURE;
        }
    };
    log.info(
        &format!("{known} started"),
        &[
            ("ports", &format!("{:?}", ports.of_product)),
            ("control_port", &ports.of_control.to_string()),
        ],
    );

    let signal = signals.forever().next().unwrap_or(SIGTERM);
    log.info("stopping", &[("signal", &signal.to_string())]);
    ExitCode::SUCCESS
}
