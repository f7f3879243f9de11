//! X against a server of a few lines.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;
use crate::options::SecretFrom;

/// A source of a server that answers every request with `answer` and then is silent.
fn source(answer: &'static str, stall: Duration) -> XSource {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base_url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut connection in listener.incoming().map_while(Result::ok) {
            let mut head = [0; 4096];
            let _ = connection.read(&mut head);
            let _ = connection.write_all(answer.as_bytes());
            open.push(connection);
        }
    });
    let dir = tempfile::tempdir().expect("a directory");
    let token = dir.path().join("token");
    std::fs::write(&token, "canary").expect("a file");
    let keys = [(); 4].map(|()| SecretFrom::File(token.clone()));
    let params = vec![("track".to_owned(), "#".to_owned())];
    let plan = V1Options { base_url, keys, params, delimited: false, connects_max: 50 };
    let mut source = XSource::v1(&plan, 1 << 20, &Clock::System).expect("it is made");
    source.stall = stall;
    source
}

fn poll_to_the_end(source: &mut XSource) -> (u64, String) {
    let (mut batch, mut lines) = (Batch::default(), 0);
    loop {
        batch.clear();
        match source.poll(&mut batch, Duration::from_millis(10)) {
            Ok(_) => lines += batch.lines,
            Err(error) => return (lines, error.to_string()),
        }
    }
}

#[test]
fn silence_is_a_loss_and_half_a_line_is_silence() {
    let mut source = source("HTTP/1.1 200 OK\r\n\r\n{}\r\n{\"text", Duration::from_millis(60));
    source.open(&[]).expect("it opens");
    let (lines, why) = poll_to_the_end(&mut source);
    assert_eq!(lines, 1);
    assert!(why.contains("silent for"), "{why}");
    assert_eq!((STALL.as_secs(), STALL_V1.as_secs()), (25, 90));
}

#[test]
fn a_server_that_sends_our_keys_back_does_not_show_them() {
    let answer = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 12\r\n\r\nbad `canary`";
    let Err(SourceError::AuthFailed(why)) = source(answer, STALL).open(&[]) else {
        panic!("it opens")
    };
    let why = why.text();
    assert!(why.contains("401") && why.contains("bad `***`") && !why.contains("canary"), "{why}");
}
