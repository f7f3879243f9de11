//! Rules of the filtered stream: what is on the server, and what a job wants there.

use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{Options, refused};
use crate::secret::Secret;
use crate::web::{ANSWER_MAX, Refusal, Web, server, why};
use crate::{Reason, SourceError};
use tagtide_posts::clock::Clock;

/// Where rules are.
const PATH: &str = "/2/tweets/search/stream/rules";
/// A longer list is none of X's.
const LIST_MAX_BYTES: usize = 8 << 20;
/// Ids in one request to delete.
const DELETE_MAX: usize = 100;

/// A rule on the server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Rule {
    /// Its name there.
    pub id: String,
    /// What it looks for.
    pub value: String,
    /// Whose it is.
    #[serde(default)]
    pub tag: String,
}

/// The changes after which the server has the rules of the job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Rules of the job that are not there.
    pub add: Vec<String>,
    /// Rules with the job's tag that the job does not have any more.
    pub old: Vec<Rule>,
    /// Rules of others that the job does not have.
    pub others: Vec<Rule>,
}

impl Changes {
    /// Compares; a rule that is there under another tag is there.
    #[must_use]
    pub fn between(wanted: &[String], tag: &str, there: &[Rule]) -> Self {
        let is_there = |value: &&String| !there.iter().any(|rule| rule.value == **value);
        let surplus = there.iter().filter(|rule| !wanted.contains(&rule.value)).cloned();
        let (old, others) = surplus.partition(|rule| rule.tag == tag);
        Self { add: wanted.iter().filter(is_there).cloned().collect(), old, others }
    }
}

/// The rules of one account.
pub struct Rules {
    web: Web,
    base: Url,
    token: Secret,
}

impl Rules {
    /// Those of the account whose token the plan names.
    ///
    /// # Errors
    /// [`SourceError`] where there is no token or no runtime.
    pub fn new(plan: &Options, clock: &Clock) -> Result<Self, SourceError> {
        let token = Secret::read(&plan.token)?;
        Ok(Self { web: Web::new(clock)?, base: server(&plan.base_url)?, token })
    }

    /// What is there.
    ///
    /// # Errors
    /// [`SourceError`] with the server's answer.
    pub fn list(&mut self) -> Result<Vec<Rule>, SourceError> {
        let answer = self.ask("listing the rules", None)?;
        let rules = answer.get("data").cloned().unwrap_or_else(|| json!([]));
        serde_json::from_value(rules).map_err(|error| {
            let text = format!("the server's list of rules cannot be read: {error}");
            SourceError::fatal(Reason::because(text, error))
        })
    }

    /// Adds rules under a tag.
    ///
    /// # Errors
    /// [`SourceError`] with the server's answer, also where it takes only some of them.
    pub fn add(&mut self, values: &[String], tag: &str) -> Result<(), SourceError> {
        let rules: Vec<_> =
            values.iter().map(|value| json!({ "value": value, "tag": tag })).collect();
        let answer = self.ask("adding rules", Some(&json!({ "add": rules })))?;
        self.all_done("adding rules", &answer)
    }

    /// Takes rules away.
    ///
    /// # Errors
    /// [`SourceError`] with the server's answer.
    pub fn delete(&mut self, ids: &[String]) -> Result<(), SourceError> {
        for ids in ids.chunks(DELETE_MAX) {
            let answer = self.ask("deleting rules", Some(&json!({ "delete": { "ids": ids } })))?;
            self.all_done("deleting rules", &answer)?;
        }
        Ok(())
    }

    /// One exchange: a list without a body, a change with one.
    fn ask(&mut self, what: &str, body: Option<&Value>) -> Result<Value, SourceError> {
        let mut url = self.base.clone();
        url.set_path(PATH);
        let asked = self.web.client(&url).and_then(|client| {
            let request = match body {
                None => client.get(url),
                Some(body) => client.post(url).json(body),
            };
            let request = request.header(reqwest::header::AUTHORIZATION, self.token.bearer());
            self.web.run(exchange(&self.web, request))
        });
        asked.map_err(|refusal| {
            let refusal = Refusal { why: format!("{what}: {}", refusal.why), ..refusal };
            refused(&self.base, &refusal, |why| self.token.cut_from(why))
        })
    }

    /// An answer may say that a part was not done; one that was there already is.
    fn all_done(&self, what: &str, answer: &Value) -> Result<(), SourceError> {
        let errors = answer.get("errors").and_then(Value::as_array);
        let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
        let is_wrong = |error: &&Value| text(error, "title") != "DuplicateRule";
        let refused = errors.into_iter().flatten().filter(is_wrong).map(|error| {
            let details = error["details"].as_array().into_iter().flatten();
            let details: Vec<_> = details.filter_map(Value::as_str).collect();
            format!("`{}`: {} {}", text(error, "value"), text(error, "title"), details.join("; "))
        });
        let refused: Vec<_> = refused.collect();
        if refused.is_empty() {
            return Ok(());
        }
        let refused: String = refused.join("\n").chars().take(2_000).collect();
        Err(SourceError::fatal(format!(
            "{what}: the server does not take\n{}\nhelp: correct them in the job; `tagtide x rules \
             list` shows what is there",
            self.token.cut_from(&refused)
        )))
    }
}

async fn exchange(web: &Web, request: RequestBuilder) -> Result<Value, Refusal> {
    let asked = request.timeout(ANSWER_MAX).send().await;
    let mut answer = asked.map_err(|error| Refusal::network(why(&error)))?;
    if !matches!(answer.status(), StatusCode::OK | StatusCode::CREATED) {
        return Err(Web::refusal(web.clock(), answer).await);
    }
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| Refusal::network(why(&error)))? {
        bytes.extend_from_slice(&part);
        if bytes.len() > LIST_MAX_BYTES {
            return Err(Refusal::network("the answer has no end"));
        }
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::network(format!("the answer is no JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_added_and_rules_of_others_are_told_apart() {
        let rule = |id: &str, value: &str, tag: &str| Rule {
            id: id.into(),
            value: value.into(),
            tag: tag.into(),
        };
        let there = [
            rule("1", "#a", "tagtide:job"),
            rule("2", "#gone", "tagtide:job"),
            rule("3", "#b", "other"),
            rule("4", "#c", ""),
        ];
        let wanted = ["#a", "#b", "#new"].map(str::to_owned);
        let changes = Changes::between(&wanted, "tagtide:job", &there);
        assert_eq!(changes.add, ["#new"]);
        assert_eq!(changes.old, [there[1].clone()]);
        assert_eq!(changes.others, [there[3].clone()]);
    }
}
