//! What is asked of an instance: where it streams, its timelines, whose the token is.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use url::Url;

use super::{StreamName, WireName};
use crate::http_client::is_loopback;
use crate::secret::Secret;
use crate::web::{ANSWER_MAX, Refusal, Web, why};
use tagtide_posts::clock::Clock;

/// Most statuses of a page of a timeline.
pub(super) const PAGE: u32 = 40;
/// A longer answer is taken for a mistake.
const BODY_MAX_BYTES: usize = 8 << 20;

/// An instance's description of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// Where it streams.
    pub(super) streaming: Url,
    /// Who may read its timelines, in words; `None` where it does not say.
    pub(super) access: Option<String>,
}

/// An answer on its way; it makes progress only while it is polled.
pub(super) type Asking = Pin<Box<dyn Future<Output = Result<String, Refusal>> + Send>>;

/// Asks for `url`, after a pause; with the token where there is one.
pub(super) fn ask(
    client: &Client,
    url: Url,
    token: Option<&Secret>,
    clock: &Clock,
    pause: Duration,
) -> Asking {
    let request = with_token(client.get(url), token).timeout(ANSWER_MAX);
    let clock = clock.clone();
    Box::pin(async move {
        tokio::time::sleep(pause).await;
        let mut answer = request.send().await.map_err(|error| Refusal::network(why(&error)))?;
        if answer.status() != StatusCode::OK {
            return Err(Web::refusal(&clock, answer).await);
        }
        let mut body = Vec::new();
        while let Some(part) =
            answer.chunk().await.map_err(|error| Refusal::network(why(&error)))?
        {
            body.extend_from_slice(&part);
            if body.len() > BODY_MAX_BYTES {
                return Err(Refusal::network("its answer has no end"));
            }
        }
        String::from_utf8(body).map_err(|_| Refusal::network("its answer is no text"))
    })
}

pub(super) fn with_token(request: RequestBuilder, token: Option<&Secret>) -> RequestBuilder {
    match token {
        Some(token) => request.header(AUTHORIZATION, token.bearer()),
        None => request,
    }
}

/// `path` on the instance.
pub(super) fn at(instance: &Url, path: &str) -> Url {
    let mut url = instance.clone();
    url.set_path(path);
    url
}

/// Reads the answer of `/api/v2/instance`, or of `/api/v1/instance` of old instances.
pub(super) fn about(instance: &Url, body: &str) -> Result<About, Refusal> {
    let body: Value = serde_json::from_str(body)
        .map_err(|_| Refusal::network("its description is not that of a Mastodon server"))?;
    let named = body
        .pointer("/configuration/urls/streaming")
        .or_else(|| body.pointer("/urls/streaming_api"))
        .and_then(Value::as_str);
    let streaming = match named {
        None => instance.clone(),
        Some(named) => streaming(instance, named).ok_or_else(|| {
            Refusal::network("the streaming host that it names is not one for a token: no https")
        })?,
    };
    let of = |feeds: &str, whose: &str| {
        let path = format!("/configuration/timelines_access/{feeds}/{whose}");
        Some(format!("{whose} {}", body.pointer(&path)?.as_str()?))
    };
    let feeds = |name: &str, key: &str| {
        let words: Vec<String> =
            ["local", "remote"].iter().filter_map(|whose| of(key, whose)).collect();
        (!words.is_empty()).then(|| format!("{name}: {}", words.join(", ")))
    };
    let access = [feeds("live feeds", "live_feeds"), feeds("hashtags", "hashtag_feeds")];
    let access: Vec<String> = access.into_iter().flatten().collect();
    Ok(About { streaming, access: (!access.is_empty()).then(|| access.join("; ")) })
}

