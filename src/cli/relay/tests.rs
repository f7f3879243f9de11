//! Lines, and clients on real sockets.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::time::Duration;

use super::*;
use clients::BEHIND_MAX_BYTES;

fn clients(waits: bool) -> Clients {
    let listener = bind("127.0.0.1:0").expect("a port");
    Clients::accept(listener, waits, Arc::new(AtomicBool::new(false))).expect("a thread")
}

fn connect(clients: &Clients) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(clients.addr()).expect("the relay listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    BufReader::new(stream)
}

#[test]
fn a_post_is_one_line() {
    let mut out = Vec::new();
    let text = Raw::Plain(b"a\r\nb\n#c");
    line(&Post { text, ..Post::default() }, &mut out);
    assert_eq!(out, b"a  b #c\n");
}

#[test]
fn every_client_gets_every_line_then_fin() {
    let clients = clients(true);
    let mut first = connect(&clients);
    assert!(clients.wait_for_one());
    clients.send(b"one\n");
    let mut line = String::new();
    first.read_line(&mut line).expect("a line");
    assert_eq!(line, "one\n");
    let mut second = connect(&clients);
    // The second is served once it has been accepted, which only a line can show.
    second.get_mut().set_nonblocking(true).expect("it can wait");
    let until = tagtide_posts::clock::monotonic() + Duration::from_secs(20);
    let mut sent = 0;
    while second.fill_buf().map_or(0, <[u8]>::len) == 0 {
        clients.send(b"two\n");
        sent += 1;
        assert!(tagtide_posts::clock::monotonic() < until, "the second client is never served");
        std::thread::yield_now();
    }
    second.get_mut().set_nonblocking(false).expect("it can wait");
    assert_eq!(clients.finish(), 0);
    let mut rest = String::new();
    first.read_to_string(&mut rest).expect("lines, then the end");
    assert_eq!(rest, "two\n".repeat(sent));
    let mut rest = String::new();
    second.read_to_string(&mut rest).expect("lines, then the end");
    assert!(!rest.is_empty() && rest.lines().all(|line| line == "two"), "{rest}");
}

#[test]
fn a_client_8_mib_behind_is_cut_and_counted() {
    let clients = clients(false);
    let stuck = connect(&clients);
    assert!(clients.wait_for_one());
    let mut block = vec![b'x'; 1 << 20];
    block[(1 << 20) - 1] = b'\n';
    // The kernel buffers a few MiB on both sides before ours fills.
    let mut cut = 0;
    for _ in 0..BEHIND_MAX_BYTES >> 20 {
        for _ in 0..8 {
            clients.send(&block);
        }
    }
    cut += clients.finish();
    assert_eq!(cut, 1);
    drop(stuck);
}

#[test]
fn a_source_that_can_wait_waits_for_its_client() {
    let clients = clients(true);
    let mut client = connect(&clients);
    assert!(clients.wait_for_one());
    let block = [b"0123456789abcde\n".repeat(1 << 14).as_slice()].concat();
    let reader = std::thread::spawn(move || {
        let mut bytes = 0;
        let mut buffer = vec![0; 1 << 16];
        loop {
            match client.read(&mut buffer).expect("bytes") {
                0 => return bytes,
                read => bytes += read,
            }
        }
    });
    for _ in 0..256 {
        clients.send(&block);
    }
    assert_eq!(clients.finish(), 0);
    assert_eq!(reader.join().expect("a reader"), 256 * block.len());
}

#[test]
fn an_address_in_use_is_held_by_another() {
    let taken = bind("127.0.0.1:0").expect("a port");
    let addr = taken.local_addr().expect("its address").to_string();
    let failure = bind(&addr).expect_err("it is taken");
    assert_eq!(failure.code, HELD);
    assert!(failure.message.contains("it is in use\nhelp: "), "{}", failure.message);
    assert_eq!(bind("nowhere").expect_err("no address").code, USAGE);
}
