//! The story of a finding: who was late where, which access met which release, which ordering is missing.

use super::names::{faults, step_function, step_name};
use crate::inquiry::Found;
use colosim_sim::explore::Window;
use colosim_sim::{Hold, Kind, Place, Span, Stall, Violation};

/// The whole story, in sentences.
pub fn tell(found: &Found) -> String {
    let mut sentences = vec![lateness(found)];
    if !found.faults.is_empty() {
        sentences.push(format!("fault: {}", faults(&found.faults)));
    }
    sentences.push(harm(&found.violation));
    sentences.extend(missing_order(&found.violation));
    sentences.join("; ")
}

/// Who was late where.
fn lateness(found: &Found) -> String {
    let plan = &found.trial.plan;
    let windows = found.windows.as_deref().unwrap_or_default();
    let stalls = plan.stalls.iter().enumerate().map(|(i, stall)| one_stall(stall, windows.get(i)));
    let mut told: Vec<String> = stalls.chain(plan.holds.iter().map(one_hold)).collect();
    if let Some(fork) = plan.fork {
        told.push(format!("from step {} on the host's own noise was that of seed {}", fork.after_steps, fork.seed));
    }
    if !found.replays {
        told.push(
            "an order of events that was seen in a controlled run; no timed run was found that has it".to_owned(),
        );
    }
    if told.is_empty() {
        told.push(match plan.host_preempts {
            true => format!("no stall is placed: the host's own noise suffices (seed {})", found.trial.seed),
            false => "nobody has to be late".to_owned(),
        });
    }
    told.join(", and ")
}

/// Who was held where, until when.
pub fn one_hold(hold: &Hold) -> String {
    let Hold { at, until, .. } = hold;
    format!(
        "{} was held at {} (visit {}) until {} had passed {} (visit {})",
        at.thread, at.step, at.visit, until.thread, until.step, until.visit
    )
}

fn one_stall(stall: &Stall, measured: Option<&(u64, Window)>) -> String {
    let (before, minimum) = match measured {
        None => (stall.span_ns, String::new()),
        Some((before, window)) => (*before, minimum(window)),
    };
    format!("{} was late by {} at {} (visit {}){minimum}", stall.thread, Span(before), stall.step, stall.visit)
}

/// The shortest stall that suffices, as in `[minimum 412 µs]`.
fn minimum(window: &Window) -> String {
    match (window.is_resolved, window.span_ns) {
        (true, 0) => " [any delay suffices]".to_owned(),
        (true, span) => format!(" [minimum {}]", Span(span)),
        (false, span) => format!(" [minimum at most {}]", Span(span)),
    }
}

/// What went wrong, by whom, after what.
fn harm(violation: &Violation) -> String {
    let Violation { kind, object, culprit, cause, detail } = violation;
    let who = format!("{} at {} ({})", culprit.thread, step_name(culprit.step), step_function(culprit.step));
    let Some(cause) = cause else { return format!("{who}: {detail}") };
    let before = Span(culprit.at.since(cause.at).0);
    let there = format!("{} at {}", cause.thread, step_name(cause.step));
    match *kind {
        Kind::USE_AFTER_FREE => {
            format!("{who} then used {object}, which {there} had freed {before} before ({detail})")
        }
        Kind::DOUBLE_FREE => format!("{who} then freed {object}, which {there} had freed {before} before"),
        Kind::NULL_DEREFERENCE => {
            format!("{who} then followed {object}, which {there} had set to NULL {before} before")
        }
        _ => format!("{who}: {detail}; {there} came {before} before"),
    }
}

/// For what is a matter of order between two threads: that nothing orders them.
fn missing_order(violation: &Violation) -> Option<String> {
    let cause = violation.cause.as_ref()?;
    let is_lifetime = violation.kind.is_fatal();
    (is_lifetime && cause.thread != violation.culprit.thread).then(|| {
        format!(
            "no lock, semaphore or join orders {} of {} before {} of {}",
            step_name(violation.culprit.step),
            violation.culprit.thread,
            step_name(cause.step),
            cause.thread
        )
    })
}

/// A thread at a step, as in `dst/main at failover.request`.
pub fn place(place: &Place) -> String {
    format!("{} at {}", place.thread, step_name(place.step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use colosim_models::scenario::{Action, Fault, Place as Milestone};
    use colosim_models::steps::{colo_release_ram_cache, multifd_recv};
    use colosim_sim::explore::Trial;
    use colosim_sim::{Plan, Time};

    #[test]
    fn the_story_names_the_late_thread_the_access_the_release_and_the_missing_order() {
        let at = |thread: &str, step, at| Place { thread: thread.to_owned(), step, visit: 77, at: Time(at) };
        let stall = Stall {
            thread: "mig/dst/recv_2".to_owned(),
            step: "multifd_recv.readv_pages".to_owned(),
            visit: 77,
            at_wait: 0,
            span_ns: 412_000,
        };
        let window = Window { span_ns: 412_000, too_short_ns: Some(411_000), is_resolved: true };
        let found = Found {
            violation: Violation {
                kind: Kind::USE_AFTER_FREE,
                object: "colo_cache".to_owned(),
                culprit: at("mig/dst/recv_2", multifd_recv::READV_PAGES, 1_210_000),
                cause: Some(at("dst/main", colo_release_ram_cache::FREE_CACHE, 1_000_000)),
                detail: "it writes page 9".to_owned(),
            },
            asked: true,
            fault_plan: Some(0),
            faults: vec![Fault {
                at: Some(Milestone::LoadingRam { checkpoint: 3 }),
                after: None,
                action: Action::KillPrimary,
            }],
            trial: Trial { seed: 1, faults: vec![0], plan: Plan { stalls: vec![stall], ..Plan::default() } },
            windows: Some(vec![(1_300_000, window)]),
            is_minimal: true,
            replays: true,
            trace_hash: 0,
            first_found_at_run: 1,
            shown: 1,
            of_runs: 1,
            nearest: None,
            knobs: None,
            rate: None,
        };
        let story = tell(&found);
        for part in [
            "mig/dst/recv_2 was late by 1.3 ms at multifd_recv.readv_pages (visit 77) [minimum 412 µs]",
            "fault: KillPrimary at LoadingRam(checkpoint: 3)",
            "used colo_cache, which dst/main at colo_release_ram_cache.free_cache had freed 210 µs before",
            "no lock, semaphore or join orders multifd_recv.readv_pages of mig/dst/recv_2 before",
        ] {
            assert!(story.contains(part), "{part} is not in: {story}");
        }
    }
}
