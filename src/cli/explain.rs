//! `explain`: asks a running tagtide why a tag is listed or not.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use clap::Args as ClapArgs;
use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use super::exit::{FAILED, Failure, Outcome, USAGE};
use super::flags;
use crate::sink::table;
use tagtide_sources::http_client::{self, cause};
use tagtide_trends::rank::Explanation;
use tagtide_trends::rank::explain::{Gate, PeopleRules};
use tagtide_trends::rank::related::{RecentPosts, SamplePost};

/// Longest time for request and answer; the server itself limits an answer to five seconds.
const EXCHANGE_MAX: Duration = Duration::from_secs(10);
/// Longest printed text of a post, in code points.
const TEXT_MAX_CHARS: usize = 280;
/// Most bytes of an answer.
const ANSWER_MAX_BYTES: u64 = 1 << 20;

/// Ask a running tagtide why a tag is listed or not
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  \
    tagtide explain rust                    on this machine, in the default window\n  \
    tagtide explain '#Caffè' --window 15m\n  \
    tagtide explain rust --url http://127.0.0.1:5002 --json\n\n\
    The token, if the server needs one, is read from TAGTIDE_TOKEN or TAGTIDE_TOKEN_FILE.")]
pub(super) struct Args {
    /// The tag, with or without its `#`
    #[arg(value_name = "TAG")]
    tag: String,
    /// Window such as 1h [default: that of the default ranking]
    #[arg(long, value_name = "WINDOW")]
    window: Option<String>,
    /// Name of a view [default: all]
    #[arg(long, value_name = "VIEW")]
    view: Option<String>,
    /// Address of the server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:5001")]
    url: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The body of an error.
#[derive(Debug, Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    help: String,
}

pub(super) fn run(args: &Args) -> Outcome {
    let url = address(args)?;
    let answer = ask(&url, &args.url)?;
    let text = if args.json {
        let mut text = answer;
        text.push('\n');
        text
    } else {
        let explanation = serde_json::from_str(&answer).map_err(|error| not_ours(args, &error))?;
        page(&explanation)
    };
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| Failure::stdout(&error))
}

fn not_ours(args: &Args, why: &dyn std::fmt::Display) -> Failure {
    let help = "check that a tagtide of the same version runs there";
    Failure::new(
        FAILED,
        format_args!("cannot read the answer of `{}`: {why}\nhelp: {help}", args.url),
    )
}

/// The URL to request.
fn address(args: &Args) -> Result<Url, Failure> {
    let wrong = |why: &dyn std::fmt::Display| {
        let url = &args.url;
        let help = "an address looks like `http://127.0.0.1:5001`";
        Failure::new(USAGE, format_args!("`--url {url}`: {why}\nhelp: {help}"))
    };
    // `localhost:5001` would be parsed as a scheme.
    let with_scheme = match args.url.contains("://") {
        true => args.url.clone(),
        false => format!("http://{}", args.url),
    };
    let mut url = Url::parse(&with_scheme).map_err(|error| wrong(&error))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(&"it is neither http nor https"));
    }
    if matches!(args.tag.trim().trim_start_matches(['#', '＃']), "" | "." | "..") {
        let help = "name one as in `tagtide explain rust`; a shell needs quotes around `'#rust'`";
        let message = format_args!("`{}` is not a tag\nhelp: {help}", args.tag);
        return Err(Failure::new(USAGE, message));
    }
    url.set_query(None);
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(["api", "v1", "tags", args.tag.as_str(), "explain"]);
    }
    for (name, value) in [("window", &args.window), ("view", &args.view)] {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(name, value);
        }
    }
    Ok(url)
}

