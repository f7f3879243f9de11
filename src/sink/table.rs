//! The table of the terminal, drawn as the original's `show()` draws it.
//!
//! Pure. Control characters and direction overrides in a tag are shown as U+FFFD: a post must not
//! be able to steer the terminal. Cells longer than [`CELL_MAX_CHARS`] are cut.

use std::borrow::Cow;

use comfy_table::{CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table};

use crate::rank::Trend;

/// Longest cell, in code points; longer ones end in `...`.
pub const CELL_MAX_CHARS: usize = 60;

/// The rows as a table `hashtag | hashtag_count | change`, with a newline at the end.
#[must_use]
pub fn render(trends: &[Trend]) -> String {
    grid(
        &["hashtag", "hashtag_count", "change"],
        trends.iter().map(|trend| {
            let tag = super::hashtag(trend);
            vec![shown(&tag).into_owned(), trend.count.to_string(), change(trend.change).into()]
        }),
    )
}

/// Any rows as a table of that look, with a newline at the end. What comes from posts goes through
/// [`shown`] before.
#[must_use]
pub fn grid(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let border = LineStyle::new('+', '-', '+', '+');
    let content = ContentLineStyle::new('|', '|', '|');
    let style = comfy_table::TableStyle::new()
        .top_border(border)
        .header_lines(content)
        .header_separator(border)
        .content_lines(content)
        .bottom_border(border);
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.load_style(style).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 0)).set_cell_alignment(CellAlignment::Right);
    }
    let mut text = table.to_string();
    text.push('\n');
    text
}

/// Places moved: `+2`, `-1`, nothing where it stayed, `new`.
fn change(change: Option<i32>) -> Cow<'static, str> {
    match change {
        None => "new".into(),
        Some(0) => "".into(),
        Some(places) => format!("{places:+}").into(),
    }
}

/// A tag made safe for a terminal and cut to [`CELL_MAX_CHARS`].
#[must_use]
pub fn shown(tag: &str) -> Cow<'_, str> {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
    };
    let long = tag.chars().nth(CELL_MAX_CHARS).is_some();
    if !long && !tag.contains(steers) {
        return Cow::Borrowed(tag);
    }
    let keep = if long { CELL_MAX_CHARS - 3 } else { CELL_MAX_CHARS };
    let safe = |c| if steers(c) { '\u{fffd}' } else { c };
    let mut text: String = tag.chars().take(keep).map(safe).collect();
    if long {
        text.push_str("...");
    }
    Cow::Owned(text)
}
