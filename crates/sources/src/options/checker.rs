//! Values are resolved here, and every problem on the way is collected.

use super::diagnostic::{Diagnostic, Field, Place, nearest};
use super::units::{OptionError, Scalar};

/// Collects problems while values are resolved; a value with a problem becomes its default, so
/// that what depends on it can still be checked.
#[derive(Debug, Default)]
pub struct Checker {
    /// What was found, in the order in which it was found.
    pub problems: Vec<Diagnostic>,
    /// Place of the job as a whole.
    pub job: Place,
    /// Name of the job.
    pub name: String,
}

impl Checker {
    /// Adds a problem, once; an empty `help` is none.
    pub fn problem(&mut self, place: &Place, what: impl Into<String>, help: impl Into<String>) {
        let help: String = help.into();
        let help = (!help.is_empty()).then_some(help);
        let problem = Diagnostic { place: place.clone(), what: what.into(), help };
        // A key may be read twice: by its kind, and for the source as a whole.
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// The value of `field` in its unit; `None` if it is missing or has a problem.
    pub fn optional<T>(
        &mut self,
        field: Option<&Field<Scalar>>,
        read: fn(&Scalar) -> Result<T, OptionError>,
    ) -> Option<T> {
        let field = field?;
        let read = read(&field.value);
        read.map_err(|error| self.problem(&field.place, error.to_string(), "")).ok()
    }

    /// The value of `field` in its unit, held to `low..=high`; `bounds` states them in words.
    pub fn bounded<T: PartialOrd + Copy>(
        &mut self,
        field: Option<&Field<Scalar>>,
        read: fn(&Scalar) -> Result<T, OptionError>,
        default: T,
        (low, high): (T, T),
        bounds: &str,
    ) -> T {
        let Some(value) = self.optional(field, read) else { return default };
        if value >= low && value <= high {
            return value;
        }
        if let Some(field) = field {
            self.problem(&field.place, format!("`{}` is out of bounds", field.value), bounds);
        }
        default
    }

    /// One of a list of words.
    pub fn word<T: Clone>(
        &mut self,
        field: Option<&Field<String>>,
        known: &[(&str, T)],
        default: T,
    ) -> T {
        let Some(field) = field else { return default };
        if let Some((_, value)) = known.iter().find(|(name, _)| *name == field.value) {
            return value.clone();
        }
        let what = format!("`{}` is not known here", field.value);
        let help = nearest(&field.value, known.iter().map(|(name, _)| *name)).map_or_else(
            || {
                let names: Vec<_> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
                format!("one of {}", names.join(", "))
            },
            |near| format!("did you mean `{near}`?"),
        );
        self.problem(&field.place, what, help);
        default
    }
}