/// The body of the answer.
fn ask(url: &Url, shown: &str) -> Result<String, Failure> {
    let failed = |error: &reqwest::Error| {
        let help = "start one with `tagtide run` or `tagtide demo`, or pass its address as `--url`";
        let why = cause(error);
        Failure::new(FAILED, format_args!("cannot ask `{shown}`: {why}\nhelp: {help}"))
    };
    let client = http_client::blocking(url).timeout(EXCHANGE_MAX).build();
    let client = client.map_err(|error| failed(&error))?;
    let mut request = client.get(url.clone());
    let token = flags::token()?;
    if let Some(token) = &token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().map_err(|error| failed(&error.without_url()))?;
    let status = answer.status();
    let mut body = String::new();
    answer.take(ANSWER_MAX_BYTES).read_to_string(&mut body).map_err(|error| {
        Failure::new(FAILED, format_args!("cannot read the answer of `{shown}`: {error}"))
    })?;
    if status.is_success() {
        return Ok(body);
    }
    Err(refused(status, &body, shown, token.is_some()))
}

fn refused(status: StatusCode, body: &str, shown: &str, with_token: bool) -> Failure {
    let code = if status == StatusCode::BAD_REQUEST { USAGE } else { FAILED };
    let Ok(refusal) = serde_json::from_str::<Refusal>(body) else {
        let help = "check that a tagtide of the same version runs there";
        return Failure::new(FAILED, format_args!("`{shown}` answered {status}\nhelp: {help}"));
    };
    let error = table::shown(&refusal.error);
    if status == StatusCode::UNAUTHORIZED && with_token {
        let help = "put the token with which it was started into TAGTIDE_TOKEN";
        let message = format_args!("`{shown}` does not accept the token\nhelp: {help}");
        return Failure::new(code, message);
    }
    if status == StatusCode::UNAUTHORIZED {
        let help = "put its token into TAGTIDE_TOKEN";
        return Failure::new(code, format_args!("{error}\nhelp: {help}"));
    }
    match refusal.help.as_str() {
        "" => Failure::new(code, error),
        help => Failure::new(code, format_args!("{error}\nhelp: {}", table::shown(help))),
    }
}

/// The explanation for a terminal.
fn page(of: &Explanation) -> String {
    let mut out = String::new();
    let tag = format!("#{}", of.display);
    let verdict = if of.listed { "listed" } else { "not listed" };
    let status = of.status.as_deref().map(|status| format!(", {status}")).unwrap_or_default();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}: {verdict}{status}\n{}\n", table::shown(&tag), of.text);
    out.push_str(&score(of));
    out.push_str(&windows(of));
    out.push('\n');
    out.push_str(&gates(&of.gates));
    if let Some(rules) = &of.people {
        let _ = writeln!(out, "\n{}", people(rules));
    }
    let spellings: Vec<String> = of
        .spellings
        .iter()
        .map(|one| format!("{} ({})", table::shown(&format!("#{}", one.display)), one.count))
        .collect();
    if !spellings.is_empty() {
        let _ = writeln!(out, "spellings: {}", spellings.join(", "));
    }
    if let Some(first) = of.first_seen {
        let _ = writeln!(out, "first seen: {} UTC", utc(first));
    }
    if let Some(recent) = &of.recent {
        out.push_str(&around(recent));
    }
    out
}

/// `expected` is that of the window itself; the score can come from another window that already has
/// a baseline.
fn score(of: &Explanation) -> String {
    let usual = match (of.expected, of.lift) {
        (Some(expected), Some(lift)) => {
            format!("usually {expected:.1} people, now {lift:.2} times that")
        }
        _ => "no baseline yet".to_owned(),
    };
    match of.score {
        Some(score) => format!("score {score:.2}, highest held {:.2}, {usual}\n\n", of.held),
        None => "no score yet\n\n".to_owned(),
    }
}

/// Related tags and some of the posts. Nothing in them may reach the terminal as control
/// characters.
fn around(recent: &RecentPosts) -> String {
    let RecentPosts { kept, posts, related, samples } = recent;
    let mut out = format!("\nin {posts} of {kept} recent posts in memory\n");
    let related: Vec<String> = related
        .iter()
        .map(|one| {
            let tag = format!("#{}", one.display);
            format!("{} ({}, {:.0} %)", table::shown(&tag), one.posts, 100.0 * one.share)
        })
        .collect();
    if !related.is_empty() {
        let _ = writeln!(out, "together with: {}", related.join(", "));
    }
    for SamplePost { at, text, author, url, .. } in samples {
        let parts = [author, url].into_iter().flatten();
        let parts: Vec<_> = parts.map(|part| table::shown_to(part, TEXT_MAX_CHARS)).collect();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = table::shown_to(&text, TEXT_MAX_CHARS);
        let head = format!("{} {}", utc(*at), parts.join(" "));
        let _ = writeln!(out, "- {}\n  {text}", head.trim_end());
    }
    out
}

