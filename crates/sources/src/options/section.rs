//! One source or sink while it is checked: its keys, each in the type that its kind expects.

use super::checker::Checker;
use super::diagnostic::{Field, Place};
use super::units::{OptionError, Scalar};
use super::written::{Key, Value, Written};

/// A `[[source]]` or `[[sink]]` while it is checked.
///
/// A key that the kind does not declare is a bug of the kind: reading it panics in a debug build
/// and reads nothing otherwise.
pub struct Section<'a> {
    /// Takes the problems.
    pub checker: &'a mut Checker,
    /// Where the section begins; problems of missing keys point there.
    pub place: &'a Place,
    /// Ticks go by our clock, not by event time.
    pub is_live: bool,
    written: &'a Written,
    keys: &'static [Key],
}

impl<'a> Section<'a> {
    /// The section at `place` of a kind that takes `keys`.
    pub fn new(
        checker: &'a mut Checker,
        place: &'a Place,
        written: &'a Written,
        keys: &'static [Key],
        is_live: bool,
    ) -> Self {
        Self { checker, place, is_live, written, keys }
    }

    fn field(&self, key: &'static str) -> Option<&'a Field<Value>> {
        debug_assert!(self.keys.iter().any(|known| known.name == key), "`{key}` is not declared");
        self.written.get(key)
    }

    /// A string.
    #[must_use]
    pub fn text(&self, key: &'static str) -> Option<Field<String>> {
        let field = self.field(key)?;
        let Value::Text(value) = &field.value else { return None };
        Some(Field { value: value.clone(), place: field.place.clone() })
    }

    /// A string or a number.
    #[must_use]
    pub fn scalar(&self, key: &'static str) -> Option<Field<Scalar>> {
        let field = self.field(key)?;
        let Value::Scalar(value) = &field.value else { return None };
        Some(Field { value: value.clone(), place: field.place.clone() })
    }

    /// `true` or `false`.
    #[must_use]
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        match self.field(key)?.value {
            Value::Flag(value) => Some(value),
            _ => None,
        }
    }

    /// A list of strings or numbers.
    #[must_use]
    pub fn list(&self, key: &'static str) -> Option<&'a [Field<Scalar>]> {
        match &self.field(key)?.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Where a key was written; the section itself where it was not.
    #[must_use]
    pub fn place_of(&self, key: &'static str) -> &'a Place {
        self.field(key).map_or(self.place, |field| &field.place)
    }

    /// Adds a problem at a key, or at the section where the key was not written.
    pub fn problem(&mut self, key: &'static str, what: impl Into<String>, help: impl Into<String>) {
        self.checker.problem(self.place_of(key), what, help);
    }

    /// Adds a problem of the section as a whole, such as a missing key.
    pub fn missing(&mut self, what: impl Into<String>, help: impl Into<String>) {
        self.checker.problem(self.place, what, help);
    }

    /// The value of a key in its unit; `None` if it is missing or has a problem.
    pub fn optional<T>(
        &mut self,
        key: &'static str,
        read: fn(&Scalar) -> Result<T, OptionError>,
    ) -> Option<T> {
        self.checker.optional(self.scalar(key).as_ref(), read)
    }

    /// The value of a key in its unit, held to `low..=high`; `bounds` states them in words.
    pub fn bounded<T: PartialOrd + Copy>(
        &mut self,
        key: &'static str,
        read: fn(&Scalar) -> Result<T, OptionError>,
        default: T,
        range: (T, T),
        bounds: &str,
    ) -> T {
        self.checker.bounded(self.scalar(key).as_ref(), read, default, range, bounds)
    }

    /// One of a list of words.
    pub fn word<T: Clone>(&mut self, key: &'static str, known: &[(&str, T)], default: T) -> T {
        self.checker.word(self.text(key).as_ref(), known, default)
    }
}
