//! The chart of the likelihood along a run: what it says, and that it can be drawn from what there is.

use colosim_plots::likelihood::{Decided, LikelihoodPoint, LikelihoodResults, figure};
use colosim_plots::{Theme, render_likelihood};

/// A run of 100 ms that is decided at 80 ms.
fn decided_late() -> LikelihoodResults {
    let point = |time_ns: u64, hits: u64| LikelihoodPoint {
        after_steps: time_ns / 1_000,
        time_ns,
        hits,
        runs: 50,
        share: hits as f64 / 50.0,
        low: (hits as f64 / 50.0 - 0.1).max(0.0),
        high: (hits as f64 / 50.0 + 0.1).min(1.0),
    };
    let early = (0..8).map(|i| point(i * 10_000_000, 0));
    let late = [(79_500_000, 1), (80_000_000, 40), (80_400_000, 44), (100_000_000, 50)];
    LikelihoodResults {
        scenario: "small".into(),
        question: "Does the cache outlive its users?".into(),
        variant: "series-v5".into(),
        finding: "use-after-free of colo_cache".into(),
        seed: 7,
        shows_at_ns: Some(100_000_000),
        decided: Some(Decided {
            after_steps: 80_000,
            time_ns: 80_000_000,
            step: "fault.strike of faults (visit 2)".into(),
        }),
        points: early.chain(late.map(|(time_ns, hits)| point(time_ns, hits))).collect(),
    }
}

#[test]
fn the_title_says_what_decided_the_run_and_the_legend_what_the_lines_are() {
    for theme in [Theme::LIGHT, Theme::DARK] {
        let plot = render_likelihood(&decided_late(), &theme).unwrap();
        for part in ["decided by fault.strike of faults", "one half", "more likely than not", "violation", "100 %"] {
            assert!(plot.svg.contains(part), "{part}");
        }
        assert!(plot.png.starts_with(b"\x89PNG"));
    }
}

#[test]
fn a_late_decision_has_a_panel_of_its_own_and_a_run_without_one_has_none() {
    assert_eq!(figure(&decided_late()).panels.len(), 2);
    let never = LikelihoodResults { decided: None, ..decided_late() };
    let figure = figure(&never);
    assert_eq!((figure.panels.len(), figure.panels[0].marks.len()), (1, 1));
    assert!(figure.title.ends_with("never more likely than not"));
}

#[test]
fn without_a_point_there_is_nothing_to_draw() {
    let empty = LikelihoodResults { points: Vec::new(), ..decided_late() };
    assert!(render_likelihood(&empty, &Theme::LIGHT).is_err());
}

#[test]
fn what_is_written_reads_back() {
    let results = decided_late();
    let text = serde_json::to_string(&results).unwrap();
    assert_eq!(serde_json::from_str::<LikelihoodResults>(&text).unwrap(), results);
}
