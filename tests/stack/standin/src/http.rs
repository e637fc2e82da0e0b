//! A small HTTP/1.1 server: one thread for each connection, keep-alive, bodies with a length.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::control::Control;
use crate::metrics::Metrics;
use crate::text;

const BODY_LIMIT: usize = 16 * 1024 * 1024;
const CONNECTION_LIMIT: usize = 512;

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query_all(name).next()
    }

    pub(crate) fn query_all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.query
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str, default: i64) -> i64 {
        self.query(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    }

    /// Method for routing: HEAD is GET without the body.
    pub(crate) fn verb(&self) -> &str {
        if self.method == "HEAD" {
            "GET"
        } else {
            &self.method
        }
    }
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Close the connection without a word.
    pub(crate) dropped: bool,
}

impl Response {
    pub(crate) fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type", kind.to_owned())],
            body: body.into(),
            dropped: false,
        }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    pub(crate) fn html(status: u16, body: &str) -> Self {
        Self::new(status, "text/html; charset=utf-8", body)
    }

    pub(crate) fn page(body: String) -> Self {
        Self::new(200, "text/plain; version=0.0.4; charset=utf-8", body)
    }

    /// What the application services' framework says to an unknown path.
    pub(crate) fn not_found() -> Self {
        Self::json(404, &serde_json::json!({"detail": "Not Found"}))
    }

    pub(crate) fn closed() -> Self {
        Self {
            dropped: true,
            ..Self::text(200, "")
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

pub(crate) type Handler = Arc<dyn Fn(&Request) -> Response + Send + Sync>;

/// The product's handler as the control port wants it: slow, failing, hanging; and measured.
pub(crate) fn misbehaving(
    control: &Arc<Control>,
    metrics: &Arc<Metrics>,
    handler: Handler,
) -> Handler {
    let (control, metrics) = (Arc::clone(control), Arc::clone(metrics));
    Arc::new(move |request| {
        let start = Instant::now();
        let inflight = metrics.enter();
        let response = control
            .before(&request.path)
            .unwrap_or_else(|| handler(request));
        drop(inflight);
        if response.status != 404 && !response.dropped {
            metrics.observe(
                &request.method,
                &request.path,
                response.status,
                start.elapsed().as_secs_f64(),
            );
        }
        response
    })
}

/// Serves on a port, any free one for 0; gives the port.
pub(crate) fn listen(host: &str, port: u16, handler: Handler) -> io::Result<u16> {
    let listener = TcpListener::bind((host, port))?;
    let port = listener.local_addr()?.port();
    std::thread::Builder::new()
        .stack_size(256 * 1024)
        .spawn(move || accept(&listener, &handler))?;
    Ok(port)
}

fn accept(listener: &TcpListener, handler: &Handler) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        // Out of descriptors: let some close.
        let Ok(stream) = stream else {
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        if open.load(Ordering::Relaxed) >= CONNECTION_LIMIT {
            continue;
        }
        open.fetch_add(1, Ordering::Relaxed);
        let (handler, counted) = (Arc::clone(handler), Arc::clone(&open));
        let thread = std::thread::Builder::new()
            .stack_size(256 * 1024)
            .spawn(move || {
                let _ = converse(&stream, &handler);
                counted.fetch_sub(1, Ordering::Relaxed);
            });
        if thread.is_err() {
            open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn converse(stream: &TcpStream, handler: &Handler) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    stream.set_write_timeout(Some(Duration::from_secs(60)))?;
    let mut reader = BufReader::new(stream);
    while let Some((request, keep)) = read_request(&mut reader)? {
        let response = handler(&request);
        if response.dropped {
            return Ok(());
        }
        write_response(stream, &response, request.method == "HEAD", keep)?;
        if !keep {
            return Ok(());
        }
    }
    Ok(())
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<(Request, bool)>> {
    let mut lines = reader.by_ref().take(64 * 1024);
    let mut line = String::new();
    if lines.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next())
    else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (method, path, version) = (
        method.to_owned(),
        text::percent_decode(path),
        version.to_owned(),
    );
    let query = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (text::percent_decode(key), text::percent_decode(value))
        })
        .collect();

    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut request = Request {
        method,
        path,
        query,
        headers,
        body: Vec::new(),
    };
    let length: usize = request
        .header("content-length")
        .and_then(|value| value.parse().ok())
        .unwrap_or(0);
    if length > BODY_LIMIT || request.header("transfer-encoding").is_some() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    request.body = vec![0; length];
    reader.read_exact(&mut request.body)?;
    let wish = request
        .header("connection")
        .unwrap_or("")
        .to_ascii_lowercase();
    let keep = if version == "HTTP/1.0" {
        wish == "keep-alive"
    } else {
        wish != "close"
    };
    Ok(Some((request, keep)))
}

fn write_response(
    mut stream: &TcpStream,
    response: &Response,
    head_only: bool,
    keep: bool,
) -> io::Result<()> {
    let reason = match response.status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    };
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", response.status);
    for (name, value) in &response.headers {
        bytes.push_str(&format!("{name}: {value}\r\n"));
    }
    if response.status != 204 {
        bytes.push_str(&format!("Content-Length: {}\r\n", response.body.len()));
    }
    bytes.push_str(if keep {
        "\r\n"
    } else {
        "Connection: close\r\n\r\n"
    });
    let mut bytes = bytes.into_bytes();
    if !head_only && response.status != 204 {
        bytes.extend_from_slice(&response.body);
    }
    stream.write_all(&bytes)
}
