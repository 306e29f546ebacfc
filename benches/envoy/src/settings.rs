//! What the environment may change of a run.

use portcullis_load::failure::Outcome;
use std::time::Duration;

/// A run, as `make load-envoy` is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `LOAD_SECONDS`: how long each part of a round takes.
    pub part: Duration,
    /// `LOAD_ROUNDS`
    pub rounds: usize,
    /// `LOAD_CONNECTIONS`: the client's, each with one request under way.
    pub connections: usize,
    /// `LOAD_RATE`: requests a second of the open loop. Without it, a third of what the slowest
    /// authorizer manages.
    pub rate: Option<f64>,
    /// `LOAD_CALLERS`: how many have tokens that come again. Gates are of 10,000.
    pub callers: usize,
    /// `LOAD_SEED`: of the order and of the callers.
    pub seed: u64,
}

impl Settings {
    /// By what `variable` says of a name.
    ///
    /// # Errors
    ///
    /// Where a value is no number, or one out of bounds.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Outcome<Self> {
        let number = |name: &str, default: f64, lowest: f64, highest: f64| -> Outcome<f64> {
            let Some(text) = variable(name).filter(|text| !text.is_empty()) else {
                return Ok(default);
            };
            let value = text.parse().ok().filter(|value| (lowest..=highest).contains(value));
            value.ok_or_else(|| format!("{name}={text}: expected {lowest} to {highest}").into())
        };
        let rate = number("LOAD_RATE", 0.0, 10.0, 1e6)?;
        Ok(Self {
            part: Duration::from_secs_f64(number("LOAD_SECONDS", 1.0, 0.05, 600.0)?),
            rounds: number("LOAD_ROUNDS", 9.0, 1.0, 1000.0)? as usize,
            connections: number("LOAD_CONNECTIONS", 32.0, 1.0, 1000.0)? as usize,
            rate: (rate > 0.0).then_some(rate),
            callers: number("LOAD_CALLERS", 10_000.0, 1.0, 1e6)? as usize,
            seed: number("LOAD_SEED", 1.0, 0.0, 1e15)? as u64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Outcome<Settings> {
        Settings::read(|name| Some(pairs.iter().find(|(key, _)| *key == name)?.1.to_owned()))
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let plain = read(&[]).expect("defaults");
        assert_eq!((plain.rounds, plain.part, plain.rate), (9, Duration::from_secs(1), None));
        // Make hands on what nobody set as an empty text.
        assert_eq!(read(&[("LOAD_RATE", "")]).expect("defaults"), plain);
        let told = read(&[("LOAD_SECONDS", "0.5"), ("LOAD_ROUNDS", "11"), ("LOAD_RATE", "900")]);
        let told = told.expect("numbers");
        assert_eq!((told.rounds, told.part.as_millis(), told.rate), (11, 500, Some(900.0)));
    }

    #[test]
    fn nonsense_is_refused() {
        for (name, value) in [
            ("LOAD_ROUNDS", "0"),
            ("LOAD_SECONDS", "NaN"),
            ("LOAD_RATE", "fast"),
            ("LOAD_RATE", "-1"),
        ] {
            let error = read(&[(name, value)]).expect_err(value).to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
