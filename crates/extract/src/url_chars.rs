//! Character classes of the URL rule.

use super::chars::is_space;

/// Can directly precede a URL.
pub(super) fn precedes(c: char) -> bool {
    !(c.is_ascii_alphanumeric()
        || matches!(
            c,
            '@' | '\u{FF20}' | '$' | '#' | '\u{FF03}' | '\u{FFFE}' | '\u{FEFF}' | '\u{FFFF}'
        ))
}

/// Can be in a label of a domain, in addition to `-` and `_` inside.
pub(super) fn domain(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric()
            || matches!(c, '"' | '`' | '\0'..='\u{08}' | '\u{0E}'..='\u{1F}' | '\u{7F}');
    }
    !is_space(c)
        && !matches!(
            c,
            '\u{FFFE}' | '\u{FEFF}' | '\u{FFFF}' | '\u{202A}'..='\u{202E}' | '\u{061C}'
                | '\u{200E}' | '\u{200F}' | '\u{2066}'..='\u{2069}'
        )
}

/// Latin letters with accents that are allowed in paths and ASCII domains.
pub(super) fn latin_accent(c: char) -> bool {
    matches!(
        c,
        '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{24F}' | '\u{253}' | '\u{254}'
            | '\u{256}' | '\u{257}' | '\u{259}' | '\u{25B}' | '\u{263}' | '\u{268}' | '\u{26F}'
            | '\u{272}' | '\u{289}' | '\u{28B}' | '\u{2BB}' | '\u{300}'..='\u{36F}'
            | '\u{1E00}'..='\u{1EFF}'
    )
}

/// A letter, digit or accented letter of a path.
fn path_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '\u{400}'..='\u{4FF}') || latin_accent(c)
}

/// Can be in a path, apart from parentheses.
pub(super) fn path(c: char) -> bool {
    path_letter(c) || c == '\u{2013}' || (c.is_ascii() && "!*';:=+,.$/%#[]-_~@|&".contains(c))
}

/// Can end a path, apart from parentheses.
pub(super) fn path_end(c: char) -> bool {
    path_letter(c) || matches!(c, '+' | '-' | '=' | '_' | '#' | '/')
}

/// Can be in a query.
pub(super) fn query(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!?*'@();:&=+$/%#[]-_.,~|".contains(&b)
}

/// Can end a query.
pub(super) fn query_end(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-_&=#/".contains(&b)
}
