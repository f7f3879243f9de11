//! Bytes of one record: a frame around a list of [`Section`]s, checked by CRC32C.
//!
//! ```text
//! file   = head(48) frame*
//! head   = magic(8) version(2) zero(2) number(8) directory(16) job(8) crc(4)
//! frame  = "TTr1" tag(1) zero(3) number(8) length(4) body crc(4) head crc(4) body
//! body   = section*          section = kind(2) one(1) flags(1) length(4) bytes
//! ```
//!
//! All numbers are little-endian. Both checksums of a frame are seeded with the checksum of the
//! file's head, which contains the random id of the directory. So a frame is valid only in its own
//! file, and bytes that someone put into a post cannot pass for one. Nothing here does I/O or
//! depends on the meaning of a section. A body is at most [`BODY_MAX_BYTES`] long.

use crc32c::{crc32c, crc32c_append};

use super::{Damage, Section, SectionRef};

/// Longest body of one record.
pub(super) const BODY_MAX_BYTES: usize = 1 << 30;
/// Length of a file's head.
pub(super) const HEAD_LEN: usize = 48;
/// Length of a frame without its body.
pub(super) const FRAME_LEN: usize = 28;
/// First bytes of every frame.
pub(super) const FRAME_MAGIC: &[u8; 4] = b"TTr1";
/// Version of everything in this file.
pub(super) const FORMAT: u16 = 1;

const SECTION_LEN: usize = 8;
const REQUIRED: u8 = 1;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Log,
    Snapshot,
}

impl FileKind {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Log => b"tagtideL",
            Self::Snapshot => b"tagtideS",
        }
    }
}

/// The owner of a file: the same in all files of one directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Random, made once per directory.
    pub(super) directory: [u8; 16],
    /// Hash of the job's identity.
    pub(super) job: u64,
}

impl Origin {
    /// The head of the file `number` of this directory.
    pub(super) fn head(&self, kind: FileKind, number: u64) -> [u8; HEAD_LEN] {
        let mut head = [0; HEAD_LEN];
        head[..8].copy_from_slice(kind.magic());
        head[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        head[12..20].copy_from_slice(&number.to_le_bytes());
        head[20..36].copy_from_slice(&self.directory);
        head[36..44].copy_from_slice(&self.job.to_le_bytes());
        let crc = crc32c(&head[..44]);
        head[44..].copy_from_slice(&crc.to_le_bytes());
        head
    }

    /// Checks a head. Returns the salt of the file's frames.
    pub(super) fn check(&self, head: &[u8], kind: FileKind, number: u64) -> Result<Salt, Damage> {
        let expected = self.head(kind, number);
        if head.len() != HEAD_LEN {
            return Err("it is shorter than its head".into());
        }
        if crc32c(&head[..44]) != u32_at(head, 44) {
            return Err("checksum of its head does not match".into());
        }
        if head[..8] != expected[..8] {
            return Err("it is another kind of file".into());
        }
        if head[8..12] != expected[8..12] {
            let version = u16::from_le_bytes([head[8], head[9]]);
            return Err(Damage::Version(version));
        }
        if head[20..36] != expected[20..36] {
            return Err("it belongs to another state directory".into());
        }
        if head != expected {
            return Err("it is another file of this directory under this name".into());
        }
        Ok(Salt(u32_at(head, 44)))
    }
}

/// Seed of the checksums in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Salt(u32);

impl Salt {
    /// The salt of the file with this head.
    pub(super) fn of(head: &[u8; HEAD_LEN]) -> Self {
        Self(u32_at(head, 44))
    }
}

/// The content of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// Sections of one epoch; `number` is the epoch.
    Epoch,
    /// Sections of one piece of a snapshot; `number` is its index from 0.
    Piece,
    /// The end of a snapshot; `number` is the last epoch that its pieces can contain.
    Trailer,
    /// The end of a log segment; `number` is the epoch after which the next one starts.
    Seal,
}

