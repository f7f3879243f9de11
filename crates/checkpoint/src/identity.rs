//! Whose checkpoint a directory holds, and whether a job may go on from it.

/// What must not change between two runs, for counts to mean the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name of the job.
    pub job: String,
    /// Everything that counts cannot follow when it changes: rule, pane, sources, ...
    pub parts: Vec<Part>,
}

/// One part of an [`Identity`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Its name, as in messages.
    pub name: String,
    /// Its value in this run.
    pub value: String,
    /// The value that a directory has which does not name the part, because it was made before the
    /// part existed. `None` = it has none, and the start stops.
    pub absent: Option<String>,
    /// Values of earlier versions that are understood.
    pub earlier: Vec<Earlier>,
}

/// A value that an earlier version of the program recorded for a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The value.
    pub value: String,
    /// `None`: counts go on, and the directory records the value of this run. Otherwise the start
    /// stops, and this is the way out.
    pub help: Option<String>,
}

impl Part {
    /// A part whose value may not change.
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

/// Why a job may not go on from a directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// What differs, in words.
    pub(super) what: String,
    /// The way out.
    pub(super) help: String,
}

impl From<&Identity> for Recorded {
    fn from(identity: &Identity) -> Self {
        let parts = identity.parts.iter().map(|part| (part.name.clone(), part.value.clone()));
        Self { job: identity.job.clone(), parts: parts.collect() }
    }
}

impl Recorded {
    /// FNV-1a over all of it, lengths included.
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
        // A part's own way out is enough only where nothing else differs.
        let help = match helps.as_slice() {
            [help] if what.len() == 1 => (*help).to_owned(),
            _ => "run the job as it was, or give this one its own `--state-dir`, or start over \
                  with `--fresh`"
                .to_owned(),
        };
        Err(Difference { what: what.join("; "), help })
    }

    fn value(&self, name: &str) -> Option<&str> {
        let found = self.parts.iter().find(|(part, _)| part == name);
        found.map(|(_, value)| value.as_str())
    }
}
