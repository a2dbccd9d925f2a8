//! A calculator: typed payloads, ranges, and an error code for each kind of failure.
//!
//! The type of a payload defines its schema. The host refuses `{"a": "one"}` or a percentage of 101 with the code
//! `validation_error` before the plugin runs. Rules that no schema can express are checked by the actions.

use plugbay_sdk::prelude::*;

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Division {
    /// The dividend.
    a: f64,
    /// The divisor, which must not be zero.
    b: f64,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Share {
    of: f64,
    #[schema(min = 0, max = 100)]
    percent: u8,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Power {
    base: i64,
    #[schema(max = 64)]
    exponent: u32,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Numbers {
    #[schema(min_items = 1, max_items = 1000)]
    numbers: Vec<f64>,
}

/// How `risky_operation` ends.
#[derive(Deserialize, Schema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Success,
    /// The caller's mistake.
    WrongValue,
    /// The caller may not do it.
    NotAllowed,
    /// The plugin's own fault.
    Fault,
}

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Risk {
    outcome: Outcome,
}

#[derive(Serialize, Schema)]
struct Answer<T> {
    result: T,
}

#[derive(Default)]
struct Calculator;

#[plugin]
impl Calculator {
    /// Divides `a` by `b`.
    #[action(idempotent)]
    fn divide(&self, Division { a, b }: Division) -> Result<Reply<Answer<f64>>> {
        if b == 0.0 {
            return Err(error("Cannot divide by zero")
                .with_code("divide_by_zero")
                .with_details(json!({ "a": a }))
                .with_status(400));
        }
        finite(a / b)
    }

    /// Computes a percentage.
    #[action(idempotent)]
    fn percent(&self, Share { of, percent }: Share) -> Result<Reply<Answer<f64>>> {
        // The host has already checked the range, but not if the plugin is called as a library.
        ensure!(percent <= 100, code = "out_of_range", "{percent} % is more than the whole");
        finite(of / 100.0 * f64::from(percent))
    }

    /// Raises a whole number to a power.
    #[action(idempotent)]
    fn power(&self, Power { base, exponent }: Power) -> Result<Reply<Answer<i64>>> {
        match base.checked_pow(exponent) {
            Some(result) => Ok(ok(Answer { result })),
            None => bail!(code = "overflow", "{base} to the power of {exponent} exceeds 64 bits"),
        }
    }

    /// Computes the mean of some numbers.
    #[action(idempotent)]
    fn mean(&self, Numbers { numbers }: Numbers) -> Result<Reply<Answer<f64>>> {
        ensure!(!numbers.is_empty(), code = "no_numbers", "the mean needs at least one number");
        finite(numbers.iter().sum::<f64>() / numbers.len() as f64)
    }

    /// Ends in one of the ways in which an operation can end, each with its own code and status.
    #[action(idempotent)]
    fn risky_operation(&self, Risk { outcome }: Risk) -> Result<Reply> {
        match outcome {
            Outcome::Success => Ok(ok!({ "data": "done" })),
            Outcome::WrongValue => Err(error("the value is wrong").with_code("invalid_input").with_status(400)),
            Outcome::NotAllowed => Err(error("this is not allowed").with_code("forbidden").with_status(403)),
            // The details are for the operator: HTTP clients do not receive them.
            Outcome::Fault => Err(error("Internal server error")
                .with_code("internal_error")
                .with_details(json!("the second register is stuck"))
                .with_status(500)),
        }
    }
}

/// Refuses infinity, which JSON cannot represent: it would become `null`.
fn finite(result: f64) -> Result<Reply<Answer<f64>>> {
    ensure!(result.is_finite(), code = "overflow", "the result exceeds the largest number");
    Ok(ok(Answer { result }))
}
