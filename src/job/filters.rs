//! `[people]`, `[tags]` and `[view.NAME]`: whose posts count, and which tags.

use toml::de::DeTable;

use super::schema::{Flag, List, Text, Value};
use super::{Diagnostic, Place};
use tagtide_sources::options::toml_table::{Document, Table};

/// `[people]`: whose posts count, and what counts as a person.
#[derive(Clone, Debug, Default)]
pub struct PeopleJob {
    /// People that a tag needs to be listed in `trending`.
    pub min_count: Value,
    /// Authors that it needs.
    pub min_authors: Value,
    /// Posts of one author with one tag that count in each default window.
    pub posts_max: Value,
    /// A copied text adds posts, not people.
    pub copies: Flag,
    /// Discount newcomers beyond their usual share.
    pub known: Flag,
    /// `count` or `skip`.
    pub reposts: Text,
    /// `count` or `skip`.
    pub bots: Text,
    /// Accounts whose posts do not count.
    pub block: List,
}

/// `[tags]`: which tags count and are listed.
#[derive(Clone, Debug, Default)]
pub struct TagsJob {
    /// Counted, never listed.
    pub hide: List,
    /// Not counted.
    pub drop: List,
    /// Nothing else is listed.
    pub only: List,
    /// `keep` or `fold`.
    pub accents: Text,
}

/// `[view.NAME]`: which posts count in it.
#[derive(Clone, Debug, Default)]
pub struct ViewJob {
    /// Where it was written.
    pub place: Place,
    /// Its name.
    pub name: String,
    /// Languages.
    pub lang: List,
    /// Names of sources.
    pub source: List,
    /// Accounts.
    pub authors: List,
    /// File with an account on each line.
    pub authors_file: Text,
    /// A post needs one of these tags.
    pub tags: List,
}

/// The tables in `[view]`, in the order of the file.
pub(super) fn read_views<'t>(doc: &mut Document<'_>, table: &'t DeTable<'t>) -> Vec<ViewJob> {
    let mut views = Vec::new();
    for (name, value) in table {
        let place = doc.place(name.span().start, "view");
        match value.get_ref().as_table() {
            Some(table) => views.push(read_view(doc, table, place, name.get_ref())),
            None => doc.problems.push(Diagnostic {
                place,
                what: format!("`{}` is not a view", name.get_ref()),
                help: Some("begin each with `[view.NAME]`".into()),
            }),
        }
    }
    views.sort_by_key(|view| view.place.line);
    views
}

fn read_view<'t>(
    doc: &mut Document<'_>,
    table: &'t DeTable<'t>,
    place: Place,
    name: &str,
) -> ViewJob {
    let mut table = Table::new(doc, "view", table);
    let view = ViewJob {
        place,
        name: name.to_owned(),
        lang: table.list("lang"),
        source: table.list("source"),
        authors: table.list("authors"),
        authors_file: table.text("authors_file"),
        tags: table.list("tags"),
    };
    table.finish();
    view
}

pub(super) fn read_people<'t>(doc: &mut Document<'_>, table: &'t DeTable<'t>) -> PeopleJob {
    let mut table = Table::new(doc, "people", table);
    let people = PeopleJob {
        min_count: table.scalar("min_count"),
        min_authors: table.scalar("min_authors"),
        posts_max: table.scalar("posts_max"),
        copies: table.flag("copies"),
        known: table.flag("known"),
        reposts: table.text("reposts"),
        bots: table.text("bots"),
        block: table.list("block"),
    };
    table.finish();
    people
}

pub(super) fn read_tags<'t>(doc: &mut Document<'_>, table: &'t DeTable<'t>) -> TagsJob {
    let mut table = Table::new(doc, "tags", table);
    let tags = TagsJob {
        hide: table.list("hide"),
        drop: table.list("drop"),
        only: table.list("only"),
        accents: table.text("accents"),
    };
    table.finish();
    tags
}
