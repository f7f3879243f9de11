//! temporary probe
use std::time::{Duration, Instant};
use tagtide::engine::{self, RunOptions};
use tagtide::job::*;
use tagtide::rank::Mode;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let minutes = |m: u64| Duration::from_secs(m * 60);
    let plan = Plan {
        name: "probe".into(),
        sources: vec![SourcePlan {
            name: "f".into(),
            kind: SourceKind::File { paths: vec![args[1].clone()], follow: false },
            format: None,
            text_time: TextTime::Rate {
                start: Some(tagtide::post::EventTime(1_700_000_000_000)),
                rate: 2700.0,
            },
            pace: None,
        }],
        sinks: vec![],
        rule: Default::default(),
        occurrences: Default::default(),
        count: CountPlan {
            pane: Duration::from_secs(10),
            windows: vec![minutes(1), minutes(5), minutes(15), minutes(60), minutes(1440)],
            lateness: Duration::from_secs(10),
            modes: vec![Mode::Total, Mode::Count],
            default: (Mode::Total, minutes(60)),
            top: 10,
        },
        limits: Limits {
            tags_max: 1_000_000,
            line_max_bytes: 1 << 20,
            remembered_max_posts: 1_000_000,
            remembered_max: Duration::from_secs(86400),
        },
        batch: Duration::from_millis(200),
        time: TimePlan::Replay(None),
    };
    let start = Instant::now();
    let run = engine::start(
        plan,
        RunOptions {
            workers: 2,
            state_dir: args.get(2).map(Into::into),
            fresh: true,
            ..Default::default()
        },
    )
    .unwrap();
    let s = run.join(5).unwrap();
    let t = start.elapsed().as_secs_f64();
    println!("{:?}", s.status.counters);
    for r in &s.ranking.trends {
        println!("{} {} {}", r.rank, r.display, r.count);
    }
    println!(
        "{:.3}s {:.2} M posts/s epoch {:?} distinct {}",
        t,
        s.status.counters.posts as f64 / t / 1e6,
        s.status.checkpoint_epoch,
        s.distinct_tags
    );
    let st = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", st.lines().find(|l| l.starts_with("VmHWM")).unwrap());
}
