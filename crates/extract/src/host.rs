//! Domains in a text: labels, top-level domains, and their length in punycode.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::OnceLock;

use smallvec::SmallVec;

use super::url_chars::{domain, latin_accent};

/// Top-level domains of the root zone (names in Unicode) and `onion`.
static LIST: &str = include_str!("data/tlds.txt");
/// Longest label of a domain, in bytes of its ASCII form.
const LABEL_MAX_BYTES: usize = 63;

struct Tlds {
    ascii: HashSet<&'static str>,
    other: Vec<&'static str>,
}

fn tlds() -> &'static Tlds {
    static TLDS: OnceLock<Tlds> = OnceLock::new();
    TLDS.get_or_init(|| {
        let (ascii, other): (Vec<_>, Vec<_>) = LIST.split_whitespace().partition(|t| t.is_ascii());
        Tlds { ascii: ascii.into_iter().collect(), other }
    })
}

/// End of the top-level domain that begins at `at`.
fn tld_end(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let bytes = rest.as_bytes();
    let run = bytes.iter().take(LABEL_MAX_BYTES + 1).take_while(|b| b.is_ascii_alphanumeric());
    let run = run.count();
    if (2..=LABEL_MAX_BYTES).contains(&run) && ends_tld(bytes.get(run)) {
        let mut lower = [0; LABEL_MAX_BYTES];
        lower[..run].copy_from_slice(&bytes[..run]);
        lower[..run].make_ascii_lowercase();
        if str::from_utf8(&lower[..run]).is_ok_and(|tld| tlds().ascii.contains(tld)) {
            return Some(at + run);
        }
    }
    if bytes.first().is_some_and(|b| !b.is_ascii()) {
        // The list is sorted, so only names with the same first letter are compared.
        let first = rest.chars().next().and_then(|c| c.to_lowercase().next());
        let other = &tlds().other;
        let from = other.partition_point(|tld| tld.chars().next() < first);
        let same = other[from..].iter().take_while(|tld| tld.chars().next() == first);
        let ends = same.filter_map(|tld| prefix_len(rest, tld));
        return ends.filter(|&n| ends_tld(bytes.get(n))).max().map(|n| at + n);
    }
    if bytes.len() > 4 && bytes[..4].eq_ignore_ascii_case(b"xn--") {
        let more = bytes[4..].iter().take_while(|&&b| b == b'-' || b.is_ascii_alphanumeric());
        let more = more.count();
        return (more > 0).then_some(at + 4 + more);
    }
    None
}

/// Whether `next` can follow a top-level domain.
fn ends_tld(next: Option<&u8>) -> bool {
    next.is_none_or(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'@' | b'+' | b'-')))
}

/// Bytes of `text` that match `tld`, ignoring case.
fn prefix_len(text: &str, tld: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    for want in tld.chars() {
        let (_, have) = chars.next()?;
        if have != want && !have.to_lowercase().eq(std::iter::once(want)) {
            return None;
        }
    }
    Some(chars.offset())
}

/// One label and the dot that ends it.
struct Label {
    dot: usize,
    /// Ends in a domain character: it is not empty and does not end in `-` or `_`.
    sound: bool,
    underscore: Option<usize>,
    /// End of a top-level domain directly after the dot.
    tld: Option<usize>,
    /// End of the longest domain that contains this whole label.
    reach: Option<usize>,
}

/// Finds the domain that begins at a place. Each run of domain characters is analysed once.
pub(super) struct Hosts<'a> {
    text: &'a str,
    run: Range<usize>,
    labels: SmallVec<[Label; 8]>,
}

impl<'a> Hosts<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, run: 0..0, labels: SmallVec::new() }
    }

    /// End of the longest domain with a known top-level domain that begins at `start`.
    pub(super) fn end_from(&mut self, start: usize) -> Option<usize> {
        if !self.run.contains(&start) {
            self.analyse(start);
        }
        let i = self.labels.partition_point(|label| label.dot < start);
        let label = self.labels.get(i)?;
        if !label.sound || !self.text[start..].chars().next().is_some_and(domain) {
            return None;
        }
        let longer = self.labels.get(i + 1).and_then(|next| next.reach);
        longer.or(if label.underscore.is_some_and(|at| at >= start) { None } else { label.tld })
    }

    /// Reads the run of domain characters at `start`.
    fn analyse(&mut self, start: usize) {
        self.labels.clear();
        let mut end = self.text.len();
        let (mut sound, mut underscore, mut open) = (false, None, false);
        let mut opens: SmallVec<[bool; 8]> = SmallVec::new();
        let mut first = true;
        for (i, c) in self.text[start..].char_indices() {
            let at = start + i;
            if c == '.' {
                let tld = tld_end(self.text, at + 1);
                self.labels.push(Label { dot: at, sound, underscore, tld, reach: None });
                opens.push(open);
                (sound, underscore, first) = (false, None, true);
                continue;
            }
            let plain = domain(c);
            if !plain && !matches!(c, '-' | '_') {
                end = at;
                break;
            }
            if first {
                (open, first) = (plain, false);
            }
            sound = plain;
            if c == '_' {
                underscore = Some(at);
            }
        }
        let mut next = None;
        for (label, open) in self.labels.iter_mut().zip(opens).rev() {
            if label.sound && open {
                let own = if label.underscore.is_none() { label.tld } else { None };
                next = next.or(own);
            } else {
                next = None;
            }
            label.reach = next;
        }
        self.run = start..end.max(start + 1);
    }
}

