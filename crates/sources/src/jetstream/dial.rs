//! From a host to what it is asked: addresses, the dictionary.

use reqwest::{Client, StatusCode};
use url::Url;

use super::Wire;
use super::cursor::Cursor;
use crate::web::{ANSWER_MAX, Refusal, Web, why};

/// Posts, whatever is done to them.
const POSTS: &str = "app.bsky.feed.post";
/// Where v2 hands out its dictionary, and the header that names it.
const DICTIONARY: &str = "/xrpc/network.bsky.jetstream.getZstdDictionary";
const DICTIONARY_ID: &str = "x-zstd-dictionary-id";
/// A dictionary longer than this is taken for a mistake.
const DICTIONARY_MAX_BYTES: usize = 1 << 20;

/// What the frames of a host are packed with.
#[derive(Clone, Debug)]
pub(super) struct Dictionary {
    /// Its name on v2; v1 has one for all.
    pub(super) id: Option<String>,
    pub(super) bytes: Vec<u8>,
}

/// The address of the stream.
pub(super) fn stream_url(
    host: &Url,
    wire: Wire,
    cursor: Cursor,
    dictionary: Option<&Dictionary>,
) -> Url {
    let mut url = host.clone();
    let mut query = match wire {
        Wire::V1 => {
            url.set_path("/subscribe");
            let mut query = url.query_pairs_mut();
            query.append_pair("wantedCollections", POSTS);
            if dictionary.is_some() {
                query.append_pair("compress", "true");
            }
            query
        }
        Wire::V2 => {
            url.set_path("/xrpc/network.bsky.jetstream.subscribeEvents");
            let mut query = url.query_pairs_mut();
            let pairs = [("kinds", "commit"), ("kinds", "account"), ("collections", POSTS)];
            query.extend_pairs(pairs);
            if let Some(id) = dictionary.and_then(|dictionary| dictionary.id.as_deref()) {
                query.append_pair("zstdDictionary", id);
            }
            query
        }
    };
    match cursor {
        Cursor::None => {}
        Cursor::Seq(seq) => drop(query.append_pair("cursor", &seq.to_string())),
        Cursor::TimeUs(time_us) => drop(query.append_pair("cursor", &time_us.to_string())),
    }
    drop(query);
    url
}

/// Asks a v2 host for its dictionary; `None` where it has none.
pub(super) async fn dictionary(
    client: &Client,
    host: &Url,
    web: &Web,
) -> Result<Option<Dictionary>, Refusal> {
    let mut url = host.clone();
    url.set_path(DICTIONARY);
    let asked = client.get(url).timeout(ANSWER_MAX).send().await;
    let mut answer = asked.map_err(|error| Refusal::network(why(&error)))?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED => return Ok(None),
        _ => return Err(Web::refusal(web.clock(), answer).await),
    }
    let id = answer.headers().get(DICTIONARY_ID).and_then(|id| id.to_str().ok());
    let Some(id) = id.map(str::to_owned) else { return Ok(None) };
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| Refusal::network(why(&error)))? {
        bytes.extend_from_slice(&part);
        if bytes.len() > DICTIONARY_MAX_BYTES {
            return Err(Refusal::network("its zstd dictionary has no end"));
        }
    }
    Ok(Some(Dictionary { id: Some(id), bytes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_wires_ask_for_posts_alone() {
        let host = Url::parse("https://a.example").expect("a URL");
        let packed = Dictionary { id: Some("20260811".into()), bytes: Vec::new() };
        let v2 = stream_url(&host, Wire::V2, Cursor::Seq(12), Some(&packed));
        assert_eq!(
            v2.as_str(),
            "https://a.example/xrpc/network.bsky.jetstream.subscribeEvents?kinds=commit\
             &kinds=account&collections=app.bsky.feed.post&zstdDictionary=20260811&cursor=12"
        );
        let v1 = stream_url(&host, Wire::V1, Cursor::None, None);
        let plain = "https://a.example/subscribe?wantedCollections=app.bsky.feed.post";
        assert_eq!(v1.as_str(), plain);
        let cursor = Cursor::TimeUs(1_783_175_888_000_000);
        let named = Dictionary { id: None, bytes: Vec::new() };
        let v1 = stream_url(&host, Wire::V1, cursor, Some(&named));
        assert_eq!(v1.as_str(), format!("{plain}&compress=true&cursor=1783175888000000"));
    }
}
