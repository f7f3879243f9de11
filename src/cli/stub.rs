//! Temporary: parts that stand on other branches, under the names and shapes they have there.
//!
//! Everything in `cli` imports these as `super::stub::{serve, source, extract}`; where the
//! real modules are there, those imports become `crate::...` and this file goes.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unnecessary_wraps,
    clippy::needless_pass_by_value,
    dead_code
)]

pub(super) mod serve {
    use std::net::SocketAddr;
    use std::path::PathBuf;
    use std::sync::Arc;

    use tokio::sync::watch;

    use crate::extract::Rule;
    use crate::rank::{Ask, Published};

    pub const PORT: u16 = 5001;

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Listen {
        Loopback(u16),
        Address(SocketAddr),
    }

    impl Default for Listen {
        fn default() -> Self {
            Self::Loopback(PORT)
        }
    }

    impl std::str::FromStr for Listen {
        type Err = ServeError;
        fn from_str(text: &str) -> Result<Self, ServeError> {
            if let Some(Ok(port)) = text.strip_prefix("localhost:").or(Some(text)).map(str::parse) {
                return Ok(Self::Loopback(port));
            }
            text.parse().map(Self::Address).map_err(|_| ServeError::Address(text.to_owned()))
        }
    }

    #[derive(Clone)]
    pub struct Feed {
        pub published: watch::Receiver<Arc<Published>>,
        pub ask: Arc<dyn Ask>,
        pub tutorial: Tutorial,
    }

    #[derive(Clone)]
    pub enum Tutorial {
        Own,
        Fed(Arc<Fed>),
    }

    pub struct Fed;

    impl Fed {
        pub fn new(_: crate::clock::Clock) -> Arc<Self> {
            Arc::new(Self)
        }

        pub fn feed(self: &Arc<Self>) -> Feed {
            struct Nothing;
            impl Ask for Nothing {
                fn ranking(&self, _: &crate::rank::Query) -> Option<crate::rank::Ranking> {
                    None
                }
                fn tag(&self, _: &str) -> Option<crate::rank::TagDetail> {
                    None
                }
            }
            let published = Published {
                batch: 0,
                published_at: 0,
                default: 0,
                rankings: Vec::new(),
                status: Arc::default(),
            };
            Feed {
                published: watch::channel(Arc::new(published)).1,
                ask: Arc::new(Nothing),
                tutorial: Tutorial::Fed(Arc::clone(self)),
            }
        }
    }

    #[derive(Default)]
    pub struct ServeOptions {
        pub token: Option<String>,
        pub hosts: Vec<String>,
        pub web_dir: Option<PathBuf>,
        pub top: usize,
        pub rule: Rule,
        pub connections_max: usize,
        pub live_max: usize,
    }

    #[derive(Debug, thiserror::Error)]
    pub enum ServeError {
        #[error("cannot listen on `{0}`: the address is in use")]
        InUse(SocketAddr),
        #[error("refused to listen on `{0}` without a token")]
        TokenNeeded(SocketAddr),
        #[error("`{0}` is no address to listen on\nhelp: give a port, or `127.0.0.1:5001`")]
        Address(String),
        #[error("cannot start the server: {0}")]
        Start(std::io::Error),
    }

    pub struct Server(Vec<SocketAddr>);

    impl Server {
        pub fn addrs(&self) -> &[SocketAddr] {
            &self.0
        }
        pub fn stop(self) {}
    }

    pub fn start(_: Listen, _: Feed, _: ServeOptions) -> Result<Server, ServeError> {
        Err(ServeError::Start(std::io::Error::other("the server is not built in yet")))
    }
}

pub(super) mod source {
    use crate::clock::Clock;
    use crate::job::{Limits, SourcePlan};
    use crate::source::{Source, SourceError};

    pub fn build(_: &SourcePlan, _: &Limits, _: &Clock) -> Result<Box<dyn Source>, SourceError> {
        Err(SourceError::Fatal("sources are not built in yet".into()))
    }

    pub mod generator {
        use std::io::Write;

        use crate::job::GeneratorPlan;

        pub fn write_posts(_: &GeneratorPlan, _: u64, _: &mut impl Write) -> std::io::Result<u64> {
            Err(std::io::Error::other("the generator is not built in yet"))
        }
    }
}

pub(super) mod extract {
    use crate::extract::Rule;
    use crate::post::Post;

    pub struct FoundTag {
        pub key: String,
        pub display: String,
        pub span: Option<(u32, u32)>,
    }

    pub fn post_tags(_: &Post<'_>, _: Rule, _: bool, _: &mut Vec<FoundTag>) {}

    pub mod markup {
        use std::borrow::Cow;

        use crate::post::Markup;

        pub struct Plain<'a> {
            pub text: Cow<'a, str>,
        }

        pub fn undo(text: &str, _: Markup) -> Plain<'_> {
            Plain { text: Cow::Borrowed(text) }
        }
    }
}
