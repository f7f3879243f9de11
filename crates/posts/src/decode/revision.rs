//! The order of the revisions of a post, if the platform defines one.

use crate::decode::{Format, time};
use crate::post::Raw;

/// Characters of Bluesky's record keys by time, in the order of their values.
const TID: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
const TID_LEN: usize = 13;

/// The rank of a revision among those of its post: later ones are greater, all are below 2^63 and
/// not
/// 0. `None` if the platform defines no order.
#[must_use]
pub fn revision(format: Format, rev: &Raw<'_>) -> Option<u64> {
    let place = match format {
        Format::Jetstream => tid(&rev.to_bytes())?,
        Format::Mastodon => u64::try_from(time::rfc3339(rev)?.0).ok()?,
        Format::Text | Format::TextPlus | Format::X1 | Format::X2 => return None,
    };
    Some(place.max(1))
}

/// Parses 13 characters of five bits each, of which the first bits are 0: microseconds and a clock
/// id.
fn tid(bytes: &[u8]) -> Option<u64> {
    if bytes.len() != TID_LEN {
        return None;
    }
    let mut digits = bytes.iter().map(|byte| TID.iter().position(|one| one == byte));
    let value = digits.try_fold(0u128, |value, digit| Some(value << 5 | digit? as u128))?;
    u64::try_from(value).ok().filter(|value| value >> 63 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_revisions_are_greater() {
        let of = |format, rev: &'static str| revision(format, &Raw::Plain(rev.as_bytes()));
        let ordered = ["2222222222222", "3l3qo2vutsw2b", "3l3qo2vuu2c2b", "bzzzzzzzzzzzz"];
        let places = ordered.map(|rev| of(Format::Jetstream, rev).unwrap());
        assert!(places.is_sorted_by(|a, b| a < b) && places[0] == 1 && places[3] >> 63 == 0);
        for bad in ["", "3l3qo2vutsw2", "3l3qo2vutsw2b2", "c222222222222", "3l3qo2vutsw20"] {
            assert_eq!(of(Format::Jetstream, bad), None, "{bad}");
        }
        let at = of(Format::Mastodon, "2024-09-09T19:46:02.329Z");
        assert_eq!(at, Some(1_725_911_162_329));
        assert_eq!(of(Format::Mastodon, "2024-09-09T21:46:02.329+02:00"), at);
        assert_eq!(of(Format::Mastodon, "<p>as it reads now</p>"), None);
        assert_eq!(of(Format::X2, "2024-09-09T19:46:02.329Z"), None);
    }
}
