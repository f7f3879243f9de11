//! The bytes of one file, unpacked if its name ends in `.gz` or `.zst`.
//!
//! Unpacking goes straight into the batch and never ahead of it, so a file that unpacks to
//! terabytes costs its lines and no memory. A zstd window is at most 128 MiB.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use tagtide_posts::recording::Header;

/// Packed bytes read at once.
const PACKED_BYTES: usize = 256 * 1024;

/// Largest zstd window, as a power of two.
const WINDOW_LOG_MAX: u32 = 27;

/// How the bytes come.
pub(super) enum Input {
    /// As they are stored.
    Plain(File),
    /// From a pipe or a terminal: a read may block, and nothing can be read again.
    Pipe(File),
    /// `.gz`, any number of members.
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
    /// `.zst`, any number of frames.
    Zstd(Box<zstd::Decoder<'static, BufReader<File>>>),
    /// The same for a recording, which may be truncated: what is there is read.
    Recording(Box<zstd::Decoder<'static, BufReader<File>>>),
}

impl Input {
    /// Wraps `file` as its kind and the end of its name ask for.
    pub(super) fn new(mut file: File, path: &Path) -> std::io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(Self::Pipe(file));
        }
        // An empty file is an empty input, packed or not.
        if metadata.len() == 0 || !is_packed(path) {
            return Ok(Self::Plain(file));
        }
        let is_recording = Header::read(&mut file).is_some();
        file.rewind()?;
        let file = BufReader::with_capacity(PACKED_BYTES, file);
        if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gz")) {
            return Ok(Self::Gzip(Box::new(MultiGzDecoder::new(file))));
        }
        let mut decoder = zstd::Decoder::with_buffer(file)?;
        decoder.window_log_max(WINDOW_LOG_MAX)?;
        let decoder = Box::new(decoder);
        Ok(if is_recording { Self::Recording(decoder) } else { Self::Zstd(decoder) })
    }

    /// Reads once; 0 = the end.
    pub(super) fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = match self {
                Self::Plain(file) | Self::Pipe(file) => file.read(into),
                Self::Gzip(file) => file.read(into),
                Self::Zstd(file) | Self::Recording(file) => file.read(into),
            };
            match read {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// True where a read fails because a recording is truncated.
    pub(super) fn is_cut_off(&self, error: &std::io::Error) -> bool {
        error.kind() == ErrorKind::UnexpectedEof && matches!(self, Self::Recording(_))
    }

    /// Goes to `offset` (unpacked bytes) from the start; false = the file ends before it.
    pub(super) fn skip_to(&mut self, offset: u64) -> std::io::Result<bool> {
        if let Self::Plain(file) = self {
            file.seek(SeekFrom::Start(offset))?;
            return Ok(offset <= file.metadata()?.len());
        }
        let mut scratch = vec![0; PACKED_BYTES];
        let mut left = offset;
        while left > 0 {
            let want = scratch.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match self.read(&mut scratch[..want])? {
                0 => return Ok(false),
                read => left -= read as u64,
            }
        }
        Ok(true)
    }

    /// The file as it is stored.
    pub(super) fn stored(&self) -> &File {
        match self {
            Self::Plain(file) | Self::Pipe(file) => file,
            Self::Gzip(file) => file.get_ref().get_ref(),
            Self::Zstd(file) | Self::Recording(file) => file.get_ref().get_ref(),
        }
    }
}

/// True where the name is that of a packed file.
pub(super) fn is_packed(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("gz") || end.eq_ignore_ascii_case("zst"))
}
