//! The format of a recorded source: zstd files with one record per line and a header.
//!
//! The first frame of a file is one that every zstd reader skips; it contains a line of JSON. Each
//! of the following frames is complete and ends with a record, so a truncated file is readable up
//! to its last complete frame. Only a file with this header is read that way.

use std::io::Read;

use serde::{Deserialize, Serialize};

/// First of the sixteen magic numbers of skippable frames.
const SKIPPED: u32 = 0x184d_2a50;
/// Identifies the frame as ours.
const NAME: &str = "tagtide recording";
/// Longest header that is read.
const HEADER_MAX_BYTES: u32 = 64 * 1024;

/// The source of the records in a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Header {
    /// Always the same, so that a foreign frame is not taken for one of ours.
    kind: String,
    /// Name of the source, without secrets.
    pub source: String,
    /// Number of the source in the job.
    pub number: u16,
    /// Format of the records.
    pub format: String,
}

impl Header {
    /// The header of the source with this name and number.
    #[must_use]
    pub fn new(source: &str, number: u16, format: &str) -> Self {
        let (source, format) = (source.to_owned(), format.to_owned());
        Self { kind: NAME.to_owned(), source, number, format }
    }

    /// The bytes at the start of a file.
    #[must_use]
    pub fn to_frame(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).expect("strings and numbers are JSON");
        let length = u32::try_from(json.len()).expect("names are short");
        [&SKIPPED.to_le_bytes()[..], &length.to_le_bytes(), &json].concat()
    }

    /// Reads the header of a file; `None` if it is not a recording or cannot be read.
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
