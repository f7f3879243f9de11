//! Which characters may stand in a hashtag, and which are dropped from its key.
//!
//! Classes come from the Unicode character database of `unicode-properties`; ASCII is answered
//! without a table.

use std::sync::LazyLock;

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// `#` or its full-width twin.
pub(super) fn is_sign(c: char) -> bool {
    matches!(c, '#' | '\u{FF03}')
}

/// A letter beyond ASCII of the commonest scripts that is its own key, alone and beside every other
/// such letter: it spares the tables.
pub(super) fn is_plain_letter(c: char) -> bool {
    matches!(
        c,
        '\u{3041}'..='\u{3096}'
            | '\u{30A1}'..='\u{30FA}'
            | '\u{30FC}'..='\u{30FE}'
            | '\u{4E00}'..='\u{9FFF}'
            | '\u{AC00}'..='\u{D7A3}'
            | '\u{E0}'..='\u{F6}'
            | '\u{F8}'..='\u{FF}'
            | '\u{430}'..='\u{44F}'
            | '\u{5D0}'..='\u{5EA}'
            | '\u{621}'..='\u{63A}'
            | '\u{641}'..='\u{64A}'
            | '\u{E01}'..='\u{E30}'
    )
}

/// A letter or a mark: a tag needs at least one.
pub(super) fn is_letter(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() } else { class(c) & LETTER != 0 }
}

/// A character that a tag may hold: letters, marks, decimal digits and the joining specials.
pub(super) fn is_word(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() || c == '_' } else { class(c) & WORD != 0 }
}

const LETTER: u8 = 1;
const WORD: u8 = 2;

/// Classes of the basic plane, made at the first question: one load instead of two searches.
static CLASSES: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    let of = |c| char::from_u32(c).map_or(0, look_up);
    (0..0x1_0000).map(of).collect()
});

fn class(c: char) -> u8 {
    CLASSES.get(c as usize).copied().unwrap_or_else(|| look_up(c))
}

fn look_up(c: char) -> u8 {
    let group = c.general_category_group();
    if matches!(group, GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark) {
        return LETTER | WORD;
    }
    let word = is_special(c) || c.general_category() == GeneralCategory::DecimalNumber;
    if word { WORD } else { 0 }
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

/// `Default_Ignorable_Code_Point` of Unicode: it shows nothing, so a key drops it.
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

/// White space of the URL rule: no URL reaches over it.
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
