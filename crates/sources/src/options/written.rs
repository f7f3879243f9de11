//! The keys of one source or sink: what its kind takes, and what a user wrote.

use super::diagnostic::{Field, Place};
use super::toml_table::Table;
use super::units::Scalar;

/// The type of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A string.
    Text,
    /// `true` or `false`.
    Flag,
    /// A string or a number.
    Scalar,
    /// A list of strings or numbers; a single one is a list of one.
    List,
}

/// A key that a kind takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// As job files name it.
    pub name: &'static str,
    /// Type of its value.
    pub takes: Takes,
}

impl Key {
    /// A key whose value is a string.
    #[must_use]
    pub const fn text(name: &'static str) -> Self {
        Self { name, takes: Takes::Text }
    }

    /// A key whose value is `true` or `false`.
    #[must_use]
    pub const fn flag(name: &'static str) -> Self {
        Self { name, takes: Takes::Flag }
    }

    /// A key whose value is a number, a duration, a size, a time.
    #[must_use]
    pub const fn scalar(name: &'static str) -> Self {
        Self { name, takes: Takes::Scalar }
    }

    /// A key whose value is a list.
    #[must_use]
    pub const fn list(name: &'static str) -> Self {
        Self { name, takes: Takes::List }
    }
}

/// A value as it was written; its type is that of its [`Key`].
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// For [`Takes::Text`].
    Text(String),
    /// For [`Takes::Flag`].
    Flag(bool),
    /// For [`Takes::Scalar`].
    Scalar(Scalar),
    /// For [`Takes::List`]; each item has a place of its own.
    List(Vec<Field<Scalar>>),
}

/// The keys of one source or sink as they were written: no unit is resolved, no default filled in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    values: Vec<(&'static str, Field<Value>)>,
}

impl Written {
    /// Reads `keys` from a TOML table; a value of the wrong type is reported and left out. Of two
    /// keys with one name the first decides the type.
    pub fn read(table: &mut Table<'_, '_, '_>, keys: impl IntoIterator<Item = Key>) -> Self {
        let mut written = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for key in keys {
            if seen.contains(&key.name) {
                continue;
            }
            seen.push(key.name);
            let Some(place) = table.place_of(key.name) else { continue };
            let value = match key.takes {
                Takes::Text => table.text(key.name).map(|field| Value::Text(field.value)),
                Takes::Flag => table.flag(key.name).map(|field| Value::Flag(field.value)),
                Takes::Scalar => table.scalar(key.name).map(|field| Value::Scalar(field.value)),
                Takes::List => table.list(key.name).map(Value::List),
            };
            written.values.extend(value.map(|value| (key.name, Field { value, place })));
        }
        written
    }

    /// Sets a key, as a flag of the command line does.
    pub fn set(&mut self, key: &'static str, field: Field<Value>) {
        self.values.retain(|(name, _)| *name != key);
        self.values.push((key, field));
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Field<Value>> {
        self.values.iter().find(|(name, _)| *name == key).map(|(_, field)| field)
    }

    /// The keys that were written, with their places.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, &Place)> {
        self.values.iter().map(|(name, field)| (*name, &field.place))
    }
}
