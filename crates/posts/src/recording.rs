//! What a recording of a source looks like: zstd files, one record a line, each saying whose it is.
//!
//! The first frame of a file is one that every reader of zstd skips; it holds a line of JSON. The
//! frames behind it are whole and end with a record, so a file that was cut off is readable up to
//! its last whole frame, and only a file with this header is read like that.

use std::io::Read;

use serde::{Deserialize, Serialize};

/// First of the sixteen magic numbers of frames that readers skip.
const SKIPPED: u32 = 0x184d_2a50;
/// Says that the frame is ours.
const NAME: &str = "tagtide recording";
/// Longest header that is read.
const HEADER_MAX_BYTES: u32 = 64 * 1024;

/// Whose records a file holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Header {
    /// Always the same, so that nobody else's frame is taken for one of ours.
    kind: String,
    /// Name of the source, without secrets.
    pub source: String,
    /// Its number in the job.
    pub number: u16,
    /// Format of the records.
    pub format: String,
}

impl Header {
    /// Of the source of that name and number.
    #[must_use]
    pub fn new(source: &str, number: u16, format: &str) -> Self {
        let (source, format) = (source.to_owned(), format.to_owned());
        Self { kind: NAME.to_owned(), source, number, format }
    }

    /// As a file begins with it.
    #[must_use]
    pub fn to_frame(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("strings and numbers are JSON");
        let length = u32::try_from(json.len()).expect("names are short");
        [&SKIPPED.to_le_bytes()[..], &length.to_le_bytes(), &json].concat()
    }

    /// What a file begins with; `None` where it is no recording, or not to be read.
    pub fn read(file: &mut impl Read) -> Option<Self> {
        let mut head = [0; 8];
        file.read_exact(&mut head).ok()?;
        let [magic, length] = [&head[..4], &head[4..]].map(|four| {
            let four: [u8; 4] = four.try_into().expect("there are four");
            u32::from_le_bytes(four)
        });
        if magic != SKIPPED || length > HEADER_MAX_BYTES {
            return None;
        }
        let mut json = vec![0; length as usize];
        file.read_exact(&mut json).ok()?;
        serde_json::from_slice(&json).ok().filter(|header: &Self| header.kind == NAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_again_and_nothing_else_is_one() {
        let header = Header::new("tcp localhost:9009", 3, "text");
        let frame = header.to_frame();
        assert_eq!(Header::read(&mut frame.as_slice()), Some(header));
        assert_eq!(Header::read(&mut &frame[..frame.len() - 1]), None);
        let packed = zstd::encode_all(&b"{}\n"[..], 1).expect("memory takes everything");
        assert_eq!(Header::read(&mut packed.as_slice()), None);
        let foreign = [&SKIPPED.to_le_bytes()[..], &2_u32.to_le_bytes(), b"{}"].concat();
        assert_eq!(Header::read(&mut foreign.as_slice()), None);
        let endless = [&SKIPPED.to_le_bytes()[..], &u32::MAX.to_le_bytes(), b"{}"].concat();
        assert_eq!(Header::read(&mut endless.as_slice()), None);
    }
}
