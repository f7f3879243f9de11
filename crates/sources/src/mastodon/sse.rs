//! Server-sent events: pieces of bytes -> events. Pure; holds no more than one event in memory.

use memchr::memchr;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Its name, and its lines of data joined by newlines.
    Message(String, String),
    /// One beyond the limit, passed over.
    TooLong,
}

/// The state of one stream.
#[derive(Debug)]
pub(super) struct Sse {
    /// Most bytes of a line, and of the data of an event.
    max_bytes: usize,
    /// The beginning of a line.
    line: Vec<u8>,
    /// Inside a line that is too long.
    skipping: bool,
    event: Vec<u8>,
    data: Vec<u8>,
    /// The event has a line of data.
    has_data: bool,
    /// The event is beyond the limit.
    too_long: bool,
}

impl Sse {
    /// At the start of a stream whose events are no longer than `max_bytes`.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            line: Vec::new(),
            skipping: false,
            event: Vec::new(),
            data: Vec::new(),
            has_data: false,
            too_long: false,
        }
    }

    /// Takes the next piece; true where a line has ended in it, which is a sign of life.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(Heard)) -> bool {
        let mut has_ended = false;
        while let Some(end) = memchr(b'\n', bytes) {
            self.extend(&bytes[..end]);
            bytes = &bytes[end + 1..];
            has_ended = true;
            let line = std::mem::take(&mut self.line);
            if !std::mem::take(&mut self.skipping) {
                self.end_line(line.strip_suffix(b"\r").unwrap_or(&line), &mut each);
            }
            self.line = line;
            self.line.clear();
        }
        self.extend(bytes);
        has_ended
    }

    /// True in the middle of an event.
    pub(super) fn is_inside(&self) -> bool {
        !self.line.is_empty() || self.has_data || self.too_long || self.skipping
    }

    fn extend(&mut self, bytes: &[u8]) {
        // Names of fields precede the data.
        if self.skipping || self.line.len() + bytes.len() > self.max_bytes + 16 {
            self.skipping = true;
            self.too_long = true;
            self.line = Vec::new();
        } else {
            self.line.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self, line: &[u8], each: &mut impl FnMut(Heard)) {
        if line.is_empty() {
            self.end_event(each);
            return;
        }
        // A comment, the heartbeat, has no name in front of its colon.
        let (field, value) = match memchr(b':', line) {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"event" => self.event = value.to_vec(),
            b"data" if self.data.len() + value.len() > self.max_bytes => {
                self.too_long = true;
                self.data = Vec::new();
            }
            b"data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.data.push(b'\n');
                }
                self.data.extend_from_slice(value);
            }
            _ => {}
        }
    }

    fn end_event(&mut self, each: &mut impl FnMut(Heard)) {
        let event = String::from_utf8_lossy(&std::mem::take(&mut self.event)).into_owned();
        let data = String::from_utf8_lossy(&std::mem::take(&mut self.data)).into_owned();
        let has_data = std::mem::take(&mut self.has_data);
        if std::mem::take(&mut self.too_long) {
            each(Heard::TooLong);
        } else if has_data {
            each(Heard::Message(event, data));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(event: &str, data: &str) -> Heard {
        Heard::Message(event.into(), data.into())
    }

    /// Everything that `pieces` bring, and how many of them were signs of life.
    fn read(max_bytes: usize, pieces: &[&[u8]]) -> (Vec<Heard>, usize, bool) {
        let (mut sse, mut events) = (Sse::new(max_bytes), Vec::new());
        let alive = pieces.iter().filter(|piece| sse.push(piece, |event| events.push(event)));
        let alive = alive.count();
        (events, alive, sse.is_inside())
    }

    const WIRE: &str = ":)\nevent: update\ndata: {\"id\":\"1\",\"content\":\"né\"}\n\n:thump\n\
                        event: delete\r\ndata:7\r\nretry: 3\r\n\r\nevent: status.update\ndata: {\n\
                        data: }\n\nevent: filters_changed\ndata: undefined\n\nevent: none\n\n";

    fn wanted() -> Vec<Heard> {
        vec![
            message("update", "{\"id\":\"1\",\"content\":\"né\"}"),
            message("delete", "7"),
            message("status.update", "{\n}"),
            message("filters_changed", "undefined"),
        ]
    }

    #[test]
    fn events_are_the_same_wherever_the_pieces_are_cut() {
        let wire = WIRE.as_bytes();
        for at in 0..=wire.len() {
            let (events, _, inside) = read(100, &[&wire[..at], &wire[at..]]);
            assert_eq!((events, inside), (wanted(), false), "cut at {at}");
        }
        let bytes: Vec<&[u8]> = wire.chunks(1).collect();
        assert_eq!(read(100, &bytes).0, wanted());
    }

    #[test]
    fn a_line_that_ends_is_life_and_bytes_alone_are_not() {
        assert_eq!(read(100, &[b":thu", b"mp", b"\n", b"data: x"]), (Vec::new(), 1, true));
        assert!(read(100, &[b"data: x\n"]).2 && !read(100, &[b":thump\n"]).2);
    }

    #[test]
    fn an_endless_line_takes_no_memory_and_the_next_event_is_read() {
        let mut sse = Sse::new(1_000);
        for _ in 0..1_000 {
            assert!(!sse.push(&[b'x'; 997], |_| panic!("nothing has ended")));
            assert!(sse.line.capacity() <= 4_096);
        }
        let mut events = Vec::new();
        sse.push(b"\n\ndata: 1\n\n", |event| events.push(event));
        assert_eq!(events, [Heard::TooLong, message("", "1")]);
    }

    #[test]
    fn an_event_of_endlessly_many_lines_is_passed_over() {
        let mut sse = Sse::new(1_000);
        for _ in 0..1_000 {
            sse.push(b"data: 0123456789\n", |_| panic!("nothing has ended"));
            assert!(sse.data.capacity() <= 4_096);
        }
        let mut events = Vec::new();
        sse.push(b"\nevent: a\ndata: 1\n\n", |event| events.push(event));
        assert_eq!(events, [Heard::TooLong, message("a", "1")]);
    }
}
