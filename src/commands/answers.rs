//! `answers`: the questions of the review, each with the verdicts that answer it, as a page.

use super::Settings;
use super::compare::{Searching, compare_one};
use crate::cli::AnswersArgs;
use crate::exit::{Answer, Exit, Failure};
use crate::files::ron::from_ron;
use crate::files::scenario::load_builtin;
use crate::interrupt;
use crate::report::answers::{Answered, page};
use crate::report::compare::Compared;
use crate::report::json;
use crate::strategy::StrategyChoice;
use crate::values::Format;
use serde::Deserialize;
use std::sync::atomic::Ordering;

/// The questions are data: whoever knows a better one adds it there.
const QUESTIONS: &str = include_str!("../../docs/questions.ron");

/// A question of the review.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    question: String,
    /// Built-in scenarios that answer it.
    scenarios: Vec<String>,
    /// What the verdicts mean for the patch.
    meaning: String,
}

/// Search every scenario that a question names, once, and write the page.
pub fn answers(args: &AnswersArgs, settings: Settings) -> Result<Answer, Failure> {
    let questions: Vec<Question> = from_ron(QUESTIONS, "docs/questions.ron")?;
    let stop = interrupt::watch()?;
    let searching = Searching { strategy: StrategyChoice::Stalls, seeds: 0..args.seeds, budget: None, stop };
    let mut compared: Vec<Compared> = Vec::new();
    for name in questions.iter().flat_map(|question| &question.scenarios) {
        if compared.iter().any(|one| one.scenario == *name) || stop.load(Ordering::Relaxed) {
            continue;
        }
        let loaded = load_builtin(name)?;
        let variants = loaded.variants()?;
        compared.push(compare_one(&searching, settings, &loaded, &variants)?);
    }
    let of = |name: &String| compared.iter().find(|one| one.scenario == *name);
    let answered: Vec<Answered<'_>> = questions
        .iter()
        .map(|question| Answered {
            question: &question.question,
            meaning: &question.meaning,
            scenarios: question.scenarios.iter().filter_map(of).collect(),
        })
        .collect();
    let exit = if stop.load(Ordering::Relaxed) { Exit::Interrupted } else { Exit::Done };
    let text = match settings.format {
        Format::Json => json::document(&answered),
        Format::Text => page(&answered, args.seeds),
    };
    Ok(Answer { text, exit })
}
