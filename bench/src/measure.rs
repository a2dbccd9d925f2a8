//! Interleaved measurement: every subject runs a short batch in every round, and ratios are computed within a round.
//!
//! A disturbance of the machine (other processes, clock changes, heat) then affects all subjects alike, or one batch of
//! many. The order changes in each round, so that no subject always runs after the same one and finds the same caches.

use std::time::Duration;

use serde::Serialize;

/// Runs a number of calls and returns their duration.
pub type Batch<'a> = Box<dyn FnMut(u32) -> anyhow::Result<Duration> + 'a>;

/// A subject of the comparison.
pub struct Subject<'a> {
    pub name: &'static str,
    pub batch: Batch<'a>,
}

impl<'a> Subject<'a> {
    pub fn new(name: &'static str, batch: impl FnMut(u32) -> anyhow::Result<Duration> + 'a) -> Self {
        Subject { name, batch: Box::new(batch) }
    }
}

/// The number of rounds and the duration of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub rounds: usize,
    /// The intended duration of one batch.
    pub batch: Duration,
}

/// The maximum number of calls in a batch, for calls that take almost no time.
const CALLS_MAX: f64 = 1e7;

/// The time per call of one subject in nanoseconds, for each round.
#[derive(Debug, Clone, Serialize)]
pub struct Samples {
    pub subject: &'static str,
    pub calls_per_batch: u32,
    pub nanos: Vec<f64>,
}

/// The minimum, median and maximum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
        Spread { min: at(0), median: f64::midpoint(at(low), at(high)), max: at(values.len().saturating_sub(1)) }
    }
}

impl Samples {
    pub fn spread(&self) -> Spread {
        Spread::of(self.nanos.clone())
    }

    /// Returns the ratio of this subject to another, computed within each round.
    pub fn ratio(&self, other: &Samples) -> Spread {
        Spread::of(self.nanos.iter().zip(&other.nanos).map(|(mine, theirs)| mine / theirs).collect())
    }

    /// Returns the ratio of the fastest rounds of two subjects, in which disturbances are smallest.
    pub fn ratio_of_fastest(&self, other: &Samples) -> f64 {
        self.spread().min / other.spread().min
    }
}

/// Runs all subjects in turn, round after round.
pub fn interleave(subjects: Vec<Subject<'_>>, plan: Plan) -> anyhow::Result<Vec<Samples>> {
    let mut running = Vec::new();
    for mut subject in subjects {
        let calls = calibrate(&mut subject.batch, plan.batch)?;
        let samples = Samples { subject: subject.name, calls_per_batch: calls, nanos: Vec::with_capacity(plan.rounds) };
        running.push((subject.batch, samples));
    }
    let mut order: Vec<usize> = (0..running.len()).collect();
    // A fixed seed, so that each run has the same orders.
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..plan.rounds {
        random.shuffle(&mut order);
        for &next in &order {
            let (batch, samples) = &mut running[next];
            let took = batch(samples.calls_per_batch)?;
            samples.nanos.push(took.as_nanos() as f64 / f64::from(samples.calls_per_batch));
        }
    }
    Ok(running.into_iter().map(|(_, samples)| samples).collect())
}

/// Finds the number of calls that fill a batch, which also warms the subject up.
fn calibrate(batch: &mut Batch<'_>, wanted: Duration) -> anyhow::Result<u32> {
    let mut calls = 1_u32;
    loop {
        let took = batch(calls)?.as_secs_f64().max(1e-9);
        let fitting = (f64::from(calls) * wanted.as_secs_f64() / took).clamp(1.0, CALLS_MAX);
        // The first calls are slow, so an estimate counts only after a batch of about that size.
        if fitting <= f64::from(calls) * 2.0 {
            return Ok(fitting.round() as u32);
        }
        calls = (f64::from(calls) * 8.0).min(fitting).ceil() as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_an_even_number_of_values_is_between_two() {
        assert_eq!(Spread::of(vec![4.0, 1.0, 3.0, 2.0]), Spread { min: 1.0, median: 2.5, max: 4.0 });
        assert_eq!(Spread::of(vec![7.0]), Spread { min: 7.0, median: 7.0, max: 7.0 });
    }

    #[test]
    fn ratio_is_computed_within_each_round() {
        let samples = |nanos: &[f64]| Samples { subject: "s", calls_per_batch: 1, nanos: nanos.to_vec() };
        // The second round was ten times slower for both, and their ratio is the same.
        let ratio = samples(&[2.0, 20.0, 4.0]).ratio(&samples(&[1.0, 10.0, 1.0]));
        assert_eq!(ratio, Spread { min: 2.0, median: 2.0, max: 4.0 });
    }

    #[test]
    fn every_subject_runs_in_every_round_with_its_batch_size() {
        let fast = Subject::new("fast", |calls| Ok(Duration::from_micros(1) * calls));
        let slow = Subject::new("slow", |calls| Ok(Duration::from_millis(3) * calls));
        let plan = Plan { rounds: 5, batch: Duration::from_millis(2) };
        let samples = interleave(vec![fast, slow], plan).expect("they run");
        assert_eq!((samples[0].nanos.len(), samples[1].nanos.len()), (5, 5));
        assert_eq!((samples[0].calls_per_batch, samples[1].calls_per_batch), (2_000, 1));
        assert_eq!(samples[1].ratio(&samples[0]).median, 3_000.0);
    }
}