/// The host to stream from, encrypted unless both it and the instance are on this machine.
fn streaming(instance: &Url, named: &str) -> Option<Url> {
    let (scheme, rest) = named.split_once("://")?;
    let scheme = match scheme {
        "wss" | "https" => "https",
        "ws" | "http" => "http",
        _ => return None,
    };
    let url = Url::parse(&format!("{scheme}://{rest}")).ok()?;
    let is_secure =
        scheme == "https" || (is_loopback(&url) && is_loopback(instance) && url.has_host());
    (is_secure && url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// The address of the stream.
pub(super) fn stream_url(host: &Url, stream: &StreamName, wire: WireName) -> Url {
    let mut url = host.clone();
    url.set_query(None);
    let tag = match stream {
        StreamName::Hashtag(tag) => Some(tag),
        _ => None,
    };
    match wire {
        WireName::Sse => {
            let path = stream.name().replace(':', "/");
            url.set_path(&format!("/api/v1/streaming/{path}"));
        }
        WireName::WebSocket => {
            url.set_path("/api/v1/streaming");
            url.query_pairs_mut().append_pair("stream", stream.name());
        }
    }
    if let Some(tag) = tag {
        url.query_pairs_mut().append_pair("tag", tag);
    }
    url
}

/// The address of a page of the timeline that holds the same: those right after `min_id`, or the
/// newest one only.
pub(super) fn timeline_url(instance: &Url, stream: &StreamName, min_id: Option<&str>) -> Url {
    let mut url = instance.clone();
    match stream {
        StreamName::Hashtag(tag) => {
            url.set_path("/api/v1/timelines/tag");
            if let Ok(mut path) = url.path_segments_mut() {
                path.push(tag);
            }
        }
        _ => url.set_path("/api/v1/timelines/public"),
    }
    let mut query = url.query_pairs_mut();
    match stream {
        StreamName::Local => drop(query.append_pair("local", "true")),
        StreamName::Remote => drop(query.append_pair("remote", "true")),
        _ => {}
    }
    match min_id {
        Some(id) => query.append_pair("min_id", id).append_pair("limit", &PAGE.to_string()),
        None => query.append_pair("limit", "1"),
    };
    drop(query);
    url
}

/// The server does not accept this reader; Mastodon also answers 422 if it requires a user.
pub(super) fn is_auth(refusal: &Refusal) -> bool {
    let body = refusal.body.to_lowercase();
    let says_so = ["token", "authenticat", "authoriz"].iter().any(|word| body.contains(word));
    refusal.is_auth() || (matches!(refusal.status.map(|s| s.as_u16()), Some(404 | 422)) && says_so)
}

/// The server may answer otherwise in a while.
pub(super) fn may_pass(refusal: &Refusal) -> bool {
    refusal.status.is_none_or(|status| status.is_server_error() || status.as_u16() == 429)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn addresses_of_streams_and_timelines() {
        use StreamName::{Hashtag, Local, Public, Remote};
        let host = url("https://a.example");
        let tag = Hashtag("çay & çörek/1".into());
        let sse = |stream| stream_url(&host, stream, WireName::Sse).to_string();
        let base = "https://a.example/api/v1";
        assert_eq!(sse(&Public), format!("{base}/streaming/public"));
        assert_eq!(sse(&Local), format!("{base}/streaming/public/local"));
        let coded = "%C3%A7ay+%26+%C3%A7%C3%B6rek%2F1";
        assert_eq!(sse(&tag), format!("{base}/streaming/hashtag?tag={coded}"));
        let socket = stream_url(&host, &Remote, WireName::WebSocket).to_string();
        assert_eq!(socket, format!("{base}/streaming?stream=public%3Aremote"));
        let line = |stream, id| timeline_url(&host, stream, id).to_string();
        let after = format!("{base}/timelines/public?local=true&min_id=7&limit=40");
        assert_eq!(line(&Local, Some("7")), after);
        assert_eq!(line(&Public, None), format!("{base}/timelines/public?limit=1"));
        let coded = "%C3%A7ay%20&%20%C3%A7%C3%B6rek%2F1";
        assert_eq!(line(&tag, None), format!("{base}/timelines/tag/{coded}?limit=1"));
    }

    #[test]
    fn the_streaming_host_is_the_named_one_where_a_token_may_go_there() {
        let far = url("https://a.example");
        let near = url("http://127.0.0.1:3000");
        let named = |instance, host: &str| {
            let body = serde_json::json!({ "configuration": { "urls": { "streaming": host } } });
            about(instance, &body.to_string()).map(|about| about.streaming.to_string()).ok()
        };
        assert_eq!(named(&far, "wss://s.example").as_deref(), Some("https://s.example/"));
        assert_eq!(named(&near, "ws://127.0.0.1:4000").as_deref(), Some("http://127.0.0.1:4000/"));
        for host in ["ws://s.example", "ws://127.0.0.1:4000", "ftp://s.example", "x", "wss://a:b@c"]
        {
            assert_eq!(named(&far, host), None, "{host}");
        }
        assert_eq!(named(&near, "ws://s.example"), None, "not from this machine in the clear");
        let old = about(&far, "{\"urls\":{\"streaming_api\":\"wss://old.example\"}}").expect("v1");
        assert_eq!(old.streaming.as_str(), "https://old.example/");
        let silent = about(&far, "{}").expect("it states nothing");
        assert_eq!((silent.streaming, silent.access), (far.clone(), None));
        assert!(about(&far, "<html>").is_err());
    }

    #[test]
    fn who_may_read_is_said_in_words() {
        let body = r#"{"configuration":{"timelines_access":{"live_feeds":{"local":"public",
            "remote":"authenticated"},"hashtag_feeds":{"local":"disabled"}}}}"#;
        let about = about(&url("https://a.example"), body).expect("sound");
        let wanted = "live feeds: local public, remote authenticated; hashtags: local disabled";
        assert_eq!(about.access.as_deref(), Some(wanted));
    }

    #[test]
    fn which_refusals_are_of_the_reader_and_which_pass() {
        let refusal = |status, body: &str| Refusal {
            status: StatusCode::from_u16(status).ok(),
            body: body.into(),
            ..Refusal::network("")
        };
        let user = "{\"error\":\"This method requires an authenticated user\"}";
        assert!(is_auth(&refusal(401, "")) && is_auth(&refusal(403, "")));
        assert!(is_auth(&refusal(422, user)) && !is_auth(&refusal(422, "x")));
        assert!(!is_auth(&refusal(404, "<html>")) && !is_auth(&refusal(500, user)));
        assert!(may_pass(&refusal(429, "")) && may_pass(&refusal(503, "")));
        assert!(may_pass(&Refusal::network("")) && !may_pass(&refusal(404, "")));
        assert!(!may_pass(&refusal(302, "")));
    }
}
