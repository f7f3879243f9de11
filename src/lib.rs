//! tagtide says what is trending right now, and why.
//!
//! Modules in the order of the flow of one post:
//! [`source`] -> [`decode`] -> [`extract`] -> [`state`], [`window`] -> [`rank`] -> [`sink`],
//! [`serve`].
//!
//! Floors (a module imports lower floors only): F0 [`post`] [`clock`] [`simd`]; F1 [`decode`]
//! [`extract`] [`state`] [`window`] [`rank`]; F2 [`job`]; F3 [`source`] [`sink`] [`checkpoint`];
//! F4 [`engine`]; F5 [`serve`] [`cli`].

pub mod checkpoint;
pub mod cli;
pub mod clock;
pub mod decode;
pub mod engine;
pub mod extract;
pub mod job;
pub mod post;
pub mod rank;
pub mod serve;
pub mod simd;
pub mod sink;
pub mod source;
pub mod state;
pub mod window;
