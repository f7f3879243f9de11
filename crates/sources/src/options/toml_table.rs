//! Reads one TOML table key by key, with the place of each value.
//!
//! Unlike a derived deserializer it does not stop at the first problem: a value of the wrong type
//! is reported and left out, and a key that was not read is unknown. The keys that were read *are*
//! the schema; [`Asked`] collects them for tests and documentation.

use std::collections::BTreeSet;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Field, Place, nearest};
use super::units::Scalar;

/// Full names of all keys that were read.
pub type Asked = BTreeSet<String>;

/// The text that is read, and its problems.
pub struct Document<'a> {
    /// Name for messages.
    pub file: Arc<str>,
    /// The whole text, for line numbers.
    pub text: &'a str,
    /// Problems found so far.
    pub problems: Vec<Diagnostic>,
    /// The schema, as far as it was read.
    pub asked: Asked,
}

impl<'a> Document<'a> {
    /// A document at its start.
    #[must_use]
    pub fn new(file: &str, text: &'a str) -> Self {
        Self { file: Arc::from(file), text, problems: Vec::new(), asked: Asked::new() }
    }

    /// The line of byte `at`, from 1.
    fn line(&self, at: usize) -> usize {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        memchr::memchr_iter(b'\n', before).count() + 1
    }

    /// The place of `key` at byte `at`.
    pub fn place(&self, at: usize, key: impl Into<String>) -> Place {
        Place { file: Some(self.file.clone()), line: self.line(at), key: key.into() }
    }

    fn wrong_type(&mut self, place: Place, wanted: &str, got: &DeValue<'_>) {
        let what = format!("expected {wanted}, found {}", type_name(got));
        self.problems.push(Diagnostic { place, what, help: None });
    }
}

/// One table of the document.
pub struct Table<'d, 't, 'a> {
    doc: &'d mut Document<'a>,
    /// Full name, empty for the top.
    name: &'static str,
    table: &'t DeTable<'t>,
    known: Vec<&'static str>,
}

impl<'d, 't, 'a> Table<'d, 't, 'a> {
    /// The table `name` of the document; the empty name is the top.
    pub fn new(doc: &'d mut Document<'a>, name: &'static str, table: &'t DeTable<'t>) -> Self {
        Self { doc, name, table, known: Vec::new() }
    }

    /// The document, to read tables inside this one.
    pub fn doc(&mut self) -> &mut Document<'a> {
        self.doc
    }

    fn full(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// Where `key` was written; it counts as read.
    pub fn place_of(&mut self, key: &'static str) -> Option<Place> {
        self.take(key).map(|(_, place)| place)
    }

    /// The raw value of `key` and its place.
    pub fn take(&mut self, key: &'static str) -> Option<(&'t Spanned<DeValue<'t>>, Place)> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let full = self.full(key);
        self.doc.asked.insert(full.clone());
        let (name, value) = self.table.get_key_value(key)?;
        Some((value, self.doc.place(name.span().start, full)))
    }

    /// A string.
    pub fn text(&mut self, key: &'static str) -> Option<Field<String>> {
        let (value, place) = self.take(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Field { value: text.clone().into_owned(), place }),
            other => {
                self.doc.wrong_type(place, "a string", other);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &'static str) -> Option<Field<bool>> {
        let (value, place) = self.take(key)?;
        match value.get_ref() {
            DeValue::Boolean(value) => Some(Field { value: *value, place }),
            other => {
                self.doc.wrong_type(place, "`true` or `false`", other);
                None
            }
        }
    }

    /// A string or a number.
    pub fn scalar(&mut self, key: &'static str) -> Option<Field<Scalar>> {
        let (value, place) = self.take(key)?;
        let found = scalar(value.get_ref());
        if found.is_none() {
            self.doc.wrong_type(place.clone(), "a string or a number", value.get_ref());
        }
        found.map(|value| Field { value, place })
    }

    /// A list of strings or numbers; a single one is a list of one.
    pub fn list(&mut self, key: &'static str) -> Option<Vec<Field<Scalar>>> {
        let (value, place) = self.take(key)?;
        let DeValue::Array(array) = value.get_ref() else {
            let found = scalar(value.get_ref());
            if found.is_none() {
                self.doc.wrong_type(place.clone(), "a list", value.get_ref());
            }
            return found.map(|value| vec![Field { value, place }]);
        };
        let mut fields = Vec::new();
        for item in array {
            let at = self.doc.place(item.span().start, place.key.clone());
            match scalar(item.get_ref()) {
                Some(value) => fields.push(Field { value, place: at }),
                None => self.doc.wrong_type(at, "a string or a number", item.get_ref()),
            }
        }
        Some(fields)
    }

    /// The key that was probably meant: it is spelled alike, or one of the two begins the other.
    fn near(&self, key: &str) -> Option<&'static str> {
        let begins = |long: &str, short: &str| short.len() > 3 && long.starts_with(short);
        let known = || self.known.iter().copied();
        nearest(key, known())
            .or_else(|| known().find(|name| begins(name, key) || begins(key, name)))
    }

    /// Reports every key that was not read.
    pub fn finish(self) {
        for name in self.table.keys() {
            let key: &str = name.get_ref();
            if self.known.contains(&key) {
                continue;
            }
            let place = self.doc.place(name.span().start, self.full(key));
            let help = self.near(key).map_or_else(
                || format!("known keys: {}", self.known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.doc.problems.push(Diagnostic {
                place,
                what: "unknown key".into(),
                help: Some(help),
            });
        }
    }
}

/// Strings and numbers; anything else is `None`.
pub fn scalar(value: &DeValue<'_>) -> Option<Scalar> {
    match value {
        DeValue::String(text) => Some(Scalar::Text(text.clone().into_owned())),
        DeValue::Integer(number) => Some(
            i64::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| Scalar::Text(number.as_str().to_owned()), Scalar::Int),
        ),
        DeValue::Float(number) => Some(
            number
                .as_str()
                .parse()
                .map_or_else(|_| Scalar::Text(number.as_str().to_owned()), Scalar::Float),
        ),
        // A bare date and time is how TOML writes a moment.
        DeValue::Datetime(at) => Some(Scalar::Text(at.to_string())),
        _ => None,
    }
}

/// The name of a value's type in a message.
fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
