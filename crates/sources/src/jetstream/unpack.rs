//! Frames packed with zstd and a dictionary, unpacked within a bound.

use zstd::bulk::Decompressor;

/// What became of a packed frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unpacked {
    /// It is in the buffer.
    Whole,
    /// It would be longer than the bound.
    TooLong,
    /// It is damaged, or packed with another dictionary.
    Damaged,
}

/// A decompressor with its dictionary, and the frame that it unpacked last.
pub(super) struct Unpacker {
    zstd: Decompressor<'static>,
    pub(super) frame: Vec<u8>,
}

impl Unpacker {
    /// For frames of up to `max_bytes`.
    pub(super) fn new(dictionary: &[u8], max_bytes: usize) -> std::io::Result<Self> {
        Ok(Self {
            zstd: Decompressor::with_dictionary(dictionary)?,
            frame: Vec::with_capacity(max_bytes),
        })
    }

    /// Unpacks one frame; never writes beyond the bound, whatever the frame claims.
    pub(super) fn unpack(&mut self, packed: &[u8]) -> Unpacked {
        match self.zstd.decompress_to_buffer(packed, &mut self.frame) {
            Ok(_) => Unpacked::Whole,
            Err(error) if error.to_string().contains("too small") => Unpacked::TooLong,
            Err(_) => Unpacked::Damaged,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_unpacked_within_its_bound() {
        let dictionary = include_bytes!("unpack.rs");
        let mut packer = zstd::bulk::Compressor::with_dictionary(3, dictionary).expect("a packer");
        let mut unpacker = Unpacker::new(dictionary, 1_000).expect("an unpacker");
        let packed = packer.compress(b"{\"a\":1}").expect("it packs");
        assert_eq!(unpacker.unpack(&packed), Unpacked::Whole);
        assert_eq!(unpacker.frame, b"{\"a\":1}");
        let bomb = packer.compress(&vec![b' '; 1 << 24]).expect("it packs");
        assert!(bomb.len() < 2_000, "{}", bomb.len());
        assert_eq!(unpacker.unpack(&bomb), Unpacked::TooLong);
        assert!(unpacker.frame.capacity() < 1_100, "nothing was made room for");
        assert_eq!(unpacker.unpack(&packed[..packed.len() - 1]), Unpacked::Damaged);
        assert_eq!(unpacker.unpack(b"{}"), Unpacked::Damaged);
        assert_eq!(unpacker.unpack(&packed), Unpacked::Whole);
    }

    /// What a real server sent, of `tests/fixtures/jetstream_packed`: each frame with its length
    /// before it. All of the dictionary to which no frame refers is zero, so that it is small.
    #[test]
    fn frames_of_a_real_server_are_unpacked() {
        for wire in ["v1", "v2"] {
            let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/");
            let read =
                |name: String| std::fs::read(format!("{fixtures}{name}")).expect("it is there");
            let dictionary = read(format!("jetstream_packed/{wire}.dictionary.zst"));
            let dictionary = zstd::decode_all(&dictionary[..]).expect("it is packed");
            let frames = read(format!("jetstream_packed/{wire}.frames"));
            let mut unpacker = Unpacker::new(&dictionary, 1_000).expect("an unpacker");
            let mut unpacked = Vec::new();
            let mut rest = &frames[..];
            while let Some((length, from)) = rest.split_first_chunk() {
                let (frame, after) = from.split_at(u32::from_be_bytes(*length) as usize);
                assert_eq!(unpacker.unpack(frame), Unpacked::Whole, "{wire}");
                unpacked.extend_from_slice(&unpacker.frame);
                unpacked.push(b'\n');
                rest = after;
            }
            let plain = read(format!("jetstream/real_{wire}.jsonl"));
            assert_eq!(String::from_utf8(unpacked), String::from_utf8(plain), "{wire}");
        }
    }
}
