//! The matrix: every known race in every preset.

use colosim_models::preset::PRESETS;
use colosim_models::races::{Effort, Race, Searched, Shown, races, scenario_of, search};
use colosim_models::scenario::VariantChoice;
use colosim_models::variant::{Overrides, Variant};
use std::io;

/// A design, and the presets that are it.
#[derive(Debug, Clone)]
pub struct Column {
    /// Presets, each with the condition under which it is this design.
    pub names: Vec<String>,
    /// The presets alone.
    presets: Vec<&'static str>,
    /// As it is written in a scenario.
    pub choice: String,
    /// Its switches.
    pub variant: Variant,
}

/// One race in one design.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// How it shows, if it does.
    pub shown: Option<Shown>,
    /// Runs that were looked at.
    pub runs: u64,
}

/// A race with its cell for each column.
#[derive(Debug, Clone)]
pub struct Row {
    /// The race.
    pub race: &'static Race,
    /// In the order of the columns.
    pub cells: Vec<Cell>,
    /// Designs beside the presets that the table names, with their cells.
    pub mutants: Vec<(&'static str, Cell)>,
}

/// All of it.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// Designs, the oldest first.
    pub columns: Vec<Column>,
    /// Races, in the order of the table.
    pub rows: Vec<Row>,
    /// Where the table and the search disagree, in words.
    pub disagreements: Vec<String>,
    /// Runs that were made.
    pub runs: u64,
    /// Every search ended.
    pub complete: bool,
}

/// The designs of all presets; those that are the same design are one.
pub fn columns() -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for preset in PRESETS {
        let choice = VariantChoice { preset: preset.name.to_owned(), overrides: Overrides::default() };
        for design in choice.resolve_all().unwrap_or_else(|error| panic!("{}: {error}", preset.name)) {
            let name = match &design.condition {
                Some(condition) => format!("{} ({condition})", preset.name),
                None => preset.name.to_owned(),
            };
            match columns.iter_mut().find(|column| column.variant == design.variant) {
                Some(same) => {
                    same.names.push(name);
                    same.presets.push(preset.name);
                }
                None => columns.push(Column {
                    names: vec![name],
                    presets: vec![preset.name],
                    choice: design.choice.to_string(),
                    variant: design.variant,
                }),
            }
        }
    }
    columns
}

/// Search every scenario that a race names for every preset, and for the changed designs that its races name.
///
/// # Errors
/// If the worker threads do not start.
pub fn matrix(effort: Effort<'_>, progress: &dyn Fn(u64, u64)) -> io::Result<Matrix> {
    let columns = columns();
    let races = races();
    let mut asked: Vec<(&str, &[(&str, &str)])> = Vec::new();
    for race in &races {
        if !asked.contains(&(race.scenario, race.changes)) {
            asked.push((race.scenario, race.changes));
        }
    }
    let rows = races.iter().map(|race| Row { race, cells: Vec::new(), mutants: Vec::new() }).collect();
    let mut matrix = Matrix { columns, rows, disagreements: Vec::new(), runs: 0, complete: true };
    for (done, (name, changes)) in asked.iter().enumerate() {
        progress(done as u64, asked.len() as u64);
        matrix.search_scenario(name, changes, effort)?;
    }
    Ok(matrix)
}

impl Matrix {
    fn search_scenario(&mut self, name: &str, changes: &[(&str, &str)], effort: Effort<'_>) -> io::Result<()> {
        let (scenario, host) = scenario_of(name, changes);
        let here: Vec<usize> = (0..self.rows.len())
            .filter(|&row| self.rows[row].race.scenario == name && self.rows[row].race.changes == changes)
            .collect();
        let wanted: Vec<&Race> = here.iter().map(|&row| self.rows[row].race).collect();
        for column in 0..self.columns.len() {
            let variant = self.columns[column].variant.clone();
            let searched = search(&scenario, &host, &variant, &wanted, effort)?;
            for (&row, shown) in here.iter().zip(&searched.shown) {
                self.rows[row].cells.push(Cell { shown: *shown, runs: searched.runs });
            }
            // The table names presets, whatever their condition.
            let is_named = |preset: &&str| wanted.iter().any(|race| race.names(preset));
            let Column { presets, choice, .. } = &self.columns[column];
            let mut designs: Vec<String> = presets.iter().copied().filter(is_named).map(str::to_owned).collect();
            if !designs.contains(choice) {
                designs.push(choice.clone());
            }
            self.take(name, &designs, &wanted, &searched);
        }
        let is_changed = |design: &&&str| design.contains(" + ");
        let named = wanted.iter().flat_map(|race| race.found_in.iter().chain(race.absent_in));
        let mut changed: Vec<&'static str> = named.filter(is_changed).copied().collect();
        changed.sort_unstable();
        changed.dedup();
        for design in changed {
            let choice: VariantChoice = design.parse().unwrap_or_else(|error| panic!("{design}: {error}"));
            let variant = choice.resolve().unwrap_or_else(|error| panic!("{design}: {error}"));
            let searched = search(&scenario, &host, &variant, &wanted, effort)?;
            for (&row, shown) in here.iter().zip(&searched.shown) {
                if self.rows[row].race.found_in.contains(&design) {
                    self.rows[row].mutants.push((design, Cell { shown: *shown, runs: searched.runs }));
                }
            }
            self.take(name, &[design.to_owned()], &wanted, &searched);
        }
        Ok(())
    }

    /// Count, and hold what was found against what the table says of the design, by each of its names.
    fn take(&mut self, scenario: &str, designs: &[String], wanted: &[&Race], searched: &Searched) {
        self.runs += searched.runs;
        self.complete &= searched.complete;
        for design in designs {
            let found = searched.disagreements(design, wanted);
            self.disagreements.extend(found.into_iter().map(|what| format!("{scenario}, {design}: {what}")));
        }
    }
}
