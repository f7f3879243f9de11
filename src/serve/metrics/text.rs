//! The Prometheus text format 0.0.4, made from OpenMetrics: the same samples, with counters
//! declared under the name of their samples.

/// True if `accept` (one or more `Accept` headers) names `text/plain` with a higher weight than
/// OpenMetrics. Wildcards mean OpenMetrics, and so does no header.
pub(super) fn is_preferred(accept: &str) -> bool {
    let weight = |wanted: &str| {
        let named = accept.split(',').map(|range| range.split(';').map(str::trim));
        let weights = named.filter_map(|mut parts| {
            let is_it = parts.next()?.eq_ignore_ascii_case(wanted);
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
            is_it.then_some(weight.unwrap_or(1.0_f64))
        });
        weights.fold(0.0, f64::max)
    };
    weight("text/plain") > weight("application/openmetrics-text")
}

/// The same metrics in the text format.
pub(super) fn from_open_metrics(metrics: &str) -> String {
    let mut out = String::with_capacity(metrics.len());
    let mut lines = metrics.lines().peekable();
    while let Some(line) = lines.next() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            // The type of a metric is stated right after its help.
            ["#", "HELP", name, help] => {
                let is_counter = lines.peek().is_some_and(|next| is_counter(next, name));
                let end = if is_counter { "_total" } else { "" };
                out.extend(["# HELP ", name, end, " ", help, "\n"]);
            }
            ["#", "TYPE", name, "counter"] => out.extend(["# TYPE ", name, "_total counter\n"]),
            ["#", "EOF"] | ["#", "UNIT", ..] => {}
            _ => out.extend([line, "\n"]),
        }
    }
    out
}

/// True if this line states that the metric `name` is a counter.
fn is_counter(line: &str, name: &str) -> bool {
    let rest = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_prefix(name));
    rest == Some(" counter")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_sent_only_if_it_is_asked_for() {
        for accept in ["text/plain", "text/plain;version=0.0.4;q=1,*/*;q=0.1", "TEXT/PLAIN; q=0.5"]
        {
            assert!(is_preferred(accept), "{accept}");
        }
        // The last but one is what Prometheus sends.
        for accept in [
            "",
            "*/*",
            "text/html,application/xml;q=0.9,*/*;q=0.8",
            "text/plain;q=0",
            "text/*",
            "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5",
            "text/plain,application/openmetrics-text",
        ] {
            assert!(!is_preferred(accept), "{accept}");
        }
    }

    #[test]
    fn counters_are_declared_under_the_name_of_their_samples() {
        let open = "# HELP a_posts Posts.\n# TYPE a_posts counter\na_posts_total 5\n\
                    # HELP b_seconds Time.\n# TYPE b_seconds gauge\n# UNIT b_seconds seconds\n\
                    b_seconds{c=\"# EOF\"} 0.5\n# EOF\n";
        let text = "# HELP a_posts_total Posts.\n# TYPE a_posts_total counter\na_posts_total 5\n\
                    # HELP b_seconds Time.\n# TYPE b_seconds gauge\nb_seconds{c=\"# EOF\"} 0.5\n";
        assert_eq!(from_open_metrics(open), text);
    }
}