impl Tag {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Epoch, Self::Piece, Self::Trailer, Self::Seal]
            .into_iter()
            .find(|tag| tag.byte() == byte)
    }

    fn byte(self) -> u8 {
        match self {
            Self::Epoch => 1,
            Self::Piece => 2,
            Self::Trailer => 3,
            Self::Seal => 4,
        }
    }
}

/// The head of a frame, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) tag: Tag,
    pub(super) number: u64,
    /// Length of the body, bytes.
    pub(super) len: usize,
    crc: u32,
}

impl Frame {
    /// Parses the first [`FRAME_LEN`] bytes of a frame; `None` if they are not a valid head.
    pub(super) fn decode(bytes: &[u8], salt: Salt) -> Option<Self> {
        let head = bytes.get(..FRAME_LEN)?;
        if &head[..4] != FRAME_MAGIC || crc32c_append(salt.0, &head[..24]) != u32_at(head, 24) {
            return None;
        }
        let len = usize::try_from(u32_at(head, 16)).ok()?;
        if head[5..8] != [0; 3] || len > BODY_MAX_BYTES {
            return None;
        }
        let number = u64_at(head, 8);
        Some(Self { tag: Tag::from_byte(head[4])?, number, len, crc: u32_at(head, 20) })
    }

    /// Whether `body` is what was written.
    pub(super) fn holds(&self, body: &[u8], salt: Salt) -> bool {
        body.len() == self.len && crc32c_append(salt.0, body) == self.crc
    }
}

/// The record exceeds [`BODY_MAX_BYTES`]; nothing was encoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong(pub(super) usize);

/// Appends a frame with `sections` to `out`.
pub(super) fn encode<'a>(
    out: &mut Vec<u8>,
    salt: Salt,
    tag: Tag,
    number: u64,
    sections: impl Iterator<Item = &'a Section> + Clone,
) -> Result<(), TooLong> {
    let len = sections.clone().map(|section| SECTION_LEN.saturating_add(section.body.len()));
    let len = len.fold(0, usize::saturating_add);
    if len > BODY_MAX_BYTES {
        return Err(TooLong(len));
    }
    out.reserve(FRAME_LEN + len);
    let start = begin(out);
    for section in sections {
        out.extend_from_slice(&section.kind.to_le_bytes());
        out.push(1);
        out.push(if section.required { REQUIRED } else { 0 });
        // Cannot overflow: no body is longer than BODY_MAX_BYTES.
        out.extend_from_slice(&(section.body.len() as u32).to_le_bytes());
        out.extend_from_slice(&section.body);
    }
    end(out, start, salt, tag, number);
    Ok(())
}

/// Appends a frame with a short body of our own to `out`.
pub(super) fn encode_raw(out: &mut Vec<u8>, salt: Salt, tag: Tag, number: u64, body: &[u8]) {
    let start = begin(out);
    out.extend_from_slice(body);
    end(out, start, salt, tag, number);
}

fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.resize(start + FRAME_LEN, 0);
    start
}

fn end(out: &mut [u8], start: usize, salt: Salt, tag: Tag, number: u64) {
    let (head, body) = out[start..].split_at_mut(FRAME_LEN);
    head[..4].copy_from_slice(FRAME_MAGIC);
    head[4] = tag.byte();
    head[8..16].copy_from_slice(&number.to_le_bytes());
    head[16..20].copy_from_slice(&(body.len() as u32).to_le_bytes());
    head[20..24].copy_from_slice(&crc32c_append(salt.0, body).to_le_bytes());
    let crc = crc32c_append(salt.0, &head[..24]);
    head[24..].copy_from_slice(&crc.to_le_bytes());
}