/// The domains in `host` with only ASCII and accented Latin letters.
pub(super) fn ascii_domains(host: &str) -> SmallVec<[Range<usize>; 2]> {
    let inside = |c: char| c == '-' || c.is_ascii_alphanumeric() || latin_accent(c);
    let mut found = SmallVec::new();
    let mut at = 0;
    while let Some(start) = host[at..].find(inside).map(|i| at + i) {
        let mut end = None;
        let mut label = start;
        loop {
            let run = host[label..].find(|c| !inside(c)).map_or(host.len(), |i| label + i);
            if run == label || host.as_bytes().get(run) != Some(&b'.') {
                at = run.max(label);
                break;
            }
            label = run + 1;
            end = tld_end(host, label).or(end);
        }
        if let Some(end) = end {
            found.push(start..end);
            at = end;
        }
    }
    found
}

/// Whether every label is short enough for a domain name in punycode.
pub(super) fn is_host_valid(host: &str) -> bool {
    if host.starts_with("xn--") && ascii_domains(host).is_empty() {
        return false;
    }
    host.split('.').all(|label| (1..=LABEL_MAX_BYTES).contains(&ascii_len(label)))
}

/// Bytes of `label` in ASCII form. Above the limit the value only says that it is above.
fn ascii_len(label: &str) -> usize {
    if label.is_ascii() {
        return label.len();
    }
    if label.chars().count() > LABEL_MAX_BYTES {
        return LABEL_MAX_BYTES + 1;
    }
    let pieces = label.split(['\u{3002}', '\u{FF0E}', '\u{FF61}']);
    let lens = pieces.map(|p| if p.is_ascii() { p.len() } else { 4 + punycode_len(p) });
    lens.map(|n| n + 1).sum::<usize>() - 1
}

/// Bytes of `label` encoded by RFC 3492, without the prefix.
fn punycode_len(label: &str) -> usize {
    let basic = label.chars().filter(char::is_ascii).count();
    let total = label.chars().count();
    let mut len = basic + usize::from(basic > 0);
    let (mut n, mut delta, mut bias, mut done) = (128_u32, 0_u32, 72_u32, basic);
    while done < total {
        let Some(next) = label.chars().map(u32::from).filter(|&c| c >= n).min() else { break };
        delta += (next - n) * u32::try_from(done + 1).unwrap_or(u32::MAX);
        n = next;
        for c in label.chars().map(u32::from) {
            if c < n {
                delta += 1;
            } else if c == n {
                len += digits(delta, bias);
                bias = adapt(delta, done + 1, done == basic);
                delta = 0;
                done += 1;
            }
        }
        delta += 1;
        n += 1;
    }
    len
}

/// Digits of one variable-length integer of RFC 3492.
fn digits(mut value: u32, bias: u32) -> usize {
    let mut count = 1;
    let mut k = 36_u32;
    loop {
        let threshold = k.saturating_sub(bias).clamp(1, 26);
        if value < threshold {
            return count;
        }
        value = (value - threshold) / (36 - threshold);
        count += 1;
        k += 36;
    }
}

/// The bias of RFC 3492 after a delta.
fn adapt(delta: u32, points: usize, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / u32::try_from(points).unwrap_or(u32::MAX);
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_in_lower_case() {
        let list: Vec<&str> = LIST.split_whitespace().collect();
        assert!(list.len() > 1400 && list.is_sorted());
        assert!(list.iter().all(|tld| tld.to_lowercase() == **tld));
    }

    #[test]
    fn top_level_domains_end_where_they_must() {
        for (text, end) in [
            ("com", Some(3)),
            ("CoM/", Some(3)),
            ("comx", None),
            ("com-x", None),
            ("com_x", Some(3)),
            ("comé", Some(3)),
            ("xn--p1ai", Some(8)),
            ("xn--", None),
            ("рф", Some(4)),
            ("РФ/", Some(4)),
            ("рф1", None),
            ("中国", Some(6)),
            ("c", None),
            ("", None),
        ] {
            assert_eq!(tld_end(text, 0), end, "{text}");
        }
    }

    #[test]
    fn labels_are_measured_in_punycode() {
        for (label, len) in [
            ("abc", 3),
            ("bücher", 13),
            ("münchen", 14),
            ("пример", 12),
            ("日本語", 14),
            ("a。bücher", 15),
        ] {
            assert_eq!(ascii_len(label), len, "{label}");
        }
        assert!(is_host_valid(&format!("{}.com", "a".repeat(63))));
        assert!(!is_host_valid(&format!("{}.com", "a".repeat(64))));
        assert!(!is_host_valid(&format!("{}.com", "日".repeat(64))));
    }
}
