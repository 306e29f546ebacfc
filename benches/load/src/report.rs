//! What a run found: printed line by line as it is found, and kept as JSON.

use crate::compare::{Figure, Pairs, median};
use crate::failure::Outcome;
use crate::stats::{Median, Verdict, at_most};
use serde_json::{Value, json};
use std::path::Path;

/// The report of a run.
#[derive(Debug, Default)]
pub struct Report {
    gates: Vec<Value>,
    tables: serde_json::Map<String, Value>,
    failed: bool,
}

impl Report {
    /// Judges a ratio by its gate, and prints it.
    pub fn gate(&mut self, name: &str, what: &str, median: Median, gate: f64) {
        let verdict = at_most(median, gate);
        let shown =
            |bound: Option<f64>| bound.map_or_else(|| "?".to_owned(), |v| format!("{v:.3}"));
        let bounds = format!("95 % bounds {} to {}", shown(median.lower), shown(median.upper));
        let value = format!("{:.3} ({bounds})", median.value);
        self.verdict(name, what, &format!("<= {gate}"), &value, verdict);
        if let Some(gate) = self.gates.last_mut() {
            gate["median"] = json!(median.value);
            gate["bounds"] = json!([median.lower, median.upper]);
        }
    }

    /// Prints what became of a gate: its name, its bound, what was found, and the verdict.
    pub fn verdict(&mut self, name: &str, what: &str, bound: &str, value: &str, verdict: Verdict) {
        say(&format!("gate {name:<3} {what:<52} {bound:<9} {value:<44} {verdict}"));
        self.failed |= verdict == Verdict::Fail;
        self.gates.push(json!({"gate": name, "what": what, "bound": bound, "value": value,
            "verdict": verdict.to_string()}));
    }

    /// Prints a table of two sides and their ratios.
    pub fn table(&mut self, name: &str, pairs: &Pairs, names: [&str; 2]) {
        const FIGURES: [(&str, Figure); 5] = [
            ("CPU us/check", |sample| sample.cpu),
            ("checks/s", |sample| sample.rate),
            ("p50 us", |sample| sample.p50),
            ("p90 us", |sample| sample.p90),
            ("p99 us", |sample| sample.p99),
        ];
        say(&format!("\n{name} ({} rounds, medians)", pairs.ours.len()));
        say(&format!("  {:<14}{:>14}{:>14}{:>9}   95 % bounds", "", names[0], names[1], "ratio"));
        let mut rows = serde_json::Map::new();
        for (figure, of) in FIGURES {
            let (ours, theirs) = (median(&pairs.ours, of), median(&pairs.theirs, of));
            let ratio = pairs.ratio(of);
            let bound = |bound: Option<f64>| bound.map_or("?".to_owned(), |v| format!("{v:.3}"));
            say(&format!(
                "  {figure:<14}{ours:>14.1}{theirs:>14.1}{:>9.3}   {} to {}",
                ratio.value,
                bound(ratio.lower),
                bound(ratio.upper),
            ));
            rows.insert(
                figure.to_owned(),
                json!({names[0]: ours, names[1]: theirs, "ratio": ratio.value,
                    "bounds": [ratio.lower, ratio.upper]}),
            );
        }
        self.tables.insert(name.to_owned(), rows.into());
    }

    /// Keeps something else.
    pub fn keep(&mut self, name: &str, value: Value) {
        self.tables.insert(name.to_owned(), value);
    }

    /// Whether a gate failed.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failed
    }

    /// Writes everything to a file.
    ///
    /// # Errors
    ///
    /// Of files.
    pub fn write(&self, file: &Path) -> Outcome<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let all = json!({"gates": self.gates, "tables": self.tables});
        std::fs::write(file, serde_json::to_string_pretty(&all)? + "\n")?;
        Ok(())
    }
}

/// Prints a line.
#[expect(clippy::print_stdout, reason = "a report is for whoever ran the command")]
pub fn say(line: &str) {
    println!("{line}");
}
