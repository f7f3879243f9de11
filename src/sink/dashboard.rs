//! POST to a dashboard's `/updateData`, as the original's Spark job does it.
//!
//! A form with two Python lists, `label=['#a', '#b']` and `data=[12, 3]`; the answer is 201. Only
//! the newest ranking matters: one that waits is replaced.

use std::collections::HashMap;
use std::fmt::Write as _;

use reqwest::StatusCode;

use super::http::Target;
use super::{Delivery, Sink, SinkError, hashtag};
use crate::rank::{Published, Trend};

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
    let labels: Vec<_> = trends.iter().map(|trend| python_text(&hashtag(trend))).collect();
    let counts: Vec<_> = trends.iter().map(|trend| trend.count.to_string()).collect();
    (format!("[{}]", labels.join(", ")), format!("[{}]", counts.join(", ")))
}

/// A Python string literal: single quotes, with quotes, backslashes and control characters escaped.
fn python_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}
