//! Why a tag is listed, or not: every number that its row follows from.
//!
//! Pure, and made from the state for one tag and one window on request; nothing is stored. The
//! formula and what each number means: docs/http.md and [`crate::score::formula`].

use serde::{Deserialize, Serialize};

use crate::rank::{RecentPosts, Spelling, explain_text, ranking, trending_rows};
use crate::score::formula::{LEARNED, LISTED};
use crate::score::{Scale, Score, Trending};
use crate::state::State;

/// Why a tag is listed under `trending`, or not. Fields may be added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Explanation {
    /// The key.
    pub tag: String,
    /// Commonest spelling, without `#`.
    pub display: String,
    /// Length of the window, seconds.
    pub window_s: u64,
    /// End of the window, milliseconds since the Unix epoch (event time).
    pub at: i64,
    /// All of it in one sentence.
    pub text: String,
    /// The gates let it into the ranking; whether it is among the first rows is another question.
    pub listed: bool,
    /// Baselines are still being learned: windows learned, of the three that it takes. There is no
    /// score until then, and rows are ordered by count.
    pub learning: Option<u32>,
    /// `new`, `rising`, `steady` or `cooling`; null while unknown.
    pub status: Option<String>,
    /// Mean of `z` of the windows that have learned; null if none has.
    pub score: Option<f64>,
    /// Highest score so far, as far as it is still held.
    pub held: f64,
    /// It is a new peak, which raises alerts.
    pub peak: bool,
    /// People that are usual in the window; null before that window has learned.
    pub expected: Option<f64>,
    /// Times the usual; likewise.
    pub lift: Option<f64>,
    /// Posts in the window.
    pub posts: u64,
    /// Distinct authors in it; posts without author are authors of their own.
    pub authors: u64,
    /// `authors` is an estimate: there are too many for an exact count.
    pub estimated: bool,
    /// The windows scored together: a quarter, once and four times the one asked for.
    pub windows: Vec<WindowScore>,
    /// From authors to people; null if the stream has no authors.
    pub people: Option<PeopleRules>,
    /// What must be true of a tag that is listed.
    pub gates: Vec<Gate>,
    /// Spellings counted since the tag became live, commonest first.
    pub spellings: Vec<Spelling>,
    /// Start of the first pane that it counted in since it became live, whole seconds as
    /// milliseconds since the Unix epoch; null if unknown.
    pub first_seen: Option<i64>,
    /// Recent posts with it, and the tags in them; null if none are stored
    /// (`limits.recent_posts = 0`).
    pub recent: Option<RecentPosts>,
}

/// One of the windows scored together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WindowScore {
    /// Its length, seconds.
    pub window_s: u64,
    /// Enough of it are over for its baseline to mean something.
    pub learned: bool,
    /// Posts in it.
    pub posts: u64,
    /// Distinct authors in it.
    pub authors: u64,
    /// People in it, under the rules of people.
    pub x: f64,
    /// `x` transformed, so that noise is about one whatever the count: `2 sqrt(x + 3/8)`.
    pub y: f64,
    /// Mean of `y` over its past.
    pub mu: f64,
    /// Variance of `y` over its past.
    pub nu: f64,
    /// `(y - mu) / sqrt(1 + nu)`: how far it is from usual.
    pub z: f64,
}

/// How the authors of a window became people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PeopleRules {
    /// Authors under the rules; each post without author is one person.
    pub authors: f64,
    /// Their posts.
    pub posts: f64,
    /// Length of the spans by which the rule of spread counts, seconds: a minute, or a fifteenth of
    /// a short window.
    pub span_s: u64,
    /// Spans in which somebody came, each counted at their last post; of a sample where authors
    /// are estimated.
    pub spans: u32,
    /// Authors in the three busiest spans; null if the window is too short for the rule.
    pub busiest: Option<f64>,
    /// People that the rule of spread allows; null if it does not apply.
    pub spread: Option<f64>,
    /// People that the rule of repetition allows.
    pub repeat: f64,
    /// Authors who had posted before they joined the tag; null if the job does not ask
    /// (`people.known`), or it is not known yet.
    pub known: Option<f64>,
    /// The share of such authors among all who join a tag; likewise.
    pub known_share: Option<f64>,
    /// People that the rule of known authors allows; likewise.
    pub known_allows: Option<f64>,
    /// The least of what the rules allow, and posts without author: `x`.
    pub counted: f64,
}

