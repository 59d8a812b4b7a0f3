//! The command line: every flag, once. Help, man pages and completions come from here.

use crate::strategy::{StrategyChoice, strategy};
use crate::values::{Assignment, FaultPlan, Format, assignment, budget, fault_plan, seeds};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

const ABOUT: &str = "Simulates QEMU's COLO migration, step by step on a virtual clock, and looks for what breaks";

const EXIT_CODES: &str = "\
Exit codes: 0 done, nothing violated · 1 a violation found · 2 bad input or usage · 3 could not finish · 130 interrupted

Examples:
  colosim compare cache-teardown                       which designs are safe?
  colosim explore cache-teardown --out found           look for violations, write witnesses
  colosim replay found/series-v5-1-use-after-free.ron  the same run again
  colosim list scenarios                               what there is to ask";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "colosim", version, about = ABOUT, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
}

/// Flags of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// How the answer on stdout is written.
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub format: Format,
    /// No progress and no notes on stderr; errors are still told.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Worker threads; the result does not depend on it [default: one per processor].
    #[arg(long, short, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario once and print what was measured and what broke.
    Run(RunArgs),
    /// Look for violations in one design: shrink them, find their race window, write witnesses.
    Explore(ExploreArgs),
    /// The answer to a scenario's question: a verdict for each of its designs.
    Compare(CompareArgs),
    /// Every known race in every preset: the page docs/races.md.
    Races(RacesArgs),
    /// The questions of the review, each with the verdicts that answer it: the page docs/answers.md.
    Answers(AnswersArgs),
    /// Run a witness again.
    Replay(ReplayArgs),
    /// Fit a host profile to recorded runs of a real QEMU.
    Fit(FitArgs),
    /// Measure throughput and pause along one or two fields of a scenario.
    Sweep(SweepArgs),
    /// Draw the charts of a sweep, or of the likelihood along a run.
    Plot(PlotArgs),
    /// Recorded migrations of a real QEMU.
    #[command(subcommand)]
    Capture(CaptureCommand),
    /// Validate a scenario and print all of it, defaults included.
    Check(CheckArgs),
    /// What there is to choose from.
    List(ListArgs),
    /// Print the completion script for a shell.
    #[command(after_help = "Example:\n  colosim completions bash > ~/.local/share/bash-completion/completions/colosim")]
    Completions(CompletionsArgs),
    /// Print the manual page, or write those of all commands.
    Man(ManArgs),
}

/// A scenario, and how it is changed.
#[derive(Debug, Args)]
pub struct ScenarioArgs {
    /// A scenario file (.ron), or the name of a built-in scenario.
    #[arg(value_name = "SCENARIO")]
    pub scenario: PathBuf,
    /// Change a field, as in `--set link.loss=1e-3`; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = assignment)]
    pub set: Vec<Assignment>,
    /// Take the smallest configuration that the scenario names, before any `--set`; `--strategy dpor` always does.
    #[arg(long)]
    pub smallest: bool,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colosim run cache-teardown --variant merged --seed 7
  colosim run scenarios/precopy.ron --set link.rate='1 Gbit/s' --format json
  colosim run cache-teardown --plan found/witness.ron --trace steps.txt")]
pub struct RunArgs {
    /// The scenario.
    #[command(flatten)]
    pub source: ScenarioArgs,
    /// A preset, a preset with switches ('merged + cache_release: AfterColoJoin', or as in a scenario
    /// '("merged", (cache_release: AfterColoJoin))') [default: the scenario's first variant].
    #[arg(long, value_name = "V")]
    pub variant: Option<String>,
    /// Seed of all randomness [default: 0, or that of the plan].
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// A witness, whose variant, faults and seed are used too, or a file with a plan: (stalls: [..]).
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Which of the scenario's fault plans strikes: `none` or its position, 0 is the first [default: the first].
    #[arg(long, value_name = "I", value_parser = fault_plan)]
    pub fault_plan: Option<FaultPlan>,
    /// Write every step here: time in ns, thread, step, visit.
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// Run twice; if the traces differ, name the first step that does.
    #[arg(long)]
    pub verify_determinism: bool,
}

/// How to search.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// How trials are chosen: `stalls`, `timed`, `pct:D`, `swarm`, `exhaustive:K`, `dpor`; `colosim list strategies`
    /// tells what each proves.
    #[arg(long, value_name = "S", value_parser = strategy, default_value_t = StrategyChoice::Stalls)]
    pub strategy: StrategyChoice,
    /// Seeds: `A..B`, B excluded, or a number of them. Each fault plan is run with each seed
    /// [default: 200; `compare`, with several designs: 64].
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    pub seeds: Option<Range<u64>>,
    /// Start no more runs after this wall-clock time, as in `30s`.
    #[arg(long, value_name = "TIME", value_parser = budget)]
    pub budget: Option<Duration>,
}

