//! A proxy between tagtide and the server: it cuts streams, and changes two things.
//!
//! A stream requested without a cursor begins with a given event, so that all clients begin at the
//! same one, however early a run is killed. In uncompressed frames the first letter of each text
//! can be replaced by `#`, because the simulator's texts contain no tag; the length stays the same.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Context;

use crate::random::Random;

/// All clients begin after the event with this number.
pub(super) const BEGIN: u64 = 1;
/// A stream that has delivered this much is running: the handshake is far shorter.
const UNDER_WAY_BYTES: u64 = 2_000;
/// The bytes before the first letter of a text.
const TEXT: &[u8] = b"\"text\":\"";

/// A proxy on its own port; its threads end with their connections.
pub(super) struct Proxy {
    pub(super) port: u16,
    open: Arc<Mutex<Vec<Arc<Link>>>>,
}

/// A proxied stream.
struct Link {
    client: TcpStream,
    server: TcpStream,
    /// Bytes from the server so far.
    came: AtomicU64,
    gone: AtomicBool,
}

impl Proxy {
    /// Starts a proxy to the server on `to`; `marks` replaces the first letter of each text by `#`.
    pub(super) fn start(to: u16, marks: bool) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port for a proxy")?;
        let port = listener.local_addr()?.port();
        let open = Arc::new(Mutex::new(Vec::new()));
        let links = Arc::clone(&open);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let links = Arc::clone(&links);
                // A failing connection is one that was cut: the client must cope.
                thread::spawn(move || drop(through(client, to, marks, &links)));
            }
        });
        Ok(Self { port, open })
    }

    /// Cuts the newest running stream; returns whether there was one.
    pub(super) fn cut(&self, random: &mut Random) -> bool {
        let mut open = lock(&self.open);
        open.retain(|link| !link.gone.load(Ordering::SeqCst));
        let under_way = |link: &&Arc<Link>| link.came.load(Ordering::SeqCst) > UNDER_WAY_BYTES;
        let Some(link) = open.iter().rev().find(under_way) else { return false };
        link.gone.store(true, Ordering::SeqCst);
        // Bytes in flight may or may not arrive.
        let end = if random.between(0, 1) == 0 { &link.server } else { &link.client };
        let _ = end.shutdown(Shutdown::Both);
        true
    }
}

fn lock(links: &Mutex<Vec<Arc<Link>>>) -> MutexGuard<'_, Vec<Arc<Link>>> {
    links.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Carries one connection to its end.
fn through(
    mut client: TcpStream,
    to: u16,
    marks: bool,
    links: &Mutex<Vec<Arc<Link>>>,
) -> std::io::Result<()> {
    let head = head(&mut client)?;
    let mut server = TcpStream::connect(("127.0.0.1", to))?;
    server.write_all(changed(&head).as_bytes())?;
    let (came, gone) = (AtomicU64::new(0), AtomicBool::new(false));
    let (near, far) = (client.try_clone()?, server.try_clone()?);
    let link = Arc::new(Link { client: near, server: far, came, gone });
    if is_stream(&head) {
        lock(links).push(Arc::clone(&link));
    }
    let (mut up, mut down) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut up, &mut down);
        let _ = down.shutdown(Shutdown::Both);
    });
    let mut buffer = vec![0; 64 << 10];
    let mut marker = Marker::default();
    loop {
        let read = server.read(&mut buffer).unwrap_or(0);
        if marks {
            marker.mark(&mut buffer[..read]);
        }
        link.came.fetch_add(read as u64, Ordering::SeqCst);
        if read == 0 || client.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    link.gone.store(true, Ordering::SeqCst);
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
    Ok(())
}

/// The head of a request, to its blank line.
fn head(client: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// `/subscribe` or `subscribeEvents`.
fn is_stream(line: &str) -> bool {
    line.contains("ubscribe")
}

/// The same request, with a cursor added to a stream that has none. Any other request closes its
/// connection, so that each connection begins with its request.
fn changed(head: &str) -> String {
    let line = head.lines().next().unwrap_or_default();
    if !is_stream(line) {
        return head.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
    }
    if line.contains("cursor=") {
        return head.to_owned();
    }
    // A cursor is the number of the first event wanted.
    head.replacen(" HTTP/1.1", &format!("&cursor={} HTTP/1.1", BEGIN + 1), 1)
}

/// Finds the first letters of texts, across pieces of the byte stream.
#[derive(Default)]
struct Marker {
    /// Bytes of [`TEXT`] that precede the next byte.
    before: usize,
}

impl Marker {
    fn mark(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.before == TEXT.len() {
                if *byte != b'"' {
                    *byte = b'#';
                }
                self.before = 0;
            } else if *byte == TEXT[self.before] {
                self.before += 1;
            } else {
                self.before = usize::from(*byte == TEXT[0]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_letters_are_marked_whatever_the_pieces() {
        let whole = br#"{"a":"text","text":"bc d","x":{"text":""},"""text":"e"}"#;
        for cut in 0..whole.len() {
            let mut bytes = whole.to_vec();
            let (one, other) = bytes.split_at_mut(cut);
            let mut marker = Marker::default();
            marker.mark(one);
            marker.mark(other);
            let wanted = br##"{"a":"text","text":"#c d","x":{"text":""},"""text":"#"}"##;
            assert_eq!(bytes, wanted, "cut at {cut}");
        }
    }

    #[test]
    fn a_stream_without_a_cursor_begins_where_all_begin() {
        let live = "GET /subscribe?a=b HTTP/1.1\r\nHost: x\r\n\r\n";
        assert!(changed(live).starts_with("GET /subscribe?a=b&cursor=2 HTTP/1.1\r\nHost"));
        let known = "GET /subscribe?a=b&cursor=7 HTTP/1.1\r\n\r\n";
        assert_eq!(changed(known), known);
        let dictionary = "GET /xrpc/getZstdDictionary HTTP/1.1\r\n\r\n";
        assert!(changed(dictionary).ends_with("1.1\r\nConnection: close\r\n\r\n"));
    }
}
