use proptest::prelude::*;

use super::*;
use tagtide_posts::post::PAD;

/// Feeds `input` in reads of the given sizes (cycled), delivering after every `reads` reads.
fn run(input: &[u8], sizes: &[usize], reads: usize, limit: usize, eof: bool) -> (Vec<u8>, Dropped) {
    let mut framer = Framer::new(limit);
    let mut batch = Batch::default();
    let (mut out, mut dropped, mut lines) = (Vec::new(), Dropped::default(), 0);
    let mut at = 0;
    let mut sizes = sizes.iter().copied().cycle();
    loop {
        batch.clear();
        batch.wants_ends = at % 2 == 0;
        framer.begin(0);
        for _ in 0..reads {
            let size = sizes.next().unwrap().min(input.len() - at);
            framer.space(&mut batch)[..size].copy_from_slice(&input[at..at + size]);
            framer.accept(&mut batch, size);
            at += size;
        }
        if at == input.len() {
            if eof { framer.end_of_stream(&mut batch) } else { framer.connection_lost() }
        }
        let end = framer.finish(&mut batch);
        batch.seal(end);
        assert!(batch.padded()[end..].iter().all(|&b| b == 0));
        assert_eq!(batch.padded().len(), end + PAD);
        out.extend_from_slice(batch.records());
        // Noted or not, they are found.
        let ends: Vec<_> = memchr::memchr_iter(b'\n', batch.records()).collect();
        assert!(!batch.wants_ends || batch.ends() == ends);
        assert_eq!(batch.find_ends(), ends);
        lines += batch.lines;
        dropped.oversize += batch.dropped.oversize;
        dropped.partial += batch.dropped.partial;
        if at == input.len() {
            assert_eq!(lines, memchr::memchr_iter(b'\n', &out).count() as u64);
            return (out, dropped);
        }
    }
}

/// The expected output, computed the slow way.
fn model(input: &[u8], limit: usize, eof: bool) -> (Vec<u8>, Dropped) {
    let (mut out, mut dropped) = (Vec::new(), Dropped::default());
    for line in input.split_inclusive(|&b| b == b'\n') {
        let whole = line.ends_with(b"\n");
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        if text.len() > limit {
            dropped.oversize += 1;
        } else if whole || eof {
            out.extend_from_slice(text);
            out.push(b'\n');
        } else {
            dropped.partial += 1;
        }
    }
    (out, dropped)
}

proptest! {
    #[test]
    fn agrees_with_the_model(
        lengths in prop::collection::vec((0usize..40, any::<bool>()), 0..60),
        sizes in prop::collection::vec(1usize..50, 1..6),
        reads in 1usize..4,
        limit in 1usize..40,
        eof in any::<bool>(),
        newline in any::<bool>(),
    ) {
        let mut input = Vec::new();
        for (n, (length, cr)) in lengths.iter().enumerate() {
            input.extend((0..*length).map(|i| b'a' + ((n + i) % 26) as u8));
            if *cr { input.push(b'\r') }
            input.push(b'\n');
        }
        if !newline { input.pop(); }
        prop_assert_eq!(run(&input, &sizes, reads, limit, eof), model(&input, limit, eof));
    }
}

#[test]
fn an_endless_line_keeps_memory_flat() {
    let limit = 1 << 20;
    let mut framer = Framer::new(limit);
    let mut batch = Batch::default();
    let mut oversize = 0;
    for _ in 0..2_000 {
        batch.clear();
        framer.begin(0);
        let room = framer.space(&mut batch);
        let read = room.len();
        room.fill(b'x');
        framer.accept(&mut batch, read);
        let end = framer.finish(&mut batch);
        batch.seal(end);
        assert_eq!(end, 0);
        oversize += batch.dropped.oversize;
    }
    assert_eq!(oversize, 1);
    assert!(batch.buffer().capacity() <= 2 * (limit + BATCH_BYTES));
    assert!(framer.tail.capacity() <= 2 * limit);
    batch.clear();
    framer.begin(0);
    framer.space(&mut batch)[..8].copy_from_slice(b"xx\nnext\n");
    framer.accept(&mut batch, 8);
    let end = framer.finish(&mut batch);
    batch.seal(end);
    assert_eq!((batch.records(), batch.lines), (&b"next\n"[..], 1));
}

#[test]
fn two_framers_fill_one_batch() {
    let mut batch = Batch::default();
    let (mut one, mut two) = (Framer::new(100), Framer::new(100));
    let feed = |framer: &mut Framer, base: usize, text: &[u8], batch: &mut Batch| {
        framer.begin(base);
        framer.space(batch)[..text.len()].copy_from_slice(text);
        framer.accept(batch, text.len());
        framer.finish(batch)
    };
    let end = feed(&mut one, 0, b"a1\na2", &mut batch);
    let end = feed(&mut two, end, b"b1", &mut batch);
    let end = feed(&mut one, end, b"-a2\n", &mut batch);
    let end = feed(&mut two, end, b"-b1\nb2\n", &mut batch);
    batch.seal(end);
    assert_eq!(batch.records(), b"a1\na2-a2\nb1-b1\nb2\n");
    assert_eq!(batch.lines, 4);
}
