//! A histogram that can be forgotten, which those of the recorder cannot: for what is told of each room.

use std::fmt::Write as _;

/// Counts values into buckets whose upper ends are given, the last one open.
#[derive(Clone, Debug)]
pub struct Histogram {
    ends: &'static [f64],
    counts: Vec<u64>,
    sum: f64,
}

impl Histogram {
    /// `ends` rise.
    pub fn new(ends: &'static [f64]) -> Self {
        Self {
            ends,
            counts: vec![0; ends.len() + 1],
            sum: 0.0,
        }
    }

    pub fn record(&mut self, value: f64) {
        let bucket = self.ends.partition_point(|end| *end < value);
        self.counts[bucket] += 1;
        self.sum += value;
    }

    /// Adds its lines, as Prometheus reads them: `label` is a whole pair, `room="hall"`.
    pub fn write(&self, name: &str, label: &str, out: &mut String) {
        let mut count = 0;
        let ends = self.ends.iter().map(f64::to_string);
        for (end, more) in ends.chain(["+Inf".to_owned()]).zip(&self.counts) {
            count += more;
            // A string takes everything.
            let _ = writeln!(out, "{name}_bucket{{{label},le=\"{end}\"}} {count}");
        }
        let _ = writeln!(out, "{name}_sum{{{label}}} {}", self.sum);
        let _ = writeln!(out, "{name}_count{{{label}}} {count}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_the_first_bucket_that_holds_them() {
        let mut histogram = Histogram::new(&[0.5, 1.0]);
        for value in [0.25, 0.5, 0.75, 4.0] {
            histogram.record(value);
        }
        let mut out = String::new();
        histogram.write("wait_seconds", "room=\"hall\"", &mut out);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(
            lines,
            [
                "wait_seconds_bucket{room=\"hall\",le=\"0.5\"} 2",
                "wait_seconds_bucket{room=\"hall\",le=\"1\"} 3",
                "wait_seconds_bucket{room=\"hall\",le=\"+Inf\"} 4",
                "wait_seconds_sum{room=\"hall\"} 5.5",
                "wait_seconds_count{room=\"hall\"} 4",
            ]
        );
    }
}
