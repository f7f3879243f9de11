//! The identity of a job, which its checkpoint records: whatever changes what a key or a count is.

use crate::job::Plan;
use tagtide_checkpoint::{Earlier, Identity, Part};
use tagtide_extract::{GRAMMAR, KEY_CHANGES, Rule};

/// What must not change between two runs, for counts to mean the same.
pub(crate) fn identity(plan: &Plan, accept_grammar: Option<u32>) -> Identity {
    let sources: Vec<_> = plan.sources.iter().map(|source| source.name.as_str()).collect();
    let mut parts = vec![
        Part::new("rule", format!("{:?}", plan.rule).to_lowercase()),
        Part::new("occurrences", format!("{:?}", plan.occurrences).to_lowercase()),
        Part::new("pane", format!("{:?}", plan.count.pane)),
        Part::new("sources", sources.join(", ")),
    ];
    // Words are counted as they are.
    if plan.rule == Rule::Tags {
        let accents = if plan.tags.fold_accents { "fold" } else { "keep" };
        // An older directory does not say; from now on it says what the job says.
        let absent = Some(accents.to_owned());
        parts.push(Part { absent, ..Part::new("tags.accents", accents) });
        parts.push(grammar(GRAMMAR, KEY_CHANGES, accept_grammar));
    }
    Identity { job: plan.name.clone(), parts }
}

/// The version of the grammar. Counts go on from an earlier one where no key has changed since, or
/// where the user accepts that old and new keys of some tags stand side by side.
fn grammar(version: u32, key_changes: &[(u32, &str)], accepted: Option<u32>) -> Part {
    let earlier = |was: u32| {
        let since = key_changes.iter().filter(|(in_version, _)| *in_version > was);
        let kinds: Vec<_> = since.map(|(_, kind)| *kind).collect();
        let help = (!kinds.is_empty() && accepted != Some(version)).then(|| {
            format!(
                "the keys of some tags have changed: {}. `--accept-grammar {version}` goes on, and \
                 counts such tags from zero under their new keys; `--fresh` starts over",
                kinds.join("; ")
            )
        });
        Earlier { value: was.to_string(), help }
    };
    Part {
        // Directories of before it was recorded.
        absent: Some("1".to_owned()),
        earlier: (1..version).map(earlier).collect(),
        ..Part::new("grammar", version.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Job, Purpose, check};

    fn part(job: &str, name: &str) -> Option<String> {
        let job = format!("source = \"stdin\"\n{job}");
        let job = Job::parse(&job, "job.toml").expect("it parses");
        let plan = check(&job, Purpose::Run).expect("it is sound");
        let parts = identity(&plan, None).parts.into_iter();
        parts.filter(|part| part.name == name).map(|part| part.value).next()
    }

    #[test]
    fn what_makes_keys_belongs_to_the_identity() {
        let fold = "[tags]\naccents = \"fold\"\n";
        assert_eq!(part("", "tags.accents").as_deref(), Some("keep"));
        assert_eq!(part(fold, "tags.accents").as_deref(), Some("fold"));
        assert_eq!(part("", "grammar"), Some(GRAMMAR.to_string()));
        assert_eq!(part("rule = \"words\"\n", "grammar"), None);
    }

    #[test]
    fn a_newer_grammar_stops_only_where_keys_changed_and_nobody_accepts_it() {
        const CHANGES: &[(u32, &str)] = &[(3, "tags with a middle dot"), (4, "tags in Thai")];
        let help = |version, was: usize, accepted| {
            let part = grammar(version, CHANGES, accepted);
            assert_eq!((part.value, part.absent.as_deref()), (version.to_string(), Some("1")));
            let Earlier { value, help } = part.earlier[was - 1].clone();
            assert_eq!(value, was.to_string());
            help
        };
        assert!(grammar(1, &[], None).earlier.is_empty());
        assert_eq!(grammar(2, &[], None).earlier[0].help, None);
        assert_eq!(help(5, 4, None), None);
        let stops = help(5, 3, None).expect("keys changed");
        assert!(stops.contains("changed: tags in Thai. `--accept-grammar 5`"), "{stops}");
        let stops = help(5, 1, Some(4)).expect("another one was accepted");
        assert!(stops.contains("tags with a middle dot; tags in Thai"), "{stops}");
        assert_eq!(help(5, 1, Some(5)), None);
    }
}
