//! Pages of an unfinished checkpoint in the recorded guest, and the plan that explains them.

use crate::exit::Failure;
use crate::files::ron::inline;
use crate::report::story::one_hold;
use colosim_models::capture::{
    Explanation, Recording, Replay, ReplayError, SEEDS, Uncommitted, explain, leaked, uncommitted,
};
use colosim_models::guest::page_runs;
use colosim_sim::{Plan, Simulator};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The recorded leak beside the simulated one.
#[derive(Serialize)]
pub(super) struct Leak {
    /// Pages that the recorded guest has of the unfinished checkpoint.
    recorded: usize,
    /// How many of them the simulated guest has, under the plan; zero if no plan gives exactly the recorded ones.
    explained: usize,
    /// Pages of that checkpoint in the recorded guest that it may have written itself.
    undecided: usize,
    /// Pages of the simulated guest that are not among the recorded ones.
    too_many: usize,
    /// The recorded ones, as first and last of each run.
    pages: Vec<(usize, usize)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    packets: Vec<LeakedPacket>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    story: Vec<String>,
    /// With how many seeds the simulated guest has exactly the recorded pages though nobody is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    seeds_undisturbed: Option<usize>,
    /// Runs of the search.
    runs: usize,
}

#[derive(Serialize)]
struct LeakedPacket {
    channel: u8,
    packet_num: u64,
}

/// Compare; without a plan search for one. None: the recorded run did not fail over inside a checkpoint.
pub(super) fn verify(
    simulator: &mut Simulator,
    recording: &Recording,
    replayed: &Replay,
    plan: Option<&Plan>,
) -> Result<Option<Leak>, Failure> {
    let refused =
        |error: ReplayError| Failure::usage(format!("cannot explain the leak of {}: {error}", recording.name), None);
    let Some(recorded) = uncommitted(recording, replayed).map_err(refused)? else { return Ok(None) };
    Ok(Some(match plan {
        Some(plan) => Leak { plan: Some(plan.clone()), ..Leak::new(&recorded, &leaked(replayed)) },
        None if recorded.pages.is_empty() => Leak::new(&recorded, &BTreeSet::new()),
        None => match explain(simulator, recording, &recorded.pages).map_err(refused)? {
            Some(found) => Leak::new(&recorded, &found.pages).explained_by(found),
            None => Leak::new(&recorded, &BTreeSet::new()),
        },
    }))
}

impl Leak {
    fn new(recorded: &Uncommitted, simulated: &BTreeSet<usize>) -> Leak {
        Leak {
            recorded: recorded.pages.len(),
            explained: simulated.intersection(&recorded.pages).count(),
            undecided: recorded.undecided,
            too_many: simulated.difference(&recorded.pages).count(),
            pages: runs(&recorded.pages),
            packets: Vec::new(),
            plan: None,
            story: Vec::new(),
            seeds_undisturbed: None,
            runs: 0,
        }
    }

    fn explained_by(self, found: Explanation) -> Leak {
        let packet = |(channel, packet_num)| LeakedPacket { channel, packet_num };
        Leak {
            packets: found.packets.into_iter().map(packet).collect(),
            story: found.plan.holds.iter().map(one_hold).collect(),
            plan: Some(found.plan),
            seeds_undisturbed: Some(found.seeds_undisturbed),
            runs: found.runs,
            ..self
        }
    }

    /// Does the simulated guest have exactly the recorded pages?
    pub(super) fn agrees(&self) -> bool {
        self.explained == self.recorded && self.too_many == 0
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |words: String| {
            let _ = writeln!(text, "          {words}");
        };
        if self.recorded == 0 && self.undecided > 0 {
            line(format!(
                "leaked pages: not told apart; the guest has {} pages of the unfinished checkpoint that it may have written itself",
                self.undecided
            ));
            return text;
        }
        let exactly = if self.agrees() { " as recorded" } else { "" };
        line(format!("leaked pages: {} of {}{exactly}{}", self.explained, self.recorded, shown(&self.pages)));
        if self.too_many > 0 {
            line(format!("and {} pages more than recorded", self.too_many));
        }
        for LeakedPacket { channel, packet_num } in &self.packets {
            line(format!("packet {packet_num} of channel {channel}"));
        }
        for hold in &self.story {
            line(hold.clone());
        }
        if let Some(undisturbed) = self.seeds_undisturbed {
            let seeds = SEEDS.end;
            line(format!("with each of {seeds} seeds; with {undisturbed} of them even if nobody is held"));
        }
        match &self.plan {
            Some(plan) => line(format!("plan: {}", inline(plan))),
            None if self.recorded > 0 => line("no plan of holds was found that gives exactly these".to_owned()),
            None => {}
        }
        text
    }
}

fn shown(runs: &[(usize, usize)]) -> String {
    let shown: Vec<String> = runs.iter().take(4).map(|(from, to)| format!("{from}–{to}")).collect();
    match runs.len() {
        0 => String::new(),
        1..=4 => format!(", pc.ram {}", shown.join(", ")),
        more => format!(", pc.ram {} and {} more runs", shown.join(", "), more - 4),
    }
}

/// First and last page of each run.
fn runs(pages: &BTreeSet<usize>) -> Vec<(usize, usize)> {
    page_runs(pages.iter().map(|page| (0, *page))).into_iter().map(|(_, from, to)| (from, to)).collect()
}
