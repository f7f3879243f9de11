//! POST to a dashboard's `/updateData`, as the original's Spark job does it.
//!
//! A form with two Python lists, `label=['#a', '#b']` and `data=[12, 3]`; the answer is 201. Only
//! the newest ranking matters: one that waits is replaced.

use std::collections::HashMap;

use reqwest::StatusCode;

use super::http::Target;
use super::{Delivery, Sink, SinkError, hashtag};
use tagtide_posts::decode::python::{repr_ints, repr_texts};
use tagtide_trends::rank::{Published, Trend};

pub(super) struct Dashboard {
    target: Target,
}

impl Dashboard {
    pub(super) fn new(url: &str) -> Result<Self, SinkError> {
        Ok(Self { target: Target::new(url)? })
    }
}

impl Sink for Dashboard {
    fn publish(&mut self, published: &Published) -> Result<(), SinkError> {
        let Some(ranking) = published.default_ranking() else { return Ok(()) };
        let (label, data) = python_lists(&ranking.trends);
        let form = HashMap::from([("label", label), ("data", data)]);
        let request = self.target.client.post(self.target.url.clone()).form(&form);
        match self.target.send(request)? {
            StatusCode::CREATED => Ok(()),
            status => Err(SinkError(format!(
                "dashboard `{}` answered {status}, not 201",
                self.target.said()
            ))),
        }
    }

    fn delivery(&self) -> Delivery {
        Delivery::Latest
    }

    fn name(&self) -> String {
        format!("dashboard {}", self.target.said())
    }
}

/// Tags and counts as Python writes lists of them.
fn python_lists(trends: &[Trend]) -> (String, String) {
    let labels: Vec<_> = trends.iter().map(hashtag).collect();
    let labels = repr_texts(labels.iter().map(|label| label.as_ref()));
    (labels, repr_ints(trends.iter().map(|trend| trend.count)))
}
