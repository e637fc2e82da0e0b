//! Between the tool and the server: sees each request, and may do something before it goes on, or cut it off.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses another part of it, so an expectation would fail in some"
)]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Go {
    /// It goes on.
    On,
    /// It goes on, and its reply does not come back.
    Unanswered,
    /// It goes nowhere.
    Nowhere,
}

/// Listens on a port of its own until the test ends.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    seen: Arc<AtomicUsize>,
    server: Arc<AtomicU16>,
    through: Arc<AtomicBool>,
}

impl Proxy {
    /// In front of `server`; `look` gets the number of each request, from 0, and its decoded address.
    pub(crate) fn start(
        server: u16,
        look: impl Fn(usize, &str) -> Go + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (seen, look) = (Arc::new(AtomicUsize::new(0)), Arc::new(look));
        let server = Arc::new(AtomicU16::new(server));
        let (counted, behind) = (seen.clone(), server.clone());
        let through = Arc::new(AtomicBool::new(false));
        let all = through.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (seen, look, all) = (counted.clone(), look.clone(), all.clone());
                let look = move |at: usize, asked: &str| match all.load(Ordering::SeqCst) {
                    true => Go::On,
                    false => look(at, asked),
                };
                let server = behind.load(Ordering::SeqCst);
                std::thread::spawn(move || connection(&client, server, &seen, &look));
            }
        });
        Self {
            port,
            seen,
            server,
            through,
        }
    }

    /// From now on all requests go on. Gives how many there were before.
    pub(crate) fn let_through(&self) -> usize {
        self.through.store(true, Ordering::SeqCst);
        self.seen()
    }

    /// The server has another port from now on.
    pub(crate) fn turn(&self, server: u16) {
        self.server.store(server, Ordering::SeqCst);
    }

    /// Requests so far.
    pub(crate) fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }
}

fn connection(
    mut client: &TcpStream,
    server: u16,
    seen: &AtomicUsize,
    look: &dyn Fn(usize, &str) -> Go,
) {
    let Ok(mut upstream) = TcpStream::connect(("127.0.0.1", server)) else {
        return;
    };
    let _ = (client.set_nodelay(true), upstream.set_nodelay(true));
    let (Ok(mut back), Ok(mut to)) = (upstream.try_clone(), client.try_clone()) else {
        return;
    };
    std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(count @ 1..) = back.read(&mut bytes) {
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut held, mut bytes) = (Vec::new(), vec![0; 1 << 16]);
    while let Ok(count @ 1..) = client.read(&mut bytes) {
        held.extend_from_slice(&bytes[..count]);
        // A GET ends with its head.
        if !held.ends_with(b"\r\n\r\n") {
            continue;
        }
        let head = String::from_utf8_lossy(&held);
        let line = head.lines().next().unwrap_or_default().replace('+', " ");
        let asked = percent_encoding::percent_decode_str(&line)
            .decode_utf8_lossy()
            .into_owned();
        match look(seen.fetch_add(1, Ordering::SeqCst), &asked) {
            Go::On => {}
            Go::Nowhere => break,
            Go::Unanswered => {
                let _ = client.shutdown(Shutdown::Both);
                let _ = upstream.write_all(&held);
                // As long as the server may take for what is small; then this side is gone, too.
                std::thread::sleep(Duration::from_millis(300));
                break;
            }
        }
        if upstream.write_all(&held).is_err() {
            break;
        }
        held.clear();
    }
    let _ = (
        client.shutdown(Shutdown::Both),
        upstream.shutdown(Shutdown::Both),
    );
}
