//! Which characters a hashtag can contain, and which are dropped from its key.
//!
//! The classes come from `unicode-properties`, `unicode-normalization` and `caseless`.

use std::sync::LazyLock;

use caseless::Caseless;
use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, is_nfkc_quick};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// `#` or its full-width form.
pub(super) fn is_sign(c: char) -> bool {
    matches!(c, '#' | '\u{FF03}')
}

/// A letter or a mark. A tag needs at least one.
pub(super) fn is_letter(c: char) -> bool {
    class(c) & LETTER != 0
}

/// A character that a tag can contain: letters, marks, decimal digits and the joining specials.
pub(super) fn is_word(c: char) -> bool {
    class(c) & WORD != 0
}

/// A word character that folding never changes, next to any other such character.
pub(super) fn is_settled(c: char) -> bool {
    class(c) & SETTLED != 0
}

pub(super) const LETTER: u8 = 1;
pub(super) const WORD: u8 = 2;
pub(super) const SETTLED: u8 = 4;

/// The basic plane and the one with the emoji.
const CODES: usize = 0x2_0000;

/// Classes of the common planes: one load instead of several binary searches.
#[derive(Clone, Copy)]
pub(super) struct Classes(&'static [u8; CODES]);

impl Classes {
    /// The table, built at the first call.
    pub(super) fn get() -> Self {
        static TABLE: LazyLock<Box<[u8; CODES]>> = LazyLock::new(|| {
            let mut table = Box::new([0; CODES]);
            for (code, class) in (0..).zip(table.iter_mut()) {
                *class = char::from_u32(code).map_or(0, look_up);
            }
            table
        });
        Self(&TABLE)
    }

    /// [`LETTER`], [`WORD`] and [`SETTLED`] of a character.
    #[inline(always)]
    pub(super) fn of(self, c: char) -> u8 {
        self.0.get(c as usize).copied().unwrap_or_else(|| look_up(c))
    }
}

fn class(c: char) -> u8 {
    Classes::get().of(c)
}

#[cold]
fn look_up(c: char) -> u8 {
    let group = c.general_category_group();
    let letter = matches!(group, GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark);
    if !letter && !is_special(c) && c.general_category() != GeneralCategory::DecimalNumber {
        return 0;
    }
    WORD | if letter { LETTER } else { 0 } | if settles(c) { SETTLED } else { 0 }
}

/// Whether NFKC and case folding leave `c` unchanged, and nothing can combine with it or move past
/// it.
fn settles(c: char) -> bool {
    canonical_combining_class(c) == 0
        && is_nfkc_quick(std::iter::once(c)) == IsNormalized::Yes
        && std::iter::once(c).default_case_fold().eq([c])
        && !is_default_ignorable(c)
}

/// Characters that join words inside a tag, beyond letters, marks and digits.
fn is_special(c: char) -> bool {
    matches!(
        c,
        '_' | '\u{200C}'
            | '\u{200D}'
            | '\u{A67E}'
            | '\u{05BE}'
            | '\u{05F3}'
            | '\u{05F4}'
            | '\u{FF5E}'
            | '\u{301C}'
            | '\u{309B}'
            | '\u{309C}'
            | '\u{30A0}'
            | '\u{30FB}'
            | '\u{3003}'
            | '\u{0F0B}'
            | '\u{0F0C}'
            | '\u{00B7}'
    )
}

/// ZWNJ and ZWJ: part of the spelling in many scripts, so a key keeps them inside.
pub(super) fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// `Default_Ignorable_Code_Point` of Unicode: invisible, so dropped from keys.
pub(super) fn is_default_ignorable(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFF8}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// White space of the URL rule: no URL contains it.
pub(super) fn is_space(c: char) -> bool {
    matches!(
        c,
        '\u{09}'..='\u{0D}'
            | ' '
            | '\u{85}'
            | '\u{A0}'
            | '\u{1680}'
            | '\u{180E}'
            | '\u{2000}'..='\u{200A}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202F}'
            | '\u{205F}'
            | '\u{3000}'
    )
}
