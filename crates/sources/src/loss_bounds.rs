//! What a source may lose, as numbers and in words. The bounds hold while its server answers at
//! the first attempt; an outage adds its own length.

use std::fmt;
use std::time::Duration;

use super::reconnect::NETWORK_STEP;

/// Longest times whose posts are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossBounds {
    /// Before a crash of this process; what comes until the next start is connected adds to it.
    pub crash: Duration,
    /// After a connection that was cut; zero where there is none to cut.
    pub cut: Duration,
    /// After one that fell silent.
    pub silence: Duration,
    /// What a crash takes with it besides.
    pub buffer: Buffer,
    /// What was missed is asked for, so that the times above are lost only where that fails.
    pub filled: Filled,
}

/// Where posts wait before they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Buffer {
    /// On the server, which keeps them.
    #[default]
    None,
    /// In the kernel, at most this many bytes.
    Kernel(usize),
    /// In a pipe.
    Pipe,
}

/// What a server sends again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filled {
    /// Nothing, and what is missing cannot be known.
    #[default]
    No,
    /// Nothing, but what is missing is estimated.
    Estimated,
    /// Everything: nothing is lost.
    All,
    /// As far as it looks back.
    LookBack,
    /// The last minutes, this many.
    Minutes(u32),
    /// Missed posts, at most this many.
    Posts(u32),
}

impl LossBounds {
    /// Nothing is lost: the input can be read again.
    pub const NONE: Self = Self { filled: Filled::All, ..Self::UNKNOWN };
    const UNKNOWN: Self = Self {
        crash: Duration::ZERO,
        cut: Duration::ZERO,
        silence: Duration::ZERO,
        buffer: Buffer::None,
        filled: Filled::No,
    };

    /// The bounds of a live connection: silence of `stall` is a loss, and a server answers within
    /// `answer`.
    #[must_use]
    pub fn live(epoch: Duration, stall: Duration, answer: Duration, filled: Filled) -> Self {
        let cut = NETWORK_STEP + answer;
        Self { crash: epoch, cut, silence: stall + cut, buffer: Buffer::None, filled }
    }

    /// The times, as in `a crash loses at most 2 s of posts`.
    fn times(&self) -> String {
        let s = |time: Duration| format!("{} s", time.as_secs_f64());
        let mut text = format!("a crash loses at most {} of posts", s(self.crash));
        match self.buffer {
            Buffer::None => {}
            Buffer::Kernel(bytes) => {
                text.push_str(&format!(", plus {} MiB in the kernel's buffer", bytes >> 20));
            }
            Buffer::Pipe => text.push_str(", plus those still in the pipe"),
        }
        if !self.cut.is_zero() {
            text.push_str(", and those sent until the next start is connected; ");
            text.push_str(&format!("a dropped connection at most {}", s(self.cut)));
            if self.silence > self.cut {
                text.push_str(&format!(", a silent one at most {}", s(self.silence)));
            }
        }
        text
    }
}

impl fmt::Display for LossBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const GAP: &str = "the gap is measured and shown";
        let times = self.times();
        match self.filled {
            Filled::No => write!(f, "{times}; they cannot be read again"),
            Filled::Estimated => write!(f, "{times}; the gap is estimated and shown"),
            Filled::All => {
                f.write_str("nothing is lost and nothing is counted twice, with a state directory")
            }
            Filled::LookBack => write!(
                f,
                "nothing is lost within the server's look-back, with a state directory: it \
                 resumes where it stopped and drops duplicates; of a longer outage {GAP}"
            ),
            Filled::Minutes(minutes) => write!(
                f,
                "nothing is lost in an outage of up to {minutes} min, which the server sends \
                 again; of a longer one {GAP}; without that, {times}"
            ),
            Filled::Posts(posts) => write!(
                f,
                "up to {posts} missed posts are filled from the timeline, with a state directory \
                 and where the instance shows it; without that, {times}, and {GAP}; deletes and \
                 edits in that time are lost"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_in_words() {
        let s = Duration::from_secs;
        let live = LossBounds::live(s(2), Duration::ZERO, s(5), Filled::No);
        let tcp = LossBounds { buffer: Buffer::Kernel(1 << 20), ..live };
        assert_eq!(
            tcp.to_string(),
            "a crash loses at most 2 s of posts, plus 1 MiB in the kernel's buffer, and those sent \
             until the next start is connected; a dropped connection at most 5.25 s; they cannot \
             be read again"
        );
        let x = LossBounds::live(s(2), s(25), s(10), Filled::Estimated);
        assert!(x.to_string().contains("10.25 s, a silent one at most 35.25 s; the gap is est"));
        let pipe = LossBounds { crash: s(2), buffer: Buffer::Pipe, ..LossBounds::default() };
        assert_eq!(
            pipe.to_string(),
            "a crash loses at most 2 s of posts, plus those still in the pipe; they cannot be read \
             again"
        );
        assert!(LossBounds::NONE.to_string().starts_with("nothing is lost and nothing"));
    }
}
