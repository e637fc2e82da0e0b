//! A server that answers as its test says, byte by byte, and keeps what it was asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What a connection's handler gets: the request's head and body, the socket, and the request's number.
pub(crate) struct Asked<'a> {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) socket: &'a mut TcpStream,
    pub(crate) number: usize,
}

impl Asked<'_> {
    /// Sends text as it stands.
    pub(crate) fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        // The client may have left: that is what some tests are about.
        let _ = self.socket.write_all(bytes);
        let _ = self.socket.flush();
    }

    /// Sends a whole response.
    pub(crate) fn answer(&mut self, status: &str, headers: &str, body: &str) {
        self.send(&format!(
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            body.len()
        ));
    }

    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of a request header, empty when absent.
    pub(crate) fn header(&self, name: &str) -> String {
        header(&self.head, name)
    }
}

pub(crate) fn header(head: &str, name: &str) -> String {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.to_owned())
        .unwrap_or_default()
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Listens on loopback and answers with `handler`; connections stay open until it has sent a
    /// `connection: close` or returned false.
    pub(crate) fn start(handler: impl Fn(&mut Asked<'_>) -> bool + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let address = listener.local_addr().expect("the port");
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let handler = Arc::new(handler);
        let kept = heads.clone();
        thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let handler = handler.clone();
                let kept = kept.clone();
                thread::spawn(move || serve(socket, &*handler, &kept));
            }
        });
        Self { address, heads }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no handler panicked").clone()
    }
}

fn serve(
    mut socket: TcpStream,
    handler: &dyn Fn(&mut Asked<'_>) -> bool,
    kept: &Mutex<Vec<String>>,
) {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break at;
            }
            let mut chunk = [0; 4096];
            match socket.read(&mut chunk) {
                Ok(n) if n > 0 => buffer.extend_from_slice(&chunk[..n]),
                _ => return,
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let length: usize = header(&head, "content-length").parse().unwrap_or(0);
        let mut rest = buffer.split_off(end + 4);
        while rest.len() < length {
            let mut chunk = [0; 4096];
            match socket.read(&mut chunk) {
                Ok(n) if n > 0 => rest.extend_from_slice(&chunk[..n]),
                _ => return,
            }
        }
        buffer = rest.split_off(length);
        let number = {
            let mut kept = kept.lock().expect("no handler panicked");
            kept.push(head.clone());
            kept.len()
        };
        let mut asked = Asked {
            head,
            body: rest,
            socket: &mut socket,
            number,
        };
        if !handler(&mut asked) {
            return;
        }
    }
}

pub(crate) fn pause(ms: u64) {
    thread::sleep(Duration::from_millis(ms));
}
