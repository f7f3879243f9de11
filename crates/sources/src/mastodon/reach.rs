//! The checks of `doctor`: each requirement, with the answer of the instance.

use std::time::Duration;

use url::Url;

use super::instance::{self, ask, timeline_url};
use super::{MastodonSource, Refusal};

/// What was checked, and the result.
type Reached = (&'static str, Result<String, String>);

impl MastodonSource {
    /// Asks the instance, whose the token is, and for the stream; closes it again.
    pub fn reach(&mut self) -> Vec<Reached> {
        let about = match self.ask_about() {
            Ok(about) => about,
            Err(refusal) => {
                let why = format!("{}: {}", self.partition(), self.why(&refusal));
                return vec![("instance", Err(why))];
            }
        };
        let host = |url: &Url| url.host_str().unwrap_or_default().to_owned();
        let (own, streaming) = (host(&self.instance), host(&about.streaming));
        let access = about.access.clone().unwrap_or_else(|| "not stated".to_owned());
        let mut found = vec![
            ("instance", Ok(format!("{own} answers; it streams from {streaming}"))),
            ("who may read", Ok(access)),
        ];
        self.about = Some(about);
        if self.token.is_some() {
            found.push(("token", self.whose()));
            let opened = self.dial().map(drop).map_err(|refusal| self.why(&refusal));
            found.push(("stream", opened.map(|()| format!("{} opens", self.plan.stream.name()))));
        } else {
            found.push(("token", Ok("none: the timeline is polled".to_owned())));
        }
        let url = timeline_url(&self.instance, &self.plan.stream, None);
        let timeline = self.get(url).map(|_| match self.token {
            Some(_) => "can be read: what a crash or a cut loses is filled from it".to_owned(),
            None => "can be read; what a crash loses is filled from it".to_owned(),
        });
        let timeline = timeline.map_err(|refusal| {
            format!("{}; what a crash or a cut loses is a gap", self.why(&refusal))
        });
        found.push(("timeline", timeline));
        found
    }

    fn whose(&mut self) -> Result<String, String> {
        let url = instance::at(&self.instance, "/api/v1/accounts/verify_credentials");
        match self.get(url) {
            Ok(body) => {
                let account: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
                let acct = account["acct"].as_str().unwrap_or("?");
                let acct: String = acct.chars().filter(|c| !c.is_control()).take(100).collect();
                Ok(format!("the answer is HTTP 200 OK: it is that of @{acct}"))
            }
            // It may read statuses and no accounts, which is all that it needs.
            Err(refusal) if refusal.body.contains("authorized scopes") => Ok(format!(
                "{}; it is accepted, without the scope that would name its user",
                self.why(&refusal)
            )),
            Err(refusal) => Err(self.why(&refusal)),
        }
    }

    fn get(&mut self, url: Url) -> Result<String, Refusal> {
        let client = self.client()?;
        let token = self.token.as_ref();
        self.web.run(ask(&client, url, token, &self.clock, Duration::ZERO))
    }
}
