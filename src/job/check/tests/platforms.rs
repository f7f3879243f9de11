//! Sources that are platforms.

use super::*;
use tagtide_sources::options::SecretFrom;
use tagtide_sources::{jetstream, mastodon, x};

#[test]
fn bluesky_is_one_word_and_shows_what_is_trending() {
    let bare = plan("source = \"jetstream\"");
    let of = options::<jetstream::Options>(&bare, 0);
    assert_eq!(of.hosts[0], "https://jetstream.us-east.bsky.network/");
    assert_eq!((of.hosts.len(), of.wire.name(), of.compress), (2, "v2", true));
    assert_eq!(bare.sources[0].format, Some(Format::Jetstream));
    let hour = Duration::from_secs(3_600);
    assert_eq!(bare.count.default, (Mode::Trending, hour));
    assert!(bare.count.modes.contains(&Mode::Count));
    // `trending` cannot be had over a day.
    let day = plan("source = \"jetstream\"\n[count]\nwindows = [\"24h\"]");
    assert_eq!(day.count.default.0, Mode::Count);
    let run = plan(include_str!("../../../../jobs/bluesky.toml"));
    assert_eq!(options::<jetstream::Options>(&run, 0), of);
    assert_eq!(run.count.default, bare.count.default);
}

#[test]
fn servers_of_jetstream_are_encrypted_or_on_this_machine() {
    let of = |keys: &str| format!("[[source]]\nkind = \"jetstream\"\n{keys}\n");
    let near = plan(&of("hosts = [\"ws://127.0.0.1:6008\", \"wss://a.example:8443\"]"));
    let near = options::<jetstream::Options>(&near, 0);
    assert_eq!(near.hosts, ["http://127.0.0.1:6008/", "https://a.example:8443/"]);
    for (keys, says) in [
        ("hosts = [\"ws://a.example\"]", "not encrypted"),
        ("hosts = [\"http://a.example\"]", "not encrypted"),
        ("hosts = [\"ftp://a.example\"]", "not encrypted"),
        ("hosts = [\"wss://a.example/subscribe\"]", "the wire decides"),
        ("hosts = [\"wss://me:secret@a.example\"]", "without user"),
        ("hosts = [\"a b\"]", "is not a server"),
        ("hosts = []", "names 0 servers"),
        ("wire = \"v3\"", "did you mean `v1`"),
        ("zstd_dictionary = \"d\"", "hands out its dictionary"),
        ("wire = \"v1\"\nzstd = true", "hands out no dictionary"),
        ("format = \"text\"", "`jetstream`"),
        ("seed = 1", "takes no `seed`"),
    ] {
        let errors = problems(&of(keys));
        assert!(errors.contains(says) && !errors.contains("secret"), "{keys}: {errors}");
    }
    let replayed = problems(&format!("time = \"event\"\n{}", of("")));
    assert!(replayed.contains("never ends"), "{replayed}");
}

#[test]
fn instances_of_mastodon_are_encrypted_and_name_where_their_token_is() {
    use mastodon::{StreamName, WireName};
    let of = |keys: &str| format!("[[source]]\nkind = \"mastodon\"\n{keys}\n");
    let sound = "instance = \"wss://a.example\"\nstream = \"hashtag\"\ntag = \"#tea\"\n\
                 wire = \"websocket\"\ntoken_env = \"T\"";
    let whole = plan(&of(sound));
    let whole = options::<mastodon::Options>(&whole, 0);
    assert_eq!(whole.instance, "https://a.example/");
    assert_eq!(whole.stream, StreamName::Hashtag("tea".into()));
    assert_eq!(whole.wire, WireName::WebSocket);
    assert_eq!(whole.token, Some(SecretFrom::Env("T".into())));
    let bare = plan(&of("instance = \"http://localhost:3000\""));
    assert_eq!(bare.sources[0].format, Some(Format::Mastodon));
    assert_eq!(bare.count.default.0, Mode::Trending);
    let bare = options::<mastodon::Options>(&bare, 0);
    assert_eq!((&bare.stream, bare.wire), (&StreamName::Public, WireName::Sse));
    assert_eq!(bare.token, None);
    let a = "instance = \"a.example\"\n";
    for (keys, says) in [
        ("", "no `instance`"),
        ("instance = \"http://a.example\"", "not encrypted"),
        ("instance = \"https://me:secret@a.example\"", "without user"),
        (&format!("{a}stream = \"hashtag\""), "has no `tag`"),
        (&format!("{a}stream = \"hashtag\"\ntag = \"#\""), "has no `tag`"),
        (&format!("{a}tag = \"tea\""), "belongs to the stream `hashtag`"),
        (&format!("{a}stream = \"user\""), "`public:remote`"),
        (&format!("{a}wire = \"v2\""), "`sse`, `websocket`"),
        (&format!("{a}token_env = \"secret-x\""), "not the name of an env"),
        (&format!("{a}token_env = \"T\"\ntoken_file = \"t\""), "named twice"),
        (&format!("{a}format = \"text\""), "`mastodon`"),
        (&format!("{a}zstd = true"), "takes no `zstd`"),
    ] {
        let errors = problems(&of(keys));
        assert!(errors.contains(says) && !errors.contains("secret"), "{keys}: {errors}");
    }
    let replayed = problems(&format!("time = \"event\"\n{}", of(a)));
    assert!(replayed.contains("never ends"), "{replayed}");
}

