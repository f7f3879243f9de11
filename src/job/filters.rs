//! `[people]` and `[tags]`: whose posts count, and which tags.

use toml::de::DeTable;

use super::file::{Flag, List, Value};
use super::reader::{Document, Table};

/// `[people]`: what makes people of posts.
#[derive(Clone, Debug, Default)]
pub struct PeopleJob {
    /// Fewest people of a tag that `trending` lists.
    pub min_count: Value,
    /// Fewest authors of it.
    pub min_authors: Value,
    /// Posts of one author with one tag that count in each default window.
    pub posts_max: Value,
    /// A copied text adds posts, not people.
    pub copies: Flag,
    /// `count` or `skip`.
    pub reposts: super::file::Text,
    /// `count` or `skip`.
    pub bots: super::file::Text,
    /// Accounts whose posts do not count.
    pub block: List,
}

/// `[tags]`: which tags count and show.
#[derive(Clone, Debug, Default)]
pub struct TagsJob {
    /// Counted, never listed.
    pub hide: List,
    /// Not counted.
    pub drop: List,
    /// Nothing else is listed.
    pub only: List,
    /// `keep` or `fold`.
    pub accents: super::file::Text,
}

pub(super) fn read_people<'t>(doc: &mut Document<'_>, table: &'t DeTable<'t>) -> PeopleJob {
    let mut table = Table::new(doc, "people", table);
    let people = PeopleJob {
        min_count: table.scalar("min_count"),
        min_authors: table.scalar("min_authors"),
        posts_max: table.scalar("posts_max"),
        copies: table.flag("copies"),
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
