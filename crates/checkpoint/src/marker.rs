//! `job.json`, the marker: the identity of the job, and the key of the directory's hashes.
//!
//! It is written at the first start, after the empty first log segment. So a directory with a
//! marker must have a log, and one without has never committed anything. It is replaced if a later
//! version of the program records more of the job's identity, or a compatible new value. Its last
//! field is a checksum; a file that differs in one byte from what would be written is damaged. The
//! file contains a secret key: mode 0600, and no message repeats its content.

use std::io::Read;

use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::identity::{Difference, Recorded};
use super::names::{self, MARKER, MARKER_TMP, PublishPoints};
use super::record::{FORMAT, Origin};
use super::{CheckpointError, Damage, Identity, Key, io_error};

/// Longest marker that is read.
const MARKER_MAX_BYTES: u64 = 1 << 20;

const POINTS: PublishPoints = PublishPoints {
    create: "marker.create",
    write: "marker.write",
    sync: "marker.sync",
    rename: "marker.rename",
    sync_dir: "marker.sync-dir",
    done: "marker.done",
};

/// The content of `job.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) identity: Recorded,
    /// Hash of the identity at the first start, which the heads of all files carry.
    pub(super) job_hash: u64,
    pub(super) directory: [u8; 16],
    pub(super) key: Key,
}

/// The file on disk.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: u16,
    job: String,
    parts: Vec<(String, String)>,
    /// Only where it is not the hash of `job` and `parts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job_hash: Option<String>,
    directory: String,
    key: String,
    crc32c: String,
}

/// The one field that every version has.
#[derive(Deserialize)]
struct Version {
    format: u16,
}

impl Marker {
    /// A marker of a new directory.
    pub(super) fn new(disk: &dyn Disk, identity: &Identity) -> Result<Self, CheckpointError> {
        let (mut directory, mut key) = ([0; 16], [0; 32]);
        disk.random(&mut directory)
            .and_then(|()| disk.random(&mut key))
            .map_err(|error| io_error("take random bytes for", disk.dir().join(MARKER), error))?;
        let identity = Recorded::from(identity);
        Ok(Self { job_hash: identity.hash(), identity, directory, key: Key(key) })
    }

    /// What all files of the directory carry in their heads.
    pub(super) fn origin(&self) -> Origin {
        Origin { directory: self.directory, job: self.job_hash }
    }

    /// Writes it durably.
    pub(super) fn write(&self, disk: &dyn Disk) -> Result<(), CheckpointError> {
        let text = self.encode();
        names::publish(disk, MARKER_TMP, MARKER, text.as_bytes(), &POINTS).map(drop)
    }

    /// Reads the one that is there.
    pub(super) fn read(disk: &dyn Disk) -> Result<Self, CheckpointError> {
        let path = disk.dir().join(MARKER);
        let (file, len) =
            disk.read(MARKER).map_err(|error| io_error("open", path.clone(), error))?;
        let damaged = |source| CheckpointError::Damaged { file: path.clone(), source };
        if len > MARKER_MAX_BYTES {
            return Err(damaged(Damage::Length(len)));
        }
        let mut bytes = Vec::new();
        file.take(MARKER_MAX_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|error| io_error("read", path.clone(), error))?;
        Self::decode(&bytes).map_err(damaged)
    }

    fn encode(&self) -> String {
        let changed = self.job_hash != self.identity.hash();
        let mut text = Text {
            format: FORMAT,
            job: self.identity.job.clone(),
            parts: self.identity.parts.clone(),
            job_hash: changed.then(|| hex(&self.job_hash.to_be_bytes())),
            directory: hex(&self.directory),
            key: hex(&self.key.0),
            crc32c: String::new(),
        };
        text.crc32c = hex(&crc32c::crc32c(render(&text).as_bytes()).to_be_bytes());
        render(&text)
    }

    fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        if let Ok(Version { format }) = serde_json::from_slice(bytes)
            && format != FORMAT
        {
            return Err(Damage::Version(format));
        }
        // The parser's own message could repeat a part of the key.
        let text: Text =
            serde_json::from_slice(bytes).map_err(|_| "it is not the JSON that was written")?;
        let identity = Recorded { job: text.job, parts: text.parts };
        let job_hash = match &text.job_hash {
            None => identity.hash(),
            Some(hash) => u64::from_be_bytes(unhex(hash).ok_or("its job hash is malformed")?),
        };
        let marker = Self {
            identity,
            job_hash,
            directory: unhex(&text.directory).ok_or("its directory id is malformed")?,
            key: Key(unhex(&text.key).ok_or("its key is malformed")?),
        };
        if marker.encode().as_bytes() != bytes {
            return Err("its checksum does not match".into());
        }
        Ok(marker)
    }

    /// Takes over the identity of this run, or stops where counts cannot follow it. True where the
    /// file has to be written again.
    pub(super) fn follow(
        &mut self,
        disk: &dyn Disk,
        now: &Identity,
    ) -> Result<bool, CheckpointError> {
        self.identity.check(now).map_err(|Difference { what, help }| CheckpointError::Foreign {
            dir: disk.dir().to_owned(),
            what,
            help,
        })?;
        let now = Recorded::from(now);
        let changed = now != self.identity;
        self.identity = now;
        Ok(changed)
    }
}

fn render(text: &Text) -> String {
    // Strings and numbers alone cannot fail to be written.
    let mut json = serde_json::to_string_pretty(text).expect("plain fields are valid JSON");
    json.push('\n');
    json
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> Marker {
        let parts = vec![("rule".to_owned(), "tags".to_owned())];
        let identity = Recorded { job: "demo \"1\" é".into(), parts };
        let job_hash = identity.hash();
        Marker { identity, job_hash, directory: [0xab; 16], key: Key([0xcd; 32]) }
    }

    /// One whose identity has changed since the first start.
    fn changed() -> Marker {
        Marker { job_hash: 7, ..marker() }
    }

    #[test]
    fn it_is_read_as_written() {
        for marker in [marker(), changed()] {
            assert_eq!(Marker::decode(marker.encode().as_bytes()).ok(), Some(marker));
        }
        assert!(!marker().encode().contains("job_hash"), "older programs read a new directory");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let good = changed().encode().into_bytes();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Marker::decode(&bad).is_err(), "bit {bit}");
        }
        for len in 0..good.len() {
            assert!(Marker::decode(&good[..len]).is_err(), "length {len}");
        }
    }

    #[test]
    fn a_later_format_is_named_and_the_key_never() {
        let later = marker().encode().replace("\"format\": 1", "\"format\": 2");
        assert!(Marker::decode(later.as_bytes()).unwrap_err().to_string().contains("version 2"));
        assert!(!format!("{:?}", marker()).contains("cd"));
        assert!(!format!("{:?}", marker()).contains("205, 205"));
    }
}