/// A source of X with these keys instead of the usual ones that they name.
fn of_x(kind: &str, usual: &[&str], keys: &str) -> String {
    let named = |line: &&&str| !keys.contains(line.split(" = ").next().unwrap_or_default());
    let usual: Vec<_> = usual.iter().filter(named).copied().collect();
    format!("name = \"j\"\n[[source]]\nkind = \"{kind}\"\n{}\n{keys}\n", usual.join("\n"))
}

#[test]
fn x_says_what_it_may_cost_and_where_its_token_is() {
    let usual = ["token_env = \"T\"", "rules = [\"#a\"]", "reads_max_per_day = 100"];
    let sound = plan(&of_x("x", &usual, "backfill_minutes = 5"));
    let sound = options::<x::Options>(&sound, 0);
    assert_eq!(sound.base_url, "https://api.x.com/");
    assert_eq!((&*sound.tag, sound.reads_max, sound.connects_max), ("tagtide:j", 100, 50));
    for (without, says) in [
        (
            "rules",
            "no `rules`: at full rate, 250 posts a second at $0.005, an hour of it costs $4500",
        ),
        ("reads_max_per_day", "an hour of it costs $4500.00"),
        ("token_env", "no `token_env`"),
    ] {
        let rest: Vec<_> = usual.into_iter().filter(|line| !line.starts_with(without)).collect();
        let errors = problems(&of_x("x", &rest, ""));
        assert!(errors.contains(says), "{without}: {errors}");
    }
    for (keys, says) in [
        ("rules = []\nprice_per_read = 0.01", "costs $9000.00"),
        ("rules = [\"#\"]", "takes no rule `#`"),
        ("rules = [\"has:hashtags\"]", "needs another operand"),
        ("rules = [\"a\", \" a\"]", "is there twice"),
        ("reads_max_per_day = 0", "at least 1"),
        ("backfill_minutes = 6", "from 0 to 5"),
        ("price_per_read = \"a lot\"", "is not a price"),
        ("token_file = \"t\"\ntoken_env = \"T\"", "is named twice"),
        ("token = \"secret\"", "unknown key"),
        ("base_url = \"http://api.x.com\"", "not encrypted"),
        ("base_url = \"https://api.x.com/2\"", "has a path"),
        ("connects_max = 0", "X allows 50"),
        ("format = \"text\"", "`x2`"),
        ("track = \"a\"", "takes no `track`"),
    ] {
        let errors = problems(&of_x("x", &usual, keys));
        assert!(errors.contains(says) && !errors.contains("secret\""), "{keys}: {errors}");
    }
}

#[test]
fn x_v1_is_retired_and_its_parameters_are_in_order() {
    let keys = ["consumer_key", "consumer_secret", "token", "token_secret"];
    let keys = keys.map(|key| format!("{key}_env = \"A\""));
    let mut usual: Vec<&str> = keys.iter().map(String::as_str).collect();
    usual.push("base_url = \"http://localhost:1\"");
    let more = "track = [\"#\", \"a b\"]\nlocations = [-74, 40, -73.5, 41]\nlanguage = [\"en\"]";
    let sound = plan(&of_x("x-v1", &usual, more));
    let sound = options::<x::V1Options>(&sound, 0);
    let params: Vec<_> =
        sound.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let wanted = "delimited=length language=en locations=-74,40,-73.5,41 stall_warnings=true \
                  track=#,a b";
    assert_eq!(params.join(" "), wanted);
    let errors = problems(&of_x("x-v1", &usual[..4], "track = \"a\""));
    assert!(errors.contains("retired") && errors.contains("kind = \"x\""), "{errors}");
    for (keys, says) in [
        ("", "neither `track` nor `locations`"),
        ("track = \"a,b\"", "no comma"),
        ("locations = [1, 2, 3]", "holds 3 numbers"),
        ("locations = [1, 91, 3, 4]", "`91` is not a number of degrees"),
    ] {
        let errors = problems(&of_x("x-v1", &usual, keys));
        assert!(errors.contains(says), "{keys}: {errors}");
    }
}
