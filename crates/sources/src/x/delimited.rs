//! `delimited=length`: a message's length in bytes on a line of its own before it. Turned into
//! lines, so that records are the same with and without.

/// A length beyond this is no length.
const LENGTH_MAX: usize = 1 << 30;

/// Where in the bytes we are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delimited {
    /// Of the length that is being read.
    digits: Option<usize>,
    /// Of the message that is being read.
    left: usize,
}

impl Delimited {
    /// Writes the messages in `bytes` to `out` as lines; blank lines stay what they are.
    pub(super) fn take(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        while let Some((&byte, after)) = bytes.split_first() {
            if self.left > 0 {
                let (part, rest) = bytes.split_at(self.left.min(bytes.len()));
                // A newline in a message is between members, or ends it.
                let space = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
                out.extend(part.iter().map(space));
                self.left -= part.len();
                if self.left == 0 {
                    out.push(b'\n');
                }
                bytes = rest;
                continue;
            }
            bytes = after;
            match byte {
                b'0'..=b'9' => {
                    let length = self.digits.unwrap_or(0) * 10 + usize::from(byte - b'0');
                    if length > LENGTH_MAX {
                        return Err("invalid length prefix".to_owned());
                    }
                    self.digits = Some(length);
                }
                b'\r' => {}
                b'\n' => match self.digits.take() {
                    None => out.push(b'\n'),
                    Some(length) => self.left = length,
                },
                _ => return Err("missing length prefix".to_owned()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_lines_however_they_are_cut() {
        let wire = b"\r\n9\n{\"a\":1}\r\n\r\n12\r\n{\n\"a\":23\n}\r\n0\n\n";
        let wanted = b"\n{\"a\":1}  \n\n{ \"a\":23 }  \n\n";
        for size in 1..wire.len() {
            let (mut delimited, mut out) = (Delimited::default(), Vec::new());
            for part in wire.chunks(size) {
                delimited.take(part, &mut out).expect("it is sound");
            }
            assert_eq!(out, wanted, "{size}: {}", String::from_utf8_lossy(&out));
        }
    }

    #[test]
    fn what_is_no_length_ends_the_stream() {
        for bad in ["{\"a\":1}\r\n", "-5\n", "99999999999999999999999\n"] {
            let taken = Delimited::default().take(bad.as_bytes(), &mut Vec::new());
            assert!(taken.is_err(), "{bad}");
        }
    }
}
