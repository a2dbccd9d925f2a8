//! Measuring side by side: every subject runs a short batch in every round, and ratios are taken within a round.
//!
//! What disturbs a machine (other processes, its clock, its heat) then disturbs all subjects alike, or one batch of many. The
//! order is another one in each round, so that nobody always runs after the same neighbour, in what it left of the caches.

use std::time::Duration;

use serde::Serialize;

/// Runs so many calls and answers how long they took.
pub type Batch<'a> = Box<dyn FnMut(u32) -> anyhow::Result<Duration> + 'a>;

/// One of those that are compared.
pub struct Subject<'a> {
    pub name: &'static str,
    pub batch: Batch<'a>,
}

impl<'a> Subject<'a> {
    pub fn new(name: &'static str, batch: impl FnMut(u32) -> anyhow::Result<Duration> + 'a) -> Self {
        Subject { name, batch: Box::new(batch) }
    }
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub rounds: usize,
    /// How long one batch should take.
    pub batch: Duration,
}

/// The most calls in one batch, where a call is almost nothing.
const CALLS_MAX: f64 = 1e7;

/// What one subject took per call, in nanoseconds, round by round.
#[derive(Debug, Clone, Serialize)]
pub struct Samples {
    pub subject: &'static str,
    pub calls_per_batch: u32,
    pub nanos: Vec<f64>,
}

/// Least, median and most.
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

    /// This subject over another one, within each round.
    pub fn ratio(&self, other: &Samples) -> Spread {
        Spread::of(self.nanos.iter().zip(&other.nanos).map(|(mine, theirs)| mine / theirs).collect())
    }

    /// The fastest round of this subject over the fastest round of another one: what is left when nothing disturbs either.
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
    // The same orders in each run.
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

/// How many calls fill a batch. Warms the subject up on the way.
fn calibrate(batch: &mut Batch<'_>, wanted: Duration) -> anyhow::Result<u32> {
    let mut calls = 1_u32;
    loop {
        let took = batch(calls)?.as_secs_f64().max(1e-9);
        let fitting = (f64::from(calls) * wanted.as_secs_f64() / took).clamp(1.0, CALLS_MAX);
        // The first calls are slow: what was found only counts once it was tried with about as many.
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
    fn spread_of_an_even_number_of_values_has_the_median_between_two() {
        assert_eq!(Spread::of(vec![4.0, 1.0, 3.0, 2.0]), Spread { min: 1.0, median: 2.5, max: 4.0 });
        assert_eq!(Spread::of(vec![7.0]), Spread { min: 7.0, median: 7.0, max: 7.0 });
    }

    #[test]
    fn ratio_is_taken_within_each_round() {
        let samples = |nanos: &[f64]| Samples { subject: "s", calls_per_batch: 1, nanos: nanos.to_vec() };
        // The second round was ten times slower for both, and their ratio is the same.
        let ratio = samples(&[2.0, 20.0, 4.0]).ratio(&samples(&[1.0, 10.0, 1.0]));
        assert_eq!(ratio, Spread { min: 2.0, median: 2.0, max: 4.0 });
    }

    #[test]
    fn every_subject_runs_in_every_round_with_batches_that_fit_it() {
        let fast = Subject::new("fast", |calls| Ok(Duration::from_micros(1) * calls));
        let slow = Subject::new("slow", |calls| Ok(Duration::from_millis(3) * calls));
        let plan = Plan { rounds: 5, batch: Duration::from_millis(2) };
        let samples = interleave(vec![fast, slow], plan).expect("they run");
        assert_eq!((samples[0].nanos.len(), samples[1].nanos.len()), (5, 5));
        assert_eq!((samples[0].calls_per_batch, samples[1].calls_per_batch), (2_000, 1));
        assert_eq!(samples[1].ratio(&samples[0]).median, 3_000.0);
    }
}
