//! The result: a Markdown table and notes under it.

use std::fmt;

use super::jobs::Measured;

/// One measurement.
pub(super) struct Row {
    what: String,
    posts: u64,
    seconds: f64,
    peak_bytes: u64,
    /// Times as long as `wc -l` and as the bare scan took.
    ratios: Option<(f64, f64)>,
}

impl Row {
    /// A measurement of so many posts.
    pub(super) fn new(what: String, posts: u64, measured: &Measured) -> Self {
        let Measured { seconds, peak_bytes, .. } = *measured;
        Self { what, posts, seconds, peak_bytes, ratios: None }
    }

    /// With what bounds it on the same file.
    pub(super) fn beside(mut self, wc: &Measured, scan: &Measured) -> Self {
        self.ratios = Some((self.seconds / wc.seconds, self.seconds / scan.seconds));
        self
    }
}

/// All measurements.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Table {
    /// Adds a row.
    pub(super) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds a paragraph under the table.
    pub(super) fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | million posts/s | ns/post | x `wc -l` | x bare scan | peak MB |")?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        for row in &self.rows {
            let rate = row.posts as f64 / row.seconds / 1e6;
            let nanos = row.seconds * 1e9 / row.posts as f64;
            write!(f, "| {} | {rate:.2} | {nanos:.1} ", row.what)?;
            match row.ratios {
                Some((wc, scan)) => write!(f, "| {wc:.2} | {scan:.2} ")?,
                None => write!(f, "| | ")?,
            }
            writeln!(f, "| {:.0} |", row.peak_bytes as f64 / 1e6)?;
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_rate_cost_and_ratios() {
        let took = |seconds| Measured { seconds, peak_bytes: 50_000_000, ..Measured::default() };
        let mut table = Table::default();
        let row = Row::new("text".into(), 10_000_000, &took(1.0));
        table.row(row.beside(&took(0.5), &took(0.8)));
        table.row(Row::new("tcp".into(), 10_000_000, &took(2.0)));
        table.note("A note.".into());
        let text = table.to_string();
        assert!(text.contains("| text | 10.00 | 100.0 | 2.00 | 1.25 | 50 |\n"), "{text}");
        assert!(text.contains("| tcp | 5.00 | 200.0 | | | 50 |\n\nA note.\n"), "{text}");
    }
}
