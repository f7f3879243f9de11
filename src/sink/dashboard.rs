//! POST to a dashboard's `/updateData`, like the original's Spark job.
//!
//! A form with two Python lists, `label=['#a', '#b']` and `data=[12, 3]`; the answer is 201. Only
//! the newest ranking matters: one that waits is replaced.

use std::collections::HashMap;
use std::sync::Arc;

use reqwest::StatusCode;

use super::http::Target;
use super::{Delivery, Sink, SinkError, SinkKind, SinkOptions, hashtag};
use tagtide_posts::decode::python::{repr_ints, repr_texts};
use tagtide_sources::options::{Field, Key, Section, address};
use tagtide_trends::rank::{TickSnapshot, Trend};

/// A dashboard's `/updateData`.
pub static KIND: SinkKind = SinkKind {
    name: "dashboard",
    about: "POST to a dashboard's `/updateData`",
    keys: &[Key::text("url")],
    check: |section| Arc::new(Options::check(section)),
};

/// The address of the original dashboard.
const URL: &str = "http://localhost:5001/updateData";

/// Which dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The whole URL.
    pub url: String,
}

impl Options {
    fn check(section: &mut Section<'_>) -> Self {
        let default = || Field { value: URL.to_owned(), place: section.place.clone() };
        let field = section.text("url").unwrap_or_else(default);
        Self { url: address::url(section.checker, &field, None) }
    }
}

impl SinkOptions for Options {
    fn kind(&self) -> &'static SinkKind {
        &KIND
    }

    fn describe(&self) -> String {
        format!("the newest ranking to the dashboard at {}", self.url)
    }

    fn target(&self) -> String {
        self.url.clone()
    }

    fn build(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Dashboard::new(&self.url)?))
    }
}

pub(super) struct Dashboard {
    target: Target,
}

impl Dashboard {
    pub(super) fn new(url: &str) -> Result<Self, SinkError> {
        Ok(Self { target: Target::new(url)? })
    }
}

impl Sink for Dashboard {
    fn publish(&mut self, published: &TickSnapshot) -> Result<(), SinkError> {
        let Some(ranking) = published.default_ranking() else { return Ok(()) };
        let (label, data) = python_lists(&ranking.trends);
        let form = HashMap::from([("label", label), ("data", data)]);
        let request = self.target.client.post(self.target.url.clone()).form(&form);
        match self.target.send(request)? {
            StatusCode::CREATED => Ok(()),
            status => {
                let target = self.target.shown();
                Err(SinkError::new(format!("dashboard `{target}` answered {status}, not 201")))
            }
        }
    }

    fn delivery(&self) -> Delivery {
        Delivery::Latest
    }

    fn name(&self) -> String {
        format!("dashboard {}", self.target.shown())
    }
}

/// Tags and counts as Python lists.
fn python_lists(trends: &[Trend]) -> (String, String) {
    let labels: Vec<_> = trends.iter().map(hashtag).collect();
    let labels = repr_texts(labels.iter().map(|label| label.as_ref()));
    (labels, repr_ints(trends.iter().map(|trend| trend.count)))
}