fn windows(of: &Explanation) -> String {
    let header = ["window", "posts", "authors", "x", "y", "mu", "nu", "z", "learned"];
    let rows = of.windows.iter().map(|one| {
        vec![
            length(one.window_s),
            one.posts.to_string(),
            one.authors.to_string(),
            format!("{:.1}", one.x),
            two(one.y),
            two(one.mu),
            two(one.nu),
            two(one.z),
            if one.learned { "yes" } else { "no" }.to_owned(),
        ]
    });
    table::grid(&header, rows)
}

fn gates(gates: &[Gate]) -> String {
    let rows = gates.iter().map(|gate| {
        let verdict = match (gate.passed, gate.required) {
            (true, _) => "passed",
            (false, true) => "failed",
            (false, false) => "not yet",
        };
        let value = gate.value.map_or_else(String::new, |value| format!("{value:.2}"));
        vec![gate.name.clone(), value, format!("{}", gate.bound), verdict.to_owned()]
    });
    table::grid(&["gate", "value", "at least", "verdict"], rows)
}

fn people(rules: &PeopleRules) -> String {
    let spread = match (rules.spread, rules.busiest) {
        (Some(spread), Some(busiest)) => {
            format!("spread allows {spread:.1} ({busiest:.0} in the three busiest spans)")
        }
        _ => "spread does not apply".to_owned(),
    };
    let known = match (rules.known, rules.known_share, rules.known_allows) {
        (Some(known), Some(share), Some(allows)) => format!(
            ", known authors allow {allows:.1} ({known:.0} had posted before, {:.0} % usually have)",
            100.0 * share
        ),
        _ => String::new(),
    };
    format!(
        "{:.0} authors with {:.0} posts count as {:.1} people: {spread}, repetition allows {:.1}\
         {known}",
        rules.authors, rules.posts, rules.counted, rules.repeat
    )
}

