//! A receiver of alerts on loopback with prescribed answers that records its requests.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Longest that a test waits for anything.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
    answers: Mutex<VecDeque<String>>,
    more: Condvar,
}

/// Listens until the process ends.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    seen: Arc<Seen>,
}

impl Server {
    /// Answers in turn with these (`500`, or a status and headers behind it), then always with 200.
    pub(crate) fn new(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("its address");
        let seen = Arc::new(Seen::default());
        seen.answers.lock().expect("a lock").extend(answers.iter().map(|&a| a.to_owned()));
        let theirs = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&stream, &theirs);
            }
        });
        Self { addr, seen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?secret=in-the-query", self.addr)
    }

    /// What came so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().expect("a lock").clone()
    }

    /// Waits until so many requests came.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Request> {
        let requests = self.seen.requests.lock().expect("a lock");
        let (requests, _) = self
            .seen
            .more
            .wait_timeout_while(requests, DEADLINE, |requests| requests.len() < count)
            .expect("a lock");
        assert!(requests.len() >= count, "{} of {count} requests came", requests.len());
        requests.clone()
    }
}

fn answer(stream: &TcpStream, seen: &Seen) -> Option<()> {
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let mut request = Request { head, body: String::new() };
    let length = request.header("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).ok()?;
    let answer = seen.answers.lock().expect("a lock").pop_front();
    let answer = answer.unwrap_or_else(|| "200 OK".to_owned());
    seen.requests.lock().expect("a lock").push(request);
    seen.more.notify_all();
    let close = "content-length: 6\r\nconnection: close\r\n\r\nthanks";
    (&*stream).write_all(format!("HTTP/1.1 {answer}\r\n{close}").as_bytes()).ok()
}
