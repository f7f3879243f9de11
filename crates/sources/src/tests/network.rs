//! What only sources on a network do: connecting again, several senders, a port in use.

use super::*;
use crate::tcp_listen::SENDERS_MAX;

const WAIT: Duration = Duration::from_millis(2);

#[test]
fn a_client_connects_again_and_goes_on_counting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let mut source = TcpSource::new(&addr, LIMIT, &Clock::System);
    let mut batch = Batch::default();
    for round in 0..3 {
        source.open(&[]).unwrap();
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(b"line\ncut").unwrap();
        drop(socket);
        let (mut lines, mut partial) = (0, 0);
        let deadline = deadline();
        loop {
            batch.clear();
            match source.poll(&mut batch, WAIT) {
                Ok(_) => {
                    if batch.lines > 0 {
                        assert_eq!(batch.first, round);
                    }
                    lines += batch.lines;
                    partial += batch.dropped.partial;
                }
                Err(SourceError::Retry(..)) => break,
                Err(other) => panic!("{other}"),
            }
            assert!(monotonic() < deadline);
        }
        assert_eq!((lines, partial), (1, 1));
    }
    drop(listener);
    let Err(SourceError::Retry(_, why)) = source.open(&[]) else { panic!("a closed port") };
    let why = why.text();
    assert!(why.contains("connection refused") && why.contains("help:"), "{why}");
    let nowhere = TcpSource::new("localhost", LIMIT, &Clock::System).open(&[]);
    assert!(matches!(nowhere, Err(SourceError::Fatal(why)) if why.text().contains("no port")));
}

#[test]
fn senders_do_not_mix() {
    let mut source = TcpListenSource::new("127.0.0.1:0", LIMIT, &Clock::System);
    source.open(&[]).unwrap();
    let addr = source.local_addr().unwrap();
    let connect = || TcpStream::connect(addr).unwrap();
    let mut senders: Vec<TcpStream> = (0..9).map(|_| connect()).collect();
    let mut next = vec![0_u32; senders.len()];
    let (mut batch, mut got) = (Batch::default(), Vec::new());
    for piece in 0..400 {
        for (name, sender) in senders.iter_mut().enumerate() {
            // Every line comes in two pieces.
            let text = if piece % 2 == 0 { format!("{name}:") } else { format!("{}\n", piece / 2) };
            sender.write_all(text.as_bytes()).unwrap();
        }
        batch.clear();
        source.poll(&mut batch, Duration::ZERO).unwrap();
        got.extend_from_slice(batch.records());
    }
    let deadline = deadline();
    while memchr::memchr_iter(b'\n', &got).count() < 9 * 200 {
        batch.clear();
        source.poll(&mut batch, WAIT).unwrap();
        got.extend_from_slice(batch.records());
        assert!(monotonic() < deadline);
    }
    for line in std::str::from_utf8(&got).unwrap().lines() {
        let (name, number) = line.split_once(':').unwrap();
        let name: usize = name.parse().unwrap();
        assert_eq!(number.parse::<u32>().unwrap(), next[name], "sender {name}");
        next[name] += 1;
    }
    drop(senders);
    let mut senders = Vec::new();
    for _ in 0..SENDERS_MAX + 5 {
        // Taken in at once: the kernel's own queue is shorter than this.
        senders.push(connect());
        batch.clear();
        source.poll(&mut batch, WAIT).unwrap();
    }
    while source.refused() < 5 {
        batch.clear();
        source.poll(&mut batch, WAIT).unwrap();
        assert!(monotonic() < deadline, "{} refused", source.refused());
    }
    drop(senders);
}

#[test]
fn a_port_in_use_is_said() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = holder.local_addr().unwrap().to_string();
    let result = TcpListenSource::new(&addr, LIMIT, &Clock::System).open(&[]);
    let Err(SourceError::Fatal(why)) = result else { panic!("bound twice") };
    let why = why.text();
    assert!(why.contains("in use") && why.contains(&addr) && why.contains("help:"), "{why}");
}
