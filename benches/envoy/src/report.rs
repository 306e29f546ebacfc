//! The results, for people and for programs.

use crate::ratio::{Gate, Ratio, Verdict, median};
use crate::rounds::{Figures, Measured};
use crate::settings::Settings;
use crate::variant::{Sent, Variant};
use portcullis_load::place::Transport;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Gate P9: throughput, and what the check adds to the time of half of the requests.
const THROUGHPUT: Gate = Gate::AtLeast(0.97);
const ADDED: Gate = Gate::AtMost(1.05);

/// A line of the gates.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What is compared.
    pub what: String,
    /// Portcullis to the reference.
    pub ratio: Ratio,
    /// What it has to be, where it is a gate.
    pub gate: Option<Gate>,
}

impl Line {
    /// What comes of the gate.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.gate.map(|gate| gate.judge(&self.ratio))
    }
}

impl Measured {
    /// The figures of a variant that was measured.
    fn of(&self, variant: Variant) -> Option<&Figures> {
        self.figures.iter().find(|(other, _)| *other == variant).map(|(_, figures)| figures)
    }

    /// What a variant adds to the gateway without a check, round by round.
    fn added(&self, figures: &Figures) -> Vec<f64> {
        let open = self.of(Variant::Open).map(|open| open.p50.as_slice()).unwrap_or_default();
        figures.p50.iter().zip(open).map(|(with, without)| with - without).collect()
    }

