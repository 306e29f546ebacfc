//! The second opinion: ghz, with the configurations that users are given.
//!
//! ghz does not look into answers, and on two cores it is itself the limit: its figures stand beside
//! ours, and no gate depends on them.

use crate::bundle::List;
use crate::failure::{Outcome, expect};
use crate::message::API;
use crate::place::{Address, repository};
use crate::process::{Server, cpu_of};
use crate::rng::Rng;
use crate::sessions::cookies;
use crate::stage::Stage;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The configurations, without `.json`.
pub const CONFIGURATIONS: [&str; 6] =
    ["bearer", "session", "redirect", "mix", "fixed-rate", "ramp"];
/// How much longer than it was asked to ghz may run.
const PATIENCE: Duration = Duration::from_secs(30);

/// ghz, where it is.
#[derive(Debug)]
pub struct Ghz {
    program: PathBuf,
    folder: tempfile::TempDir,
    values: [(&'static str, String); 3],
}

/// What one run of it says.
#[derive(Clone, Copy, Debug)]
pub struct Opinion {
    /// Answers that came with the status OK of gRPC.
    pub answers: u64,
    /// Everything else.
    pub errors: u64,
    /// Answers a second.
    pub rate: f64,
    /// Microseconds that half of all checks took at most.
    pub p50: f64,
    /// Ninety-nine of a hundred.
    pub p99: f64,
    /// Microseconds that the server was on a core for each.
    pub cpu: f64,
}

impl Ghz {
    /// With the callers of `stage`. `None`: it is not there.
    ///
    /// # Errors
    ///
    /// Of files and seals.
    pub fn find(program: &Path, stage: &Stage) -> Outcome<Option<Self>> {
        if !program.exists() {
            return Ok(None);
        }
        let now = crate::bundle::now();
        let cookies = cookies(&stage.bundle, &stage.key_ring, 1, now, &mut Rng::new(6))?;
        let token = expect(stage.bundle.tokens(List::Users).first(), "no token")?;
        let values = [
            ("PORTCULLIS_HOST", API.to_owned()),
            ("PORTCULLIS_TOKEN", token.clone()),
            ("PORTCULLIS_COOKIE", expect(cookies.into_iter().next(), "no cookie")?),
        ];
        let program = std::path::absolute(program)?;
        Ok(Some(Self { program, folder: tempfile::tempdir()?, values }))
    }

    /// Asks `server` for so long. The configuration is the user's but for its length, and for the
    /// three values, which ghz would look up for each check anew.
    ///
    /// # Errors
    ///
    /// Where ghz does not do as it is asked.
    pub fn ask(&self, configuration: &str, length: Duration, server: &Server) -> Outcome<Opinion> {
        let source = repository().join("deploy/ghz");
        let text = std::fs::read_to_string(source.join(format!("{configuration}.json")))?;
        let file = self.folder.path().join("configuration.json");
        std::fs::write(&file, self.filled(&text, length)?.to_string())?;
        let report = self.folder.path().join("report.json");
        let address = match &server.address {
            Address::Tcp(address) => address.to_string(),
            Address::Unix(path) => format!("unix://{}", path.display()),
        };
        let before = cpu_of(server.pid())?;
        let mut child = Command::new(&self.program)
            .current_dir(source)
            .arg("--config")
            .arg(&file)
            .args(["--format", "json", "--output"])
            .arg(&report)
            .arg(&address)
            .stdout(Stdio::null())
            .spawn()?;
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if begin.elapsed() > length + PATIENCE {
                child.kill()?;
                child.wait()?;
                return Err(format!("ghz {configuration} does not end").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        if !status.success() {
            return Err(format!("ghz {configuration} ended with {status}").into());
        }
        let used = cpu_of(server.pid())?.saturating_sub(before);
        opinion(&serde_json::from_slice(&std::fs::read(report)?)?, used)
    }

    fn filled(&self, text: &str, length: Duration) -> Outcome<Value> {
        let mut text = text.to_owned();
        for (name, value) in &self.values {
            text = text.replace(&format!("{{{{ env `{name}` }}}}"), value);
        }
        let mut configuration: Value = serde_json::from_str(&text)?;
        let seconds = length.as_secs_f64();
        configuration["duration"] = json!(format!("{seconds}s"));
        if configuration.get("load-step-duration").is_some() {
            configuration["load-step-duration"] = json!(format!("{}s", seconds / 10.0));
        }
        Ok(configuration)
    }
}

fn opinion(report: &Value, used: Duration) -> Outcome<Opinion> {
    let counts = expect(report["statusCodeDistribution"].as_object(), "ghz counts no status")?;
    let count = |ok: bool| {
        let own = counts.iter().filter(|(status, _)| (status.as_str() == "OK") == ok);
        own.filter_map(|(_, count)| count.as_u64()).sum()
    };
    let percentile = |percentage: u64| {
        let all = report["latencyDistribution"].as_array();
        let own = all?.iter().find(|entry| entry["percentage"].as_u64() == Some(percentage))?;
        Some(own["latency"].as_f64()? / 1000.0)
    };
    let answers: u64 = count(true);
    Ok(Opinion {
        answers,
        errors: count(false),
        rate: expect(report["rps"].as_f64(), "ghz tells no rate")?,
        p50: expect(percentile(50), "ghz tells no percentiles")?,
        p99: expect(percentile(99), "ghz tells no percentiles")?,
        cpu: used.as_secs_f64() * 1e6 / (answers as f64).max(1.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ghz_writes() {
        let report = json!({"rps": 5000.5, "statusCodeDistribution": {"OK": 90, "Unavailable": 4},
            "latencyDistribution": [{"percentage": 50, "latency": 1_500_000},
                {"percentage": 99, "latency": 9_000_000}]});
        let told = opinion(&report, Duration::from_micros(900)).expect("a report");
        assert_eq!((told.answers, told.errors), (90, 4));
        assert!((told.p50 - 1500.0).abs() < 1e-9 && (told.cpu - 10.0).abs() < 1e-9, "{told:?}");
        assert!(opinion(&json!({}), Duration::ZERO).is_err());
    }

    #[test]
    fn every_configuration_is_there_and_leaves_nothing_open() {
        let values = ["HOST", "TOKEN", "COOKIE"].map(|name| match name {
            "HOST" => ("PORTCULLIS_HOST", "a.example".to_owned()),
            "TOKEN" => ("PORTCULLIS_TOKEN", "e30.e30.e30".to_owned()),
            _ => ("PORTCULLIS_COOKIE", "a=b".to_owned()),
        });
        let folder = tempfile::tempdir().expect("a folder");
        let ghz = Ghz { program: PathBuf::new(), folder, values };
        for name in CONFIGURATIONS {
            let file = repository().join(format!("deploy/ghz/{name}.json"));
            let text = std::fs::read_to_string(file).expect("it is there");
            let filled = ghz.filled(&text, Duration::from_secs(2)).expect("JSON");
            assert!(!filled.to_string().contains("{{"), "{name}: {filled}");
            assert_eq!(filled["duration"], "2s");
            assert_eq!(filled["proto"], "check.proto");
        }
    }
}
