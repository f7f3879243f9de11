//! The job that a directory belongs to, and whether a run can resume from it.

/// What must not change between two runs, so that counts keep their meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name of the job.
    pub job: String,
    /// Everything that existing counts depend on: rule, pane, sources, ...
    pub parts: Vec<Part>,
}

/// One part of an [`Identity`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Its name, as in messages.
    pub name: String,
    /// Its value in this run.
    pub value: String,
    /// The value of a directory that was made before the part existed. `None` = such a directory
    /// stops the start.
    pub absent: Option<String>,
    /// Known values of earlier versions.
    pub earlier: Vec<Earlier>,
}

/// A value that an earlier version of the program recorded for a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The value.
    pub value: String,
    /// `None`: the run resumes, and the directory records the new value. Otherwise the start stops
    /// with this hint.
    pub help: Option<String>,
}

impl Part {
    /// A part whose value must not change.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), ..Self::default() }
    }
}

/// An identity as a directory records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) job: String,
    /// Name and value of each part.
    pub(super) parts: Vec<(String, String)>,
}

/// Why a run cannot resume from a directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// What differs, for users.
    pub(super) what: String,
    /// What to do.
    pub(super) help: String,
}

impl From<&Identity> for Recorded {
    fn from(identity: &Identity) -> Self {
        let parts = identity.parts.iter().map(|part| (part.name.clone(), part.value.clone()));
        Self { job: identity.job.clone(), parts: parts.collect() }
    }
}

impl Recorded {
    /// FNV-1a over all fields, including their lengths.
    pub(super) fn hash(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut eat = |text: &str| {
            for byte in (text.len() as u64).to_le_bytes().into_iter().chain(text.bytes()) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        eat(&self.job);
        for (name, value) in &self.parts {
            eat(name);
            eat(value);
        }
        hash
    }

    /// Compares it with the job of this run.
    pub(super) fn check(&self, now: &Identity) -> Result<(), Difference> {
        let mut what = Vec::new();
        let mut helps: Vec<&str> = Vec::new();
        if self.job != now.job {
            what.push(format!("job was `{}`, is `{}`", self.job, now.job));
        }
        for part in &now.parts {
            let was = self.value(&part.name).or(part.absent.as_deref());
            if was == Some(&part.value) {
                continue;
            }
            let earlier = part.earlier.iter().find(|earlier| Some(&*earlier.value) == was);
            match earlier.map(|earlier| earlier.help.as_deref()) {
                Some(None) => continue,
                Some(Some(help)) => helps.push(help),
                None => {}
            }
            let was = was.map_or_else(|| "absent".to_owned(), |was| format!("`{was}`"));
            what.push(format!("{} was {was}, is `{}`", part.name, part.value));
        }
        for (name, was) in &self.parts {
            if !now.parts.iter().any(|part| part.name == *name) {
                what.push(format!("{name} was `{was}`, is absent"));
            }
        }
        if what.is_empty() {
            return Ok(());
        }
        // The hint of a part is enough only if nothing else differs.
        let help = match helps.as_slice() {
            [help] if what.len() == 1 => (*help).to_owned(),
            _ => {
                "run the unchanged job, or use another `--state-dir`, or start over with `--fresh`"
                    .to_owned()
            }
        };
        Err(Difference { what: what.join("; "), help })
    }

    fn value(&self, name: &str) -> Option<&str> {
        let found = self.parts.iter().find(|(part, _)| part == name);
        found.map(|(_, value)| value.as_str())
    }
}
