//! The version of the hashtag grammar: which text has which key.
//!
//! A state directory records it. Raise [`GRAMMAR`] with every change of what a hashtag is or how it
//! folds, including new Unicode tables. Also add a line to [`KEY_CHANGES`] if existing tags get a
//! different key, because their old counts would be under the old one.

/// The grammar of this program.
pub const GRAMMAR: u32 = 1;

/// Versions of the grammar that changed keys, ascending, with the tags whose keys changed.
pub const KEY_CHANGES: &[(u32, &str)] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_unicode_tables_are_another_grammar() {
        let normalization = unicode_normalization::UNICODE_VERSION;
        let tables =
            (normalization, unicode_properties::UNICODE_VERSION, caseless::UNICODE_VERSION);
        assert_eq!((GRAMMAR, tables), (1, ((18, 0, 0), (18, 0, 0), (16, 0, 0))));
    }

    #[test]
    fn changes_ascend_and_none_is_of_the_future() {
        assert!(KEY_CHANGES.is_sorted_by(|one, next| one.0 < next.0));
        for (version, kind) in KEY_CHANGES {
            assert!(*version > 1, "version 1 is the first");
            assert!(*version <= GRAMMAR, "version {version} does not exist yet");
            assert!(!kind.is_empty());
        }
    }
}
