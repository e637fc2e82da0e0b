//! A service of the test's own: fixed pages, and how often anything was asked.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) struct Page {
    pub(crate) port: u16,
    asked: Arc<AtomicUsize>,
}

impl Page {
    /// Serves these texts, by path, until the test ends.
    pub(crate) fn serve(pages: Vec<(&'static str, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                count.fetch_add(1, Ordering::SeqCst);
                let pages = pages.clone();
                std::thread::spawn(move || {
                    let mut buffer = [0; 8192];
                    let read = stream.read(&mut buffer).unwrap_or(0);
                    let request = String::from_utf8_lossy(&buffer[..read]).into_owned();
                    let path = request.split_whitespace().nth(1).unwrap_or_default();
                    let (status, kind, body) = match pages.iter().find(|(p, _)| *p == path) {
                        Some((_, body)) if body.starts_with('{') => {
                            ("200 OK", "application/json", body.as_str())
                        }
                        Some((_, body)) => ("200 OK", "text/plain; version=0.0.4", body.as_str()),
                        None => ("404 Not Found", "text/plain", ""),
                    };
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    );
                });
            }
        });
        Self { port, asked }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}
