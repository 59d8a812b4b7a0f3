//! Messages that Nagle's algorithm held back until what was sent before them had been acknowledged (RFC 896): the stalls of COLO
//! over TCP that a UNIX socket does not have.

use super::names::{counted, step_function, step_name};
use super::style::plain_table;
use colosim_sim::{HeldBack, Outcome, Span};
use serde::Serialize;

/// One kind of message that waited: all that one thread wrote to one connection at one step.
#[derive(Debug, Serialize)]
pub struct JsonHeldBack {
    connection: String,
    thread: String,
    step: &'static str,
    function: &'static str,
    times: u64,
    total_ns: u64,
    longest_ns: u64,
}

/// All of a run, the longest wait in total first.
pub fn of(outcome: &Outcome) -> Vec<JsonHeldBack> {
    let mut kinds: Vec<JsonHeldBack> = Vec::new();
    for held_back in &outcome.held_back {
        let (thread, step) = (&outcome.thread_names[held_back.thread.index()], step_name(held_back.step));
        let is_same =
            |kind: &JsonHeldBack| (&kind.connection, &kind.thread, kind.step) == (&held_back.connection, thread, step);
        let index = kinds.iter().position(is_same).unwrap_or_else(|| {
            kinds.push(JsonHeldBack {
                connection: held_back.connection.clone(),
                thread: thread.clone(),
                step,
                function: step_function(held_back.step),
                times: 0,
                total_ns: 0,
                longest_ns: 0,
            });
            kinds.len() - 1
        });
        let kind = &mut kinds[index];
        kind.times += 1;
        kind.total_ns += waited(held_back).0;
        kind.longest_ns = kind.longest_ns.max(waited(held_back).0);
    }
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.total_ns));
    kinds
}

fn waited(held_back: &HeldBack) -> Span {
    held_back.until.since(held_back.since)
}

/// For people; nothing if nothing waited.
pub fn text(kinds: &[JsonHeldBack]) -> String {
    if kinds.is_empty() {
        return String::new();
    }
    let mut table = plain_table();
    for kind in kinds {
        table.add_row([
            format!("  {} ({})", kind.step, kind.thread),
            kind.function.to_owned(),
            counted(kind.times, "time"),
            format!("longest {}", Span(kind.longest_ns)),
            format!("together {}", Span(kind.total_ns)),
        ]);
    }
    format!(
        "\nwritten, and held back until what was sent before had been acknowledged (link.no_delay is false):\n{table}\n"
    )
}

/// One as a line of the trace, where it was written.
pub fn trace_line(held_back: &HeldBack, outcome: &Outcome) -> String {
    format!(
        "# {:>13} {:<32} {:<44} waited {} for an acknowledgement on `{}`\n",
        held_back.since.0,
        outcome.thread_names[held_back.thread.index()],
        step_name(held_back.step),
        waited(held_back),
        held_back.connection
    )
}
