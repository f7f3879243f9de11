//! Sockets on loopback: lines that come in, rankings that cannot go out.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use tagtide_posts::decode::Format;

use crate::support::{
    Counted, START, count_words, file_source, options, posts, start, until, until_posts,
};

const LIVE: &str = "rule = \"words\"\noccurrences = \"all\"\nbatch = \"10ms\"\n";

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    (listener, addr)
}

#[test]
fn a_client_reads_again_after_a_lost_connection() {
    let (listener, addr) = listener();
    let run = start(&format!("{LIVE}source = \"tcp://{addr}\"\n"), options(2, None));
    let bytes = posts(21, 3_000, Format::Text);
    let half = bytes.split_inclusive(|byte| *byte == b'\n').take(1_500).map(<[u8]>::len).sum();
    let (first, second) = bytes.split_at(half);

    let mut sender = listener.accept().unwrap().0;
    sender.write_all(first).unwrap();
    sender.write_all(b"#cut in the mid").unwrap();
    until_posts(&run, 1_500);
    drop(sender);
    let mut sender = listener.accept().unwrap().0;
    sender.write_all(second).unwrap();
    until_posts(&run, 3_000);
    run.stop(false);

    let counted = Counted::of(&run);
    assert_eq!((counted.counters.posts, counted.counters.partial), (3_000, 1));
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(counted.totals(), count_words(text.lines()));
    let status = run.watch().borrow().status.clone();
    assert_eq!(status.sources[0].reconnects, 1, "{:?}", status.sources);
}

#[test]
fn a_listener_takes_several_senders_at_once() {
    // A port that was free a moment ago.
    let (held, addr) = listener();
    drop(held);
    let run = start(&format!("{LIVE}source = \"tcp-listen://{addr}\"\n"), options(2, None));
    let mut senders = Vec::new();
    until("the source listens", || {
        senders.extend(TcpStream::connect(&addr));
        !senders.is_empty()
    });
    senders.extend((0..3).map(|_| TcpStream::connect(&addr).unwrap()));
    let bytes = posts(22, 4_000, Format::Text);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    std::thread::scope(|scope| {
        for (sender, part) in senders.iter_mut().zip(lines.chunks(1_000)) {
            scope.spawn(move || {
                part.chunks(10).for_each(|lines| sender.write_all(&lines.concat()).unwrap());
                sender.shutdown(Shutdown::Write).unwrap();
            });
        }
    });
    until_posts(&run, 4_000);
    run.stop(false);
    let counted = Counted::of(&run);
    assert_eq!((counted.counters.posts, counted.counters.partial), (4_000, 0));
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(counted.totals(), count_words(text.lines()));
}

#[test]
fn sinks_that_are_down_hold_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    let (held, closed) = listener();
    drop(held);
    // Takes connections and never answers.
    let (silent, silent_addr) = listener();
    let keys = format!("format = \"text\"\nstart = \"{START}\"\npace = 20000");
    let source = file_source(dir.path(), "posts.txt", &posts(23, 10_000, Format::Text), &keys);
    let sinks = format!(
        "[[sink]]\nkind = \"dashboard\"\nurl = \"http://{closed}/updateData\"\n\
         [[sink]]\nkind = \"webhook\"\nurl = \"http://{silent_addr}/hook\"\n"
    );
    let run = start(&format!("{LIVE}time = \"event\"\n{source}{sinks}"), options(2, None));
    let watch = run.watch();
    let mut asked = silent.accept().unwrap().0;
    assert!(asked.read(&mut [0; 16]).unwrap() > 0, "the webhook was asked");
    let then = watch.borrow().batch;
    until("batches go on while a sink waits", || watch.borrow().batch > then + 10);
    until("every post is counted", || watch.borrow().status.counters.posts == 10_000);
    let sinks = watch.borrow().status.sinks.clone();
    assert_eq!((sinks[0].delivered, sinks[1].delivered), (0, 0), "{sinks:?}");
    assert!(sinks[0].failed > 0 && !sinks[0].last_error.is_empty(), "{sinks:?}");
    assert!(sinks[0].skipped + sinks[0].failed > 1, "{sinks:?}");
    drop((asked, silent));
    assert_eq!(Counted::of(&run).counters.posts, 10_000);
}
