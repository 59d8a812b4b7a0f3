//! Hazards: pairs of accesses that nothing orders, those that are new apart from those that the scenario judges.

use super::json::JsonPlace;
use super::names::{counted, step_name};
use super::style::table;
use colosim_models::scenario::Scenario;
use colosim_sim::{Hazard, Place};
use comfy_table::presets::UTF8_FULL;
use serde::Serialize;

/// Two accesses that nothing orders.
#[derive(Debug, Serialize)]
pub struct JsonHazard {
    object: String,
    conflict: &'static str,
    first: JsonPlace,
    second: JsonPlace,
    missing_order: String,
    /// Why the scenario says that it does no harm; null: nobody has judged it.
    benign: Option<String>,
}

impl JsonHazard {
    /// As a run of this scenario showed it.
    pub fn of(hazard: &Hazard, scenario: &Scenario) -> JsonHazard {
        JsonHazard {
            object: hazard.object.clone(),
            conflict: hazard.conflict,
            first: JsonPlace::of(&hazard.first),
            second: JsonPlace::of(&hazard.second),
            missing_order: missing_order(hazard),
            benign: judgement(hazard, scenario).map(str::to_owned),
        }
    }
}

/// Why the scenario says that a hazard does no harm, if it does.
fn judgement<'a>(hazard: &Hazard, scenario: &'a Scenario) -> Option<&'a str> {
    let (first, second) = (step_name(hazard.first.step), step_name(hazard.second.step));
    let judged = scenario.benign.iter().find(|benign| benign.is_about(&hazard.object, first, second));
    judged.map(|benign| benign.reason.as_str())
}

/// What would have to be there, and is not.
fn missing_order(hazard: &Hazard) -> String {
    let (first, second) = (&hazard.first, &hazard.second);
    let (a, b) = (step_name(first.step), step_name(second.step));
    if a == b {
        return format!(
            "nothing orders {a} of {} and of {}: no lock, join or semaphore between them",
            first.thread, second.thread
        );
    }
    format!("nothing orders {a} before {b}: no lock, join or semaphore between them")
}

/// A hazard, and the designs whose runs showed it; none named if there is only one design.
#[derive(Debug)]
pub struct Seen<'a> {
    hazard: &'a Hazard,
    variants: Vec<&'a str>,
}

/// The hazards of one design.
pub fn of_one(hazards: &[Hazard]) -> Vec<Seen<'_>> {
    hazards.iter().map(|hazard| Seen { hazard, variants: Vec::new() }).collect()
}

/// The hazards of several designs, each pair of steps once.
pub fn of_several<'a>(designs: impl IntoIterator<Item = (&'a str, &'a [Hazard])>) -> Vec<Seen<'a>> {
    let mut all: Vec<Seen<'a>> = Vec::new();
    for (variant, hazards) in designs {
        for hazard in hazards {
            match all.iter_mut().find(|seen| is_same(seen.hazard, hazard)) {
                Some(seen) => seen.variants.push(variant),
                None => all.push(Seen { hazard, variants: vec![variant] }),
            }
        }
    }
    all
}

fn is_same(a: &Hazard, b: &Hazard) -> bool {
    (&a.object, a.first.step, a.second.step) == (&b.object, b.first.step, b.second.step)
}

/// For people: the new ones in a table, then those that were judged, with the reason.
pub fn text(seen: &[Seen<'_>], scenario: &Scenario) -> String {
    if seen.is_empty() {
        return "hazards: none\n".to_owned();
    }
    let (judged, new): (Vec<_>, Vec<_>) = seen.iter().partition(|seen| judgement(seen.hazard, scenario).is_some());
    let mut text = format!("hazards (accesses that nothing orders): {} new", new.len());
    if !judged.is_empty() {
        text += &format!(", {} judged benign", judged.len());
    }
    text.push('\n');
    if !new.is_empty() {
        text += &format!("{}\n", new_ones(&new));
    }
    if !judged.is_empty() {
        text += "judged benign by the scenario:\n";
    }
    for seen in judged {
        let (hazard, reason) = (seen.hazard, judgement(seen.hazard, scenario).unwrap_or_default());
        let (first, second) = (step_name(hazard.first.step), step_name(hazard.second.step));
        text += &format!("- {}: {first}, {second}{}: {reason}\n", hazard.object, variants(seen));
    }
    text
}

fn new_ones(new: &[&Seen<'_>]) -> String {
    let several = new.iter().any(|seen| !seen.variants.is_empty());
    let mut head = vec!["object", "first", "second", "what is missing"];
    head.extend(several.then_some("variants"));
    let mut rows = table(&head);
    // A row takes several lines.
    rows.load_style(UTF8_FULL);
    let place = |place: &Place| format!("{}\n{}, visit {}", step_name(place.step), place.thread, place.visit);
    for seen in new {
        let Hazard { object, first, second, conflict } = seen.hazard;
        let what = format!("{object}\n{conflict}");
        let mut cells = vec![what, place(first), place(second), missing_order(seen.hazard)];
        cells.extend(several.then(|| seen.variants.join("\n")));
        rows.add_row(cells);
    }
    rows.to_string()
}

fn variants(seen: &Seen<'_>) -> String {
    match seen.variants.len() {
        0 => String::new(),
        count => format!(" (in {})", counted(count as u64, "variant")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use colosim_models::steps::{colo_release_ram_cache, failover, multifd_recv};
    use colosim_sim::{StepId, Time};

    fn hazard(object: &str, first: StepId, second: StepId) -> Hazard {
        let place = |thread: &str, step, visit| Place { thread: thread.to_owned(), step, visit, at: Time(7) };
        Hazard {
            object: object.to_owned(),
            first: place("mig/dst/recv_1", first, 4),
            second: place("dst/main", second, 1),
            conflict: "free after write",
        }
    }

    fn scenario() -> Scenario {
        let judged = "(object: \"state\", steps: (\"failover.leave_colo_state\", \"multifd_recv.read_state_process\"), \
                      reason: \"read once more\")";
        let text = format!("(question: \"?\", variants: [\"merged\"], guest: (ram: \"1 MiB\"), benign: [{judged}])");
        Scenario::from_ron(&text, "test").unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn new_hazards_stand_apart_from_those_that_were_judged_in_either_order() {
        let new = hazard("colo_cache", multifd_recv::READV_PAGES, colo_release_ram_cache::FREE_CACHE);
        let judged = hazard("state", multifd_recv::READ_STATE_PROCESS, failover::LEAVE_COLO_STATE);
        let text = text(&of_one(&[new, judged]), &scenario());
        for part in ["1 new, 1 judged benign", "free after write", "mig/dst/recv_1", "visit 4", ": read once more"] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        let table = text.split("judged benign by the scenario").next().unwrap();
        assert!(table.contains("colo_cache") && !table.contains("read_state_process"), "{text}");
    }

    #[test]
    fn designs_that_show_the_same_pair_share_a_row() {
        let pair = hazard("colo_cache", multifd_recv::READV_PAGES, colo_release_ram_cache::FREE_CACHE);
        let (a, b) = (vec![pair.clone()], vec![pair]);
        let seen = of_several([("v5", &a[..]), ("v6", &b[..])]);
        assert_eq!((seen.len(), &seen[0].variants[..]), (1, &["v5", "v6"][..]));
    }
}