/// Arguments of `explore`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colosim explore cache-teardown --out found
  colosim explore failover-leak --variant merged-bql-held --seeds 0..5000 --budget 1min
  colosim explore failover-leak --rate   and how likely is it on an undisturbed host?
  colosim explore cache-teardown --out found --likelihood && colosim plot found   when was it decided?
  colosim explore cache-teardown --continue-from found/w.ron --pauses 1 --strategy swarm
  colosim explore cache-teardown --strategy exhaustive:2 --set migration.multifd_channels=2")]
pub struct ExploreArgs {
    /// The scenario.
    #[command(flatten)]
    pub source: ScenarioArgs,
    /// A preset, or one with switches, as in `run` [default: the scenario's first variant].
    #[arg(long, value_name = "V")]
    pub variant: Option<String>,
    /// How to search.
    #[command(flatten)]
    pub search: SearchArgs,
    /// Write a witness of each finding into this directory. A search that ends early is kept there too: the same
    /// command goes on where it stopped.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Begin each run as this witness does, and search what can go wrong from there on.
    #[arg(long, value_name = "WITNESS")]
    pub continue_from: Option<PathBuf>,
    /// Keep only the first pauses of the witness, in the order in which they took effect [default: all].
    #[arg(long, value_name = "N", requires = "continue_from")]
    pub pauses: Option<usize>,
    /// Then measure how likely each finding that is asked about is on an undisturbed host: no stall, only the host
    /// profile's noise.
    #[arg(long)]
    pub rate: bool,
    /// Runs of that measurement.
    #[arg(long, value_name = "N", requires = "rate", default_value_t = 400,
        value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub rate_runs: u64,
    /// Then measure how likely the first finding that is asked about is along its run, and where it was decided; writes
    /// likelihood.csv and likelihood.json into the directory of --out, for `plot`.
    #[arg(long)]
    pub likelihood: bool,
    /// Run each witness twice and compare the traces.
    #[arg(long)]
    pub verify_determinism: bool,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
#[command(after_help = "\
A verdict is `violated`, `holds` (the stated search found nothing and every fault plan struck in at least one run)
or `inconclusive` (the search ended early, or a fault plan never struck). With no violation but an inconclusive
verdict the exit code is 3. A scenario that only asks how long a plain migration takes is left out.

Examples:
  colosim compare cache-teardown
  colosim compare scenarios/*.ron
  colosim compare failover-leak --seeds 2000 --budget 5min --format json")]
pub struct CompareArgs {
    /// Scenario files (.ron), or names of built-in scenarios; the answers come in this order.
    #[arg(value_name = "SCENARIO", required = true)]
    pub scenarios: Vec<PathBuf>,
    /// Change a field of each, as in `--set link.loss=1e-3`; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = assignment)]
    pub set: Vec<Assignment>,
    /// Take the smallest configuration that each scenario names, before any `--set`; `--strategy dpor` always does.
    #[arg(long)]
    pub smallest: bool,
    /// How to search.
    #[command(flatten)]
    pub search: SearchArgs,
}

/// Arguments of `races`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exits with 1 if a race was not found where it has to be, or something was found where it must not be.

Example:
  colosim races > docs/races.md")]
pub struct RacesArgs {
    /// Seeds for each fault plan.
    #[arg(long, value_name = "N", default_value_t = 48, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: u64,
}

/// Arguments of `answers`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  colosim answers > docs/answers.md")]
pub struct AnswersArgs {
    /// Seeds for each fault plan.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub seeds: u64,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exits with 1 if the witness shows its violation, as `run` does, and with 3 if it does not.

Example:
  colosim replay found/series-v5-1-use-after-free-colo_cache.ron")]
pub struct ReplayArgs {
    /// A witness file, as `explore --out` writes it.
    #[arg(value_name = "WITNESS")]
    pub witness: PathBuf,
    /// Run twice more; if the traces differ, name the first step that does.
    #[arg(long)]
    pub verify_determinism: bool,
}

/// Arguments of `fit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Costs of steps between two trace points are read off the recordings; what pages cost is searched: it minimises the sum of the
squares of ln(simulated / measured) of how long RAM takes to save and to load, of how far the loader is behind, and over TCP of
how long precopy takes, over all recorded configurations. Noise and everything else stay as in the profile that the fit begins
with, comments too. The same recordings and profile give the same answer.

Examples:
  colosim fit qemu-measured --profile lab-unix --transport unix
  colosim fit qemu-measured --profile mine.ron --out mine-fitted.ron")]
pub struct FitArgs {
    /// A directory with colo.json and, if precopy was recorded too, precopy.json.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// The profile to begin with: a file (.ron), or the name of a built-in profile.
    #[arg(long, value_name = "PROFILE", default_value = "lab-loopback")]
    pub profile: PathBuf,
    /// Which recordings.
    #[arg(long, value_enum, default_value = "tcp")]
    pub transport: RecordedOver,
    /// Write the fitted profile here.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What the connections of a recording were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordedOver {
    /// TCP over the loopback interface.
    Tcp,
    /// UNIX sockets.
    Unix,
}

/// Arguments of `sweep`.
#[derive(Debug, Args)]
#[command(after_help = "\
The first field is the x axis of the charts, the second, if there is one, tells the lines apart.

Examples:
  colosim sweep checkpoint-interval --out curves && colosim plot curves
  colosim sweep precopy --vary link.loss=0,1e-4,1e-3 --vary link.latency='50 us,1 ms' --seeds 10 --out lossy")]
pub struct SweepArgs {
    /// The scenario.
    #[command(flatten)]
    pub source: ScenarioArgs,
    /// Values of a field, instead of the scenario's own for that field; may be repeated.
    #[arg(long, value_name = "PATH=V1,V2..", value_parser = assignment)]
    pub vary: Vec<Assignment>,
    /// Seeds: `A..B`, B excluded, or a number of them. Each point is run with each.
    #[arg(long, value_name = "N", value_parser = seeds, default_value = "5")]
    pub seeds: Range<u64>,
    /// A preset, or one with switches, as in `run` [default: the scenario's first variant].
    #[arg(long, value_name = "V")]
    pub variant: Option<String>,
    /// Refuse a sweep of more runs than this.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub max_runs: u64,
    /// Directory for sweep.csv and sweep.json; a sweep that was interrupted goes on from what is there.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Arguments of `plot`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  colosim plot curves --theme dark
  colosim plot found   the likelihood that explore --likelihood --out found measured")]
pub struct PlotArgs {
    /// The directory that `sweep --out` or `explore --likelihood --out` wrote.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Colours of the charts.
    #[arg(long, value_enum, default_value = "light")]
    pub theme: ThemeName,
}

/// What to do with recordings.
#[derive(Debug, Subcommand)]
pub enum CaptureCommand {
    /// Run recordings through the simulated secondary, and compare states and memories with the real ones.
    #[command(after_help = "Example:\n  colosim capture verify tests/captures/*")]
    Verify(CaptureVerifyArgs),
    /// Print the items of the main channel and the packets of each multifd channel.
    #[command(after_help = "Example:\n  colosim capture show tests/captures/colo-multifd")]
    Show(CaptureShowArgs),
}

/// Arguments of `capture verify`.
#[derive(Debug, Args)]
pub struct CaptureVerifyArgs {
    /// Directories with a recording each.
    #[arg(value_name = "DIR", required = true)]
    pub dirs: Vec<PathBuf>,
    /// Also stall the receive threads at random, with seeds 1 to N: nothing may change.
    #[arg(long, value_name = "N")]
    pub seeds: Option<u64>,
    /// Run the recorded bytes under this plan, instead of searching for one that explains the recorded leak.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
}

/// Arguments of `capture show`.
#[derive(Debug, Args)]
pub struct CaptureShowArgs {
    /// A directory with a recording.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// Colours of the charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ThemeName {
    /// Dark ink on white.
    Light,
    /// Light ink on near-black.
    Dark,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  colosim check cache-teardown --set migration.multifd_channels=8")]
pub struct CheckArgs {
    /// The scenario.
    #[command(flatten)]
    pub source: ScenarioArgs,
}

/// Arguments of `list`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  colosim list switches")]
pub struct ListArgs {
    /// What to list.
    #[arg(value_enum)]
    pub what: Listed,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Scenario files of ./scenarios, or the built-in ones.
    Scenarios,
    /// Named designs with the switches in which they differ from `merged`.
    Variants,
    /// Every point of the debate, and its values.
    Switches,
    /// Named designs with where the knowledge of them comes from.
    Presets,
    /// Every step of the model, and what it stands for.
    Steps,
    /// How a search chooses its trials.
    Strategies,
    /// Built-in host profiles.
    Profiles,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  colosim man | man -l -\n  colosim man --out man/man1")]
pub struct ManArgs {
    /// Write the pages of all commands into this directory.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::CommandFactory;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