    /// The ratios, and the gates among them.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let kinds = [
            (Transport::Tcp, Sent::All, "TCP", true),
            (Transport::Unix, Sent::All, "unix socket", true),
            (Transport::Tcp, Sent::Read, "TCP, allowed_headers", false),
        ];
        for (transport, sent, name, gated) in kinds {
            let ours = self.of(Variant::Portcullis(transport, sent));
            let theirs = self.of(Variant::Reference(transport, sent));
            let (Some(ours), Some(theirs)) = (ours, theirs) else { continue };
            let mut add = |what: &str, ratio, gate| {
                let gate = Some(gate).filter(|_| gated);
                lines.push(Line { what: format!("{what}, {name}"), ratio, gate });
            };
            add("throughput", Ratio::of(&ours.throughput, &theirs.throughput), THROUGHPUT);
            add("added p50", Ratio::of(&self.added(ours), &self.added(theirs)), ADDED);
        }
        lines
    }

    /// For people.
    #[must_use]
    pub fn text(&self, settings: &Settings) -> String {
        let mut text = String::new();
        let mut line = |what: std::fmt::Arguments<'_>| {
            // Writing to a text does not fail.
            let _written = writeln!(text, "{what}");
        };
        line(format_args!(
            "{:24} {:>10} {:>10} {:>8} {:>8} {:>10} {:>12}",
            "authorizer", "answers/s", "of none", "p50 us", "p99 us", "added p50", "CPU us (+)"
        ));
        let open = self.of(Variant::Open).map(|open| open.throughput.clone()).unwrap_or_default();
        for (variant, figures) in &self.figures {
            line(format_args!(
                "{:24} {:>10.0} {:>10.3} {:>8.0} {:>8.0} {:>10.0} {:>6.1}+{:<5.1}",
                variant.name(),
                median(&figures.throughput),
                Ratio::of(&figures.throughput, &open).median,
                median(&figures.p50),
                median(&figures.p99),
                median(&self.added(figures)),
                median(&figures.envoy_cpu),
                median(&figures.authorizer_cpu),
            ));
        }
        line(format_args!(
            "medians of {} rounds of {:?}; closed loop of {} connections, open loop of {:.0} requests/s, \
             {} callers; {} answers, each as it has to be",
            settings.rounds,
            settings.part,
            settings.connections,
            self.rate,
            settings.callers,
            self.answers
        ));
        line(format_args!(
            "CPU: Envoy + authorizer, which share a core; client and upstream are one thread on the other"
        ));
        line(format_args!(
            "(on two cores that thread is part of the limit: read ratios, and none of these as a capacity)"
        ));
        if self.used_up {
            line(format_args!("fresh tokens ran out: less than 1 % of the requests were misses"));
        }
        line(format_args!("\nPortcullis to the no-op reference, median ratio [95 % bounds]"));
        for each in self.lines() {
            let (what, ratio) = (&each.what, each.ratio.to_string());
            match (each.gate, each.verdict()) {
                (Some(gate), Some(verdict)) => {
                    line(format_args!("{what:36} {ratio:24} P9 {gate}: {verdict}"));
                }
                _ => line(format_args!("{what:36} {ratio}")),
            }
        }
        text
    }

    /// For programs: every round.
    #[must_use]
    pub fn json(&self, settings: &Settings) -> Value {
        let figures = |(variant, figures): &(Variant, Figures)| {
            let value = json!({
                "throughput": figures.throughput,
                "p50_us": figures.p50,
                "p99_us": figures.p99,
                "added_p50_us": self.added(figures),
                "envoy_cpu_us": figures.envoy_cpu,
                "authorizer_cpu_us": figures.authorizer_cpu,
            });
            (variant.name().to_owned(), value)
        };
        let line = |line: Line| {
            json!({
                "what": line.what,
                "median": line.ratio.median,
                "low": line.ratio.low,
                "high": line.ratio.high,
                "gate": line.gate.map(|gate| format!("P9 {gate}")),
                "verdict": line.verdict().map(|verdict| verdict.to_string()),
            })
        };
        json!({
            "rounds": settings.rounds,
            "seconds": settings.part.as_secs_f64(),
            "connections": settings.connections,
            "callers": settings.callers,
            "seed": settings.seed,
            "rate": self.rate,
            "answers": self.answers,
            "variants": self.figures.iter().map(figures).collect::<serde_json::Map<_, _>>(),
            "ratios": self.lines().into_iter().map(line).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variant::ALL;

    fn measured() -> Measured {
        let figures = |variant: &Variant| {
            let (throughput, p50) = match variant {
                Variant::Open => (100.0, 10.0),
                Variant::Reference(..) => (50.0, 30.0),
                Variant::Portcullis(Transport::Unix, _) => (40.0, 35.0),
                _ => (60.0, 20.0),
            };
            let rounds = |value| vec![value; 9];
            let figures = Figures {
                throughput: rounds(throughput),
                envoy_cpu: rounds(1.0),
                authorizer_cpu: rounds(1.0),
                p50: rounds(p50),
                p99: rounds(p50),
            };
            (*variant, figures)
        };
        let figures = ALL.iter().map(figures).collect();
        Measured { figures, rate: 7.0, answers: 9, used_up: false }
    }

    #[test]
    fn the_gates_are_of_throughput_and_of_what_is_added() {
        let lines = measured().lines();
        let of = |what: &str| {
            let line = lines.iter().find(|line| line.what == what).expect(what);
            ((line.ratio.median * 1000.0).round(), line.verdict())
        };
        assert_eq!(of("throughput, TCP"), (1200.0, Some(Verdict::Pass)));
        assert_eq!(of("added p50, TCP"), (500.0, Some(Verdict::Pass)));
        assert_eq!(of("throughput, unix socket"), (800.0, Some(Verdict::Fail)));
        assert_eq!(of("added p50, unix socket"), (1250.0, Some(Verdict::Fail)));
        assert_eq!(of("throughput, TCP, allowed_headers").1, None);
    }

    #[test]
    fn all_of_it_is_printed() {
        let settings = Settings::read(|_| None).expect("defaults");
        let text = measured().text(&settings);
        for variant in ALL {
            assert!(text.contains(variant.name()), "{text}");
        }
        assert!(text.contains("P9 >= 0.97: pass") && text.contains("P9 <= 1.05: fail"), "{text}");
        let json = measured().json(&settings);
        assert_eq!(json["variants"]["none"]["p50_us"].as_array().map(Vec::len), Some(9));
        assert_eq!(json["ratios"][0]["verdict"], "pass");
    }
}
