//! The optional columns of a ranking, each declared once beside its field in [`Trend`]. From this
//! list the history writes and reads them, and the terminal shows them. A new one needs its value
//! (`ranking.rs`), a line in `schema.sql` of the history, and a migration for older files.

use crate::rank::{Mode, Trend};

/// One optional field of a [`Trend`].
#[derive(Debug)]
pub struct Column {
    /// Name in JSON, in the history and above the column in a terminal.
    pub name: &'static str,
    /// Follows the value in the table of `tagtide run`.
    pub unit: &'static str,
    /// Modes whose table has it; a column of no mode is stored only.
    pub modes: &'static [Mode],
    /// Type and place of the value.
    pub field: Field,
}

/// Type and place of a value.
#[derive(Debug)]
pub enum Field {
    /// A whole number.
    Count(Access<u64>),
    /// A real number.
    Number(Access<f64>),
    /// A text.
    Text(Access<String>),
}

/// Place of a value.
#[derive(Debug)]
pub struct Access<T> {
    /// The value, to read.
    pub get: fn(&Trend) -> Option<&T>,
    /// The value, to set.
    pub slot: fn(&mut Trend) -> &mut Option<T>,
}

macro_rules! column {
    ($kind:ident $name:ident, $unit:literal, $modes:expr) => {
        Column {
            name: stringify!($name),
            unit: $unit,
            modes: $modes,
            field: Field::$kind(Access {
                get: |row| row.$name.as_ref(),
                slot: |row| &mut row.$name,
            }),
        }
    };
}

/// All of them, in the order of a table.
pub static COLUMNS: [Column; 5] = {
    use Mode::{Authors, Decay, Mastodon, Signitrend, Single, Trending, Zscore};
    [
        column!(
            Count authors, "", &[Authors, Trending, Single, Zscore, Signitrend, Mastodon]
        ),
        column!(Number score, "", &[Decay, Single, Zscore, Signitrend, Mastodon]),
        column!(Number lift, "x", &[Trending]),
        column!(Number expected, "", &[]),
        column!(Text status, "", &[Trending]),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_optional_field_of_a_row_is_declared() {
        let row = Trend {
            rank: 1,
            tag: "a".to_owned(),
            display: "A".to_owned(),
            count: 2,
            authors: Some(3),
            score: Some(4.5),
            lift: Some(5.5),
            expected: Some(6.5),
            status: Some("rising".to_owned()),
            change: Some(7),
            series: Some(vec![8]),
        };
        let json = serde_json::to_value(&row).expect("JSON");
        let mut names: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
        names.extend(["rank", "tag", "display", "count", "change", "series"]);
        names.sort_unstable();
        let mut fields: Vec<_> = json.as_object().expect("an object").keys().collect();
        fields.sort_unstable();
        assert_eq!(fields, names);
        // Each reads and sets the field of its name.
        let mut copy = Trend { change: row.change, series: row.series.clone(), ..Trend::default() };
        for column in &COLUMNS {
            let value = match &column.field {
                Field::Count(of) => {
                    *(of.slot)(&mut copy) = (of.get)(&row).copied();
                    serde_json::to_value((of.get)(&row))
                }
                Field::Number(of) => {
                    *(of.slot)(&mut copy) = (of.get)(&row).copied();
                    serde_json::to_value((of.get)(&row))
                }
                Field::Text(of) => {
                    *(of.slot)(&mut copy) = (of.get)(&row).cloned();
                    serde_json::to_value((of.get)(&row))
                }
            };
            assert_eq!(value.expect("JSON"), json[column.name], "{}", column.name);
        }
        let (rank, tag, display, count) = (1, "a".to_owned(), "A".to_owned(), 2);
        assert_eq!(Trend { rank, tag, display, count, ..copy }, row);
    }
}
