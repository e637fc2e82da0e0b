//! A small client: HTTP GET and POST, a TCP connect, a Redis PING. Every call has one time limit for all of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(crate) fn connect(address: &str, limit: Duration) -> Result<TcpStream, String> {
    let resolved = address
        .to_socket_addrs()
        .map_err(|error| format!("cannot resolve: {error}"))?;
    let mut failure = "no address".to_owned();
    for address in resolved {
        match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => failure = format!("cannot connect: {error}"),
        }
    }
    Err(failure)
}

pub(crate) fn get(url: &str, headers: &[(&str, &str)], limit: Duration) -> Result<Answer, String> {
    request("GET", url, headers, b"", limit)
}

pub(crate) fn post(url: &str, body: &[u8], limit: Duration) -> Result<Answer, String> {
    request(
        "POST",
        url,
        &[("Content-Type", "application/json")],
        body,
        limit,
    )
}

fn request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    limit: Duration,
) -> Result<Answer, String> {
    let end = Instant::now() + limit;
    let rest = url
        .strip_prefix("http://")
        .ok_or("only http:// is spoken here")?;
    let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let address = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:80")
    };

    let mut stream = connect(&address, limit)?;
    let mut head = format!(
        "{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream
        .set_write_timeout(Some(limit))
        .map_err(|error| error.to_string())?;
    stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(body))
        .map_err(|error| error.to_string())?;

    // HTTP/1.0: the answer ends where the connection does. A server that keeps it open says the length.
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(format!("no answer within {limit:?}"));
        }
        stream
            .set_read_timeout(Some(left))
            .map_err(|error| error.to_string())?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) => return Err(format!("no answer: {error}")),
        }
        if complete(&answer) {
            break;
        }
    }
    parse(&answer).ok_or_else(|| "not an HTTP answer".to_owned())
}

fn body_start(answer: &[u8]) -> Option<usize> {
    answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn complete(answer: &[u8]) -> bool {
    let Some(start) = body_start(answer) else {
        return false;
    };
    let head = String::from_utf8_lossy(&answer[..start]);
    let length = header(&head, "content-length").and_then(|value| value.parse::<usize>().ok());
    length.is_some_and(|length| answer.len() >= start + length)
        || answer[start..].ends_with(b"0\r\n\r\n")
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let start = body_start(answer)?;
    let head = String::from_utf8_lossy(&answer[..start]);
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let chunked = header(&head, "transfer-encoding")
        .is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let body = if chunked {
        unchunk(&answer[start..])?
    } else {
        answer[start..].to_vec()
    };
    Some(Answer { status, body })
}

/// QuestDB answers in chunks even to HTTP/1.0.
fn unchunk(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let line = body.windows(2).position(|window| window == b"\r\n")?;
        let size =
            usize::from_str_radix(std::str::from_utf8(&body[..line]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        body = &body[line + 2..];
        whole.extend_from_slice(body.get(..size)?);
        body = body.get(size + 2..)?;
    }
}

/// One Redis round trip with authentication; `command` is a line such as `PING` or `INFO`.
pub(crate) fn redis(
    address: &str,
    password: &str,
    command: &str,
    limit: Duration,
) -> Result<String, String> {
    let mut stream = connect(address, limit)?;
    stream
        .set_read_timeout(Some(limit))
        .map_err(|error| error.to_string())?;
    let mut words = String::new();
    if !password.is_empty() {
        words.push_str(&format!(
            "*2\r\n$4\r\nAUTH\r\n${}\r\n{password}\r\n",
            password.len()
        ));
    }
    words.push_str(&format!("*1\r\n${}\r\n{command}\r\n", command.len()));
    stream
        .write_all(words.as_bytes())
        .map_err(|error| error.to_string())?;

    let mut reader = BufReader::new(stream);
    if !password.is_empty() {
        reply(&mut reader)?;
    }
    reply(&mut reader)
}

fn reply(reader: &mut BufReader<TcpStream>) -> Result<String, String> {
    let mut line = String::new();
    reader
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    let line = line.trim_end();
    if line.is_empty() {
        return Err("the connection was closed".to_owned());
    }
    match line.split_at(1) {
        ("+" | ":", value) => Ok(value.to_owned()),
        ("$", size) => {
            let size: usize = size
                .parse()
                .map_err(|_| format!("unexpected reply {line:?}"))?;
            let mut bytes = vec![0; size + 2];
            reader
                .read_exact(&mut bytes)
                .map_err(|error| error.to_string())?;
            Ok(String::from_utf8_lossy(&bytes[..size]).into_owned())
        }
        (_, rest) => Err(rest.to_owned()),
    }
}
