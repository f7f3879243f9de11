//! Vector code: the one place with `unsafe`, each function beside its safe twin.

pub mod json;
