//! X in a job: the keys as they were written, and the plans that they come to.

use std::path::PathBuf;

use super::problem::{Field, Place};
use super::reader::Table;
use super::units::Scalar;

/// Where a secret is; the job itself never holds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFrom {
    /// Environment variable.
    Env(String),
    /// File; a bare name is looked for in `$CREDENTIALS_DIRECTORY` first.
    File(PathBuf),
}

/// The filtered stream of X API v2.
#[derive(Clone, Debug, PartialEq)]
pub struct XPlan {
    /// Server, without a path.
    pub base_url: String,
    /// Bearer token of the app.
    pub token: SecretFrom,
    /// What the stream is filtered by.
    pub rules: Vec<String>,
    /// What this job's rules are tagged with on the server.
    pub tag: String,
    /// Posts read in a day of UTC at the most.
    pub reads_max: u64,
    /// US dollars a post.
    pub price: f64,
    /// Minutes that the server brings again after a loss; 0 = none.
    pub backfill_minutes: u32,
    /// Connections tried within 15 minutes at the most.
    pub connects_max: u32,
}

/// `statuses/filter` of X API v1.1.
#[derive(Clone, Debug, PartialEq)]
pub struct XV1Plan {
    /// Server, without a path.
    pub base_url: String,
    /// Consumer key, its secret, token, its secret.
    pub keys: [SecretFrom; 4],
    /// Parameters of the request, by name.
    pub params: Vec<(String, String)>,
    /// Messages come with their length before them.
    pub delimited: bool,
    /// Connections tried within 15 minutes at the most.
    pub connects_max: u32,
}

/// A secret as a job names it.
#[derive(Clone, Debug, Default)]
pub struct SecretJob {
    /// Environment variable.
    pub env: Option<Field<String>>,
    /// File.
    pub file: Option<Field<String>>,
}

/// Keys of a source that is X.
#[derive(Clone, Debug, Default)]
pub struct XJob {
    /// Server.
    pub base_url: Option<Field<String>>,
    /// Bearer token, or the token of OAuth 1.0a.
    pub token: SecretJob,
    /// Rules of the filtered stream.
    pub rules: Option<Vec<Field<Scalar>>>,
    /// Posts in a day.
    pub reads_max_per_day: Option<Field<Scalar>>,
    /// US dollars a post.
    pub price_per_read: Option<Field<Scalar>>,
    /// Minutes brought again.
    pub backfill_minutes: Option<Field<Scalar>>,
    /// Connections in 15 minutes.
    pub connects_max: Option<Field<Scalar>>,
    /// OAuth 1.0a.
    pub consumer_key: SecretJob,
    /// OAuth 1.0a.
    pub consumer_secret: SecretJob,
    /// OAuth 1.0a.
    pub token_secret: SecretJob,
    /// Words, tags, accounts.
    pub track: Option<Vec<Field<Scalar>>>,
    /// Corners of boxes.
    pub locations: Option<Vec<Field<Scalar>>>,
    /// Languages.
    pub language: Option<Vec<Field<Scalar>>>,
    /// `length`, or `none`.
    pub delimited: Option<Field<String>>,
}

impl XJob {
    pub(super) fn read(table: &mut Table<'_, '_, '_>) -> Self {
        Self {
            base_url: table.text("base_url"),
            token: SecretJob { env: table.text("token_env"), file: table.text("token_file") },
            rules: table.list("rules"),
            reads_max_per_day: table.scalar("reads_max_per_day"),
            price_per_read: table.scalar("price_per_read"),
            backfill_minutes: table.scalar("backfill_minutes"),
            connects_max: table.scalar("connects_max"),
            consumer_key: SecretJob {
                env: table.text("consumer_key_env"),
                file: table.text("consumer_key_file"),
            },
            consumer_secret: SecretJob {
                env: table.text("consumer_secret_env"),
                file: table.text("consumer_secret_file"),
            },
            token_secret: SecretJob {
                env: table.text("token_secret_env"),
                file: table.text("token_secret_file"),
            },
            track: table.list("track"),
            locations: table.list("locations"),
            language: table.list("language"),
            delimited: table.text("delimited"),
        }
    }

    /// The keys that are there, each with its place.
    pub(super) fn written(&self, source: &Place) -> Vec<(&'static str, Option<Place>)> {
        let text = |field: &Option<Field<String>>| field.as_ref().map(|field| field.place.clone());
        let scalar =
            |field: &Option<Field<Scalar>>| field.as_ref().map(|field| field.place.clone());
        let list = |fields: &Option<Vec<Field<Scalar>>>| {
            let fields = fields.as_ref()?;
            Some(fields.first().map_or(source, |field| &field.place).clone())
        };
        vec![
            ("base_url", text(&self.base_url)),
            ("token_env", text(&self.token.env)),
            ("token_file", text(&self.token.file)),
            ("rules", list(&self.rules)),
            ("reads_max_per_day", scalar(&self.reads_max_per_day)),
            ("price_per_read", scalar(&self.price_per_read)),
            ("backfill_minutes", scalar(&self.backfill_minutes)),
            ("connects_max", scalar(&self.connects_max)),
            ("consumer_key_env", text(&self.consumer_key.env)),
            ("consumer_key_file", text(&self.consumer_key.file)),
            ("consumer_secret_env", text(&self.consumer_secret.env)),
            ("consumer_secret_file", text(&self.consumer_secret.file)),
            ("token_secret_env", text(&self.token_secret.env)),
            ("token_secret_file", text(&self.token_secret.file)),
            ("track", list(&self.track)),
            ("locations", list(&self.locations)),
            ("language", list(&self.language)),
            ("delimited", text(&self.delimited)),
        ]
    }
}
