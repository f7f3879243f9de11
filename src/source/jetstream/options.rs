//! Sources that are platforms: servers on the web.

use std::path::PathBuf;

use url::Url;

use super::Checker;
use crate::http::is_loopback;
use crate::job::file::SourceJob;
use crate::job::problem::Place;
use crate::job::{
    JetstreamPlan, JetstreamWire, MastodonPlan, MastodonStream, MastodonWire, SecretFrom,
};

/// Servers of Jetstream where the job names none.
pub(super) const JETSTREAM: [&str; 2] =
    ["jetstream.us-east.bsky.network", "jetstream.us-west.bsky.network"];
/// Most servers of a source.
const HOSTS_MAX: usize = 16;

const HELP: &str =
    "write a host such as `jetstream.us-east.bsky.network`; `ws://` is for this machine";
const INSTANCE: &str =
    "write a host such as `mastodon.social`; `ws://` and `http://` are for this machine";

const WIRES: [(&str, JetstreamWire); 2] = [("v2", JetstreamWire::V2), ("v1", JetstreamWire::V1)];

pub(super) fn jetstream(checker: &mut Checker, job: &SourceJob) -> JetstreamPlan {
    let wire = checker.word(job.wire.as_ref(), &WIRES, JetstreamWire::V2);
    let mut hosts: Vec<String> = Vec::new();
    match &job.hosts {
        None => hosts.extend(JETSTREAM.map(|host| format!("https://{host}/"))),
        Some(fields) => {
            if fields.is_empty() || fields.len() > HOSTS_MAX {
                let what = format!("`hosts` names {} servers", fields.len());
                let help = format!("name 1 to {HOSTS_MAX}, or leave it out");
                checker.problem(&job.place, what, help);
            }
            for field in fields {
                hosts.extend(host(checker, &field.value.to_string(), &field.place, HELP));
            }
        }
    }
    let dictionary = job.zstd_dictionary.as_ref();
    if let Some(field) = dictionary.filter(|_| wire == JetstreamWire::V2) {
        let what = "the wire `v2` hands out its dictionary";
        checker.problem(&field.place, what, "leave `zstd_dictionary` out");
    }
    if let Some(field) = &job.zstd
        && wire == JetstreamWire::V1
    {
        let what = "the wire `v1` hands out no dictionary";
        checker.problem(&field.place, what, "name a file with `zstd_dictionary` instead");
    }
    JetstreamPlan {
        hosts,
        wire,
        compress: job.zstd.as_ref().is_none_or(|zstd| zstd.value),
        dictionary: dictionary.map(|field| PathBuf::from(&field.value)),
    }
}

pub(super) fn mastodon(checker: &mut Checker, job: &SourceJob) -> MastodonPlan {
    const WIRES: [(&str, MastodonWire); 2] =
        [("sse", MastodonWire::Sse), ("websocket", MastodonWire::WebSocket)];
    const STREAMS: [(&str, MastodonStream); 4] = [
        ("public", MastodonStream::Public),
        ("public:local", MastodonStream::Local),
        ("public:remote", MastodonStream::Remote),
        ("hashtag", MastodonStream::Hashtag(String::new())),
    ];
    const LIKE: &str = "mastodon.example";
    let instance = match &job.instance {
        Some(field) => host(checker, &field.value, &field.place, INSTANCE).unwrap_or_default(),
        None => {
            let help = format!("add `instance = \"https://{LIKE}\"`");
            checker.problem(&job.place, "the source has no `instance`", help);
            String::new()
        }
    };
    let mut stream = checker.word(job.stream.as_ref(), &STREAMS, MastodonStream::Public);
    let is_hashtag = matches!(stream, MastodonStream::Hashtag(_));
    let tag = job.tag.as_ref().map(|field| field.value.trim_start_matches(['#', '＃']));
    match (tag, is_hashtag) {
        (Some(tag), true) if !tag.is_empty() => stream = MastodonStream::Hashtag(tag.to_owned()),
        (Some(_), false) => {
            let help = "add `stream = \"hashtag\"`";
            checker.problem(&job.place, "`tag` belongs to the stream `hashtag`", help);
        }
        (_, true) => {
            let help = "add `tag = \"caturday\"`";
            checker.problem(&job.place, "the stream `hashtag` has no `tag`", help);
        }
        (None, false) => {}
    }
    let wire = checker.word(job.wire.as_ref(), &WIRES, MastodonWire::Sse);
    MastodonPlan { instance, stream, wire, token: token(checker, job) }
}

/// Where the token of a source is kept; it may do without.
fn token(checker: &mut Checker, job: &SourceJob) -> Option<SecretFrom> {
    let of = &job.x.token;
    let named = of.env.is_some() || of.file.is_some();
    named.then(|| super::x::secret(checker, job, of, "token"))
}

/// `host`, `host:port`, or an address without a path: https and wss, http and ws on this machine.
pub(super) fn host(
    checker: &mut Checker,
    written: &str,
    place: &Place,
    help: &str,
) -> Option<String> {
    let address = match written.split_once("://") {
        None => format!("https://{written}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(_) => written.to_owned(),
    };
    let url = match Url::parse(&address) {
        Ok(url) if url.host().is_some() => url,
        _ => {
            checker.problem(place, format!("`{written}` is no server"), help);
            return None;
        }
    };
    let is_secure = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !url.username().is_empty() || url.password().is_some() {
        checker.problem(place, "a server is written without user and password", help);
    } else if !is_secure {
        checker.problem(place, format!("`{written}` is not encrypted"), help);
    } else if !is_bare {
        checker.problem(place, format!("`{written}` has a path; the wire decides it"), help);
    }
    Some(url.into())
}