/// Splits a body into sections. Every length is checked against the available bytes.
pub(super) fn sections(mut body: &[u8]) -> Result<Vec<SectionRef<'_>>, Damage> {
    let mut found = Vec::new();
    while !body.is_empty() {
        let (head, rest) =
            body.split_at_checked(SECTION_LEN).ok_or("a section is cut within its head")?;
        if head[3] & !REQUIRED != 0 {
            return Err(Damage::Flags(head[3]));
        }
        let len = usize::try_from(u32_at(head, 4)).unwrap_or(usize::MAX);
        let (bytes, rest) =
            rest.split_at_checked(len).ok_or("a section is longer than its record")?;
        found.push(SectionRef {
            kind: u16::from_le_bytes([head[0], head[1]]),
            required: head[3] & REQUIRED != 0,
            body: bytes,
        });
        body = rest;
    }
    Ok(found)
}

/// The four bytes at `at`, little-endian. The caller must have checked the length.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The eight bytes at `at`, little-endian. The caller must have checked the length.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ORIGIN: Origin = Origin { directory: [7; 16], job: 9 };

    fn salt() -> Salt {
        Salt::of(&ORIGIN.head(FileKind::Log, 3))
    }

    fn any_section() -> impl Strategy<Value = Section> {
        let body = prop::collection::vec(any::<u8>(), 0..40);
        (any::<u16>(), any::<bool>(), body).prop_map(|(kind, required, body)| Section {
            kind,
            required,
            body,
        })
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(list in prop::collection::vec(any_section(), 0..6)) {
            let mut out = vec![1, 2, 3];
            encode(&mut out, salt(), Tag::Epoch, 77, list.iter()).unwrap();
            let frame = Frame::decode(&out[3..], salt()).unwrap();
            let body = &out[3 + FRAME_LEN..];
            prop_assert_eq!((frame.tag, frame.number), (Tag::Epoch, 77));
            prop_assert!(frame.holds(body, salt()));
            let back: Vec<Section> =
                sections(body).unwrap().iter().map(SectionRef::to_section).collect();
            prop_assert_eq!(back, list);
        }

        #[test]
        fn any_bytes_as_a_body_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(list) = sections(&body) {
                let total: usize = list.iter().map(|s| s.body.len() + SECTION_LEN).sum();
                prop_assert_eq!(total, body.len());
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_seen_everywhere() {
        let list = [Section { kind: 1, required: true, body: b"abc".to_vec() }];
        let mut out = Vec::new();
        encode(&mut out, salt(), Tag::Piece, 5, list.iter()).unwrap();
        for bit in 0..out.len() * 8 {
            out[bit / 8] ^= 1 << (bit % 8);
            let seen = match Frame::decode(&out, salt()) {
                None => true,
                Some(frame) => !frame.holds(&out[FRAME_LEN..], salt()),
            };
            assert!(seen, "bit {bit}");
            out[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn a_frame_is_valid_in_its_own_file_alone() {
        let mut out = Vec::new();
        encode(&mut out, salt(), Tag::Epoch, 5, [].iter()).unwrap();
        let other = Salt::of(&ORIGIN.head(FileKind::Log, 4));
        assert!(Frame::decode(&out, salt()).is_some());
        assert_eq!(Frame::decode(&out, other), None);
    }

    #[test]
    fn a_wrong_head_says_what_is_wrong() {
        let head = ORIGIN.head(FileKind::Log, 3);
        assert_eq!(ORIGIN.check(&head, FileKind::Log, 3).ok(), Some(Salt::of(&head)));
        let message =
            |head: &[u8], kind, number| ORIGIN.check(head, kind, number).unwrap_err().to_string();
        assert!(message(&head[..47], FileKind::Log, 3).contains("shorter"));
        assert!(message(&head, FileKind::Snapshot, 3).contains("another kind"));
        assert!(message(&head, FileKind::Log, 4).contains("under this name"));
        let stranger = Origin { directory: [8; 16], job: 9 }.head(FileKind::Log, 3);
        assert!(message(&stranger, FileKind::Log, 3).contains("another state directory"));
        for bit in 0..HEAD_LEN * 8 {
            let mut bad = head;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(ORIGIN.check(&bad, FileKind::Log, 3).is_err(), "bit {bit}");
        }
    }
}
