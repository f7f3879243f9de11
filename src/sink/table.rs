//! The table of the terminal, drawn as the original's `show()` draws it.
//!
//! Pure. Control characters and direction overrides in a tag are shown as U+FFFD: a post must not
//! be able to steer the terminal. Cells longer than [`CELL_MAX_CHARS`] are cut.

use std::borrow::Cow;

use comfy_table::{CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table};

use tagtide_trends::rank::columns::{COLUMNS, Column, Field};
use tagtide_trends::rank::{Mode, Ranking, Trend};
use tagtide_trends::score::formula::LEARNED;

/// Longest cell, in code points; longer ones end in `...`.
pub const CELL_MAX_CHARS: usize = 60;

/// The rows as a table `hashtag | hashtag_count | change`, with a newline at the end. Modes that
/// rank by something else have columns for it before `change`; while baselines are learned, and
/// where counts are approximate, a line below states it.
#[must_use]
pub fn render(ranking: &Ranking) -> String {
    let mode = Mode::named(&ranking.mode);
    let has = |column: &&Column| mode.is_some_and(|mode| column.modes.contains(&mode));
    let columns: Vec<_> = COLUMNS.iter().filter(has).collect();
    let mut header = vec!["hashtag", "hashtag_count"];
    header.extend(columns.iter().map(|column| column.name));
    header.push("change");
    let rows = ranking.trends.iter().map(|trend| {
        let tag = super::hashtag(trend);
        let mut row = vec![shown(&tag).into_owned(), trend.count.to_string()];
        row.extend(columns.iter().map(|column| cell_with_unit(column, trend)));
        row.push(change(trend.change).into());
        row
    });
    let mut text = grid(&header, rows);
    text.push_str(&approximate(ranking));
    if let Some(windows) = ranking.learning {
        text.push_str(&format!("learning baseline ({windows} of {LEARNED} windows)\n"));
    }
    text
}

/// What `limits.tags_max` did to the counts, where it was reached.
fn approximate(ranking: &Ranking) -> String {
    if !ranking.approximate {
        return String::new();
    }
    let mut text = "approximate: more tags than limits.tags_max".to_owned();
    if ranking.error_bound > 0 {
        text.push_str(&format!("; a count is at most {} too large", ranking.error_bound));
    }
    if ranking.other > 0 {
        text.push_str(&format!("; {} occurrences are of evicted tags", ranking.other));
    }
    text + "\n"
}

/// The cell of a column; empty where the row has no value.
#[must_use]
pub fn cell(column: &Column, row: &Trend) -> String {
    let text = match &column.field {
        Field::Count(of) => (of.get)(row).map(u64::to_string),
        Field::Number(of) => (of.get)(row).map(|value| format!("{value:.1}")),
        Field::Text(of) => (of.get)(row).cloned(),
    };
    text.unwrap_or_default()
}

/// The same with its unit.
fn cell_with_unit(column: &Column, row: &Trend) -> String {
    let mut text = cell(column, row);
    if !text.is_empty() {
        text.push_str(column.unit);
    }
    text
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
    shown_to(tag, CELL_MAX_CHARS)
}

/// The same with another length.
#[must_use]
pub fn shown_to(tag: &str, max_chars: usize) -> Cow<'_, str> {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}')
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
    };
    let long = tag.chars().nth(max_chars).is_some();
    if !long && !tag.contains(steers) {
        return Cow::Borrowed(tag);
    }
    let keep = if long { max_chars - 3 } else { max_chars };
    let safe = |c| if steers(c) { '\u{fffd}' } else { c };
    let mut text: String = tag.chars().take(keep).map(safe).collect();
    if long {
        text.push_str("...");
    }
    Cow::Owned(text)
}
