//! Liveness: what was asked for ends within its bound, and nobody waits for what cannot come.

use colosim_sim::{Cx, Kind, Violation, Waiting};

/// Report that `what` did not end: who waits for what, from the thread that should have done it to the wait at the end of
/// the chain, which names the finding.
pub fn hang(cx: &Cx, kind: Kind, what: &str, responsible: &str) {
    let waiting = cx.sim.waiting();
    let chain = chain(&waiting, responsible);
    let (object, culprit) = match chain.last() {
        Some(last) => (last.object.clone(), last.place.clone()),
        None => (what.to_owned(), cx.place()),
    };
    let mut detail = what.to_owned();
    for wait in &chain {
        detail += &format!("; {wait}");
    }
    cx.sim.report(Violation { kind, object, culprit, cause: None, detail });
}

/// From a thread along "waits for what that thread holds" to the last that waits.
fn chain(waiting: &[Waiting], from: &str) -> Vec<Waiting> {
    let mut chain: Vec<Waiting> = Vec::new();
    let mut name = from.to_owned();
    while let Some(wait) = waiting.iter().find(|wait| wait.place.thread == name) {
        if chain.iter().any(|seen| seen.place.thread == name) {
            break;
        }
        chain.push(wait.clone());
        match &wait.holder {
            Some(holder) => name.clone_from(holder),
            None => break,
        }
    }
    if chain.iter().all(|wait| wait.idle) {
        let longest = waiting.iter().filter(|wait| !wait.idle).min_by_key(|wait| wait.since);
        return longest.cloned().into_iter().collect();
    }
    chain
}