/// One condition of a listing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Gate {
    /// `min_count`, `min_authors`, `score`, `lists` or `learned`.
    pub name: String,
    /// The value of the tag: people, authors, the score, 1 if the job's tag filter lists it, else
    /// 0, windows learned; null if there is none.
    pub value: Option<f64>,
    /// The least that passes.
    pub bound: f64,
    /// It has that much.
    pub passed: bool,
    /// A listing depends on it; while baselines are being learned the score is not required.
    pub required: bool,
}

/// Explains `key` in a window of `trending`; [`crate::window::Ring::show`] must have
/// been called for `at`. `None` if there is no such window, or the tag is not live.
#[must_use]
pub fn explain(state: &State, key: &str, window_ms: i64, at: i64) -> Option<Explanation> {
    let trending = state.trending(window_ms)?;
    let detail = ranking::tag(state, key)?;
    let id = state.tags.find(key.as_bytes())?;
    let score = trending.score(&state.ring, id);
    let asked = score.asked();
    let people = people(state, id, trending.asked(), asked);
    let learning = trending.learning();
    let (expected, lift, status) = trending_rows::against_usual(&score);
    let mut explanation = Explanation {
        tag: detail.tag,
        display: detail.display,
        window_s: seconds(window_ms),
        at,
        text: String::new(),
        listed: state.may_list(id) && trending_rows::passes(trending, &score),
        learning,
        status: status.map(str::to_owned),
        score: score.score,
        held: score.held,
        peak: score.peak,
        expected,
        lift,
        posts: u64::from(asked.posts),
        authors: state.columns().authors(id, trending.asked()),
        estimated: state.ring.tag_authors(id, trending.asked()).estimated,
        windows: score.scales.iter().map(window).collect(),
        people,
        gates: gates(trending, &score, state.may_list(id)),
        spellings: detail.spellings,
        first_seen: detail.first_seen,
        recent: detail.recent,
    };
    explanation.text = explain_text::sentence(&explanation);
    Some(explanation)
}

fn seconds(ms: i64) -> u64 {
    ms.unsigned_abs() / 1000
}

fn window(scale: &Scale) -> WindowScore {
    WindowScore {
        window_s: seconds(scale.window_ms),
        learned: scale.learned,
        posts: u64::from(scale.posts),
        authors: scale.authors as u64,
        x: scale.people,
        y: scale.y,
        mu: scale.mu,
        nu: scale.nu,
        z: scale.z,
    }
}

fn people(state: &State, id: u32, window: usize, asked: &Scale) -> Option<PeopleRules> {
    let allowed = state.ring.rule_figures(id, window)?;
    Some(PeopleRules {
        authors: allowed.named,
        posts: allowed.posts,
        span_s: seconds(allowed.unit_ms),
        spans: allowed.units,
        busiest: allowed.busiest,
        spread: allowed.spread,
        repeat: allowed.repeat,
        known: allowed.known.map(|rule| rule.known),
        known_share: allowed.known.map(|rule| rule.share),
        known_allows: allowed.known.map(|rule| rule.allows),
        counted: asked.people,
    })
}

fn gates(trending: &Trending, score: &Score, may_list: bool) -> Vec<Gate> {
    let asked = score.asked();
    let gate = |name: &str, value: Option<f64>, bound: f64, required| Gate {
        name: name.to_owned(),
        value,
        bound,
        passed: value.is_some_and(|value| value >= bound),
        required,
    };
    let learned = trending.learning().unwrap_or(LEARNED);
    vec![
        gate("min_count", Some(asked.people), f64::from(trending.gates.min_count), true),
        gate("min_authors", Some(asked.authors), f64::from(trending.gates.min_authors), true),
        gate("score", score.score, LISTED, score.score.is_some()),
        gate("lists", Some(f64::from(u8::from(may_list))), 1.0, true),
        gate("learned", Some(f64::from(learned)), f64::from(LEARNED), false),
    ]
}

#[cfg(test)]
mod tests;