/// `2026-01-05 00:00:00`.
fn utc(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn two(value: f64) -> String {
    format!("{value:.2}")
}

/// `15m`, `1h`, `90s`.
fn length(seconds: u64) -> String {
    match seconds {
        s if s % 3600 == 0 => format!("{}h", s / 3600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagtide_trends::rank::explain::WindowScore;
    use tagtide_trends::rank::related::RelatedTag;

    fn args(tag: &str, url: &str, window: Option<&str>) -> Args {
        let window = window.map(str::to_owned);
        Args { tag: tag.to_owned(), window, view: None, url: url.to_owned(), json: false }
    }

    #[test]
    fn a_tag_is_one_segment_of_the_address() {
        let of = |tag, url, window| address(&args(tag, url, window)).map(String::from);
        let asked = of("#a/b?c ü", "http://127.0.0.1:5001/", Some("1h")).expect("an address");
        let wanted = "http://127.0.0.1:5001/api/v1/tags/%23a%2Fb%3Fc%20%C3%BC/explain?window=1h";
        assert_eq!(asked, wanted);
        let bare = of("a", "localhost:5001", None).expect("an address");
        assert_eq!(bare, "http://localhost:5001/api/v1/tags/a/explain");
        for (tag, url) in
            [("..", "http://a"), ("a", "ftp://a"), ("", "http://a"), ("#", "http://a")]
        {
            let refused = of(tag, url, None).expect_err("refused");
            assert_eq!(refused.code, USAGE, "{tag} {url}");
            assert!(refused.message.contains("\nhelp: "), "{}", refused.message);
        }
    }

    #[test]
    fn nothing_runs_there() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("its number").port();
        drop(socket);
        let url = format!("http://127.0.0.1:{port}");
        let failure = run(&args("a", &url, None)).expect_err("nothing answers");
        let message = &failure.message;
        assert_eq!(failure.code, FAILED);
        assert!(message.starts_with(&format!("cannot ask `{url}`: ")), "{message}");
        assert!(message.contains("\nhelp: start one with `tagtide run`"), "{message}");
    }

    #[test]
    fn a_refusal_keeps_its_words() {
        let failure = refused(
            StatusCode::NOT_FOUND,
            "{\"error\":\"`a\\u001b[2J` is not live\",\"help\":\"look\"}",
            "http://a",
            false,
        );
        assert_eq!(
            (failure.code, failure.message.as_str()),
            (FAILED, "`a\u{fffd}[2J` is not live\nhelp: look")
        );
        let failure =
            refused(StatusCode::BAD_REQUEST, "{\"error\":\"no such window\"}", "http://a", false);
        assert_eq!((failure.code, failure.message.as_str()), (USAGE, "no such window"));
        let failure = refused(StatusCode::BAD_GATEWAY, "<html>", "http://a", false);
        assert!(failure.message.contains("502"));
        let message = |with_token| {
            let body = "{\"error\":\"this address needs a token\"}";
            refused(StatusCode::UNAUTHORIZED, body, "http://a", with_token).message
        };
        let (without, with) = (message(false), message(true));
        assert!(without.starts_with("this address needs a token\n"), "{without}");
        assert!(with.contains("does not accept the token"), "{with}");
    }

    fn recent() -> RecentPosts {
        let related = RelatedTag {
            display: "b\u{202e}c".to_owned(),
            posts: 3,
            share: 0.75,
            ..RelatedTag::default()
        };
        let sample = SamplePost {
            at: 1_767_571_201_000,
            text: "two\n lines \u{1b}[2J#a".to_owned(),
            author: Some("ann@a.example".to_owned()),
            url: Some("https://a.example/1".to_owned()),
            lang: None,
        };
        RecentPosts { kept: 90, posts: 4, related: vec![related], samples: vec![sample] }
    }

    #[test]
    fn the_terminal_gets_every_number() {
        let window = WindowScore { window_s: 900, z: 5.217, x: 10.0, ..WindowScore::default() };
        let gate = |name: &str, passed, required| Gate {
            name: name.to_owned(),
            value: Some(10.0),
            bound: 5.0,
            passed,
            required,
        };
        let of = Explanation {
            display: "Fresh\u{1b}".to_owned(),
            text: "11x usual for an hour: 10 people".to_owned(),
            status: Some("rising".to_owned()),
            score: Some(5.217),
            expected: Some(0.0),
            lift: Some(11.0),
            windows: vec![window],
            people: Some(PeopleRules {
                authors: 10.0,
                counted: 10.0,
                known: Some(7.0),
                known_share: Some(0.7),
                known_allows: Some(10.0),
                ..PeopleRules::default()
            }),
            gates: vec![gate("min_count", true, true), gate("score", false, true)],
            first_seen: Some(1_767_571_200_000),
            recent: Some(recent()),
            ..Explanation::default()
        };
        let other = Explanation { expected: None, lift: None, ..of.clone() };
        let shown = page(&other);
        assert!(shown.contains("score 5.22, highest held 0.00, no baseline yet"), "{shown}");
        let text = page(&of);
        for part in [
            "#Fresh\u{fffd}: not listed, rising\n11x usual",
            "score 5.22, highest held 0.00, usually 0.0 people, now 11.00 times that",
            "|   15m|    0|      0|10.0|",
            "|min_count|10.00|       5| passed|",
            "|    score|10.00|       5| failed|",
            "10 authors with 0 posts count as 10.0 people: spread does not apply",
            "known authors allow 10.0 (7 had posted before, 70 % usually have)",
            "first seen: 2026-01-05 00:00:00 UTC\n",
            "in 4 of 90 recent posts in memory\ntogether with: #b\u{fffd}c (3, 75 %)\n",
            "- 2026-01-05 00:00:01 ann@a.example https://a.example/1\n  two lines \u{fffd}[2J#a\n",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }
}
