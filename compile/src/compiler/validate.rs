//! Validation without compiling: checks that a component is valid WebAssembly of the proposals that the engines accept.
//!
//! Compiling validates as well. This is for inspecting a component that is not going to run.

use std::time::{Duration, Instant};

use wasmparser::{FuncValidatorAllocations, Parser, ValidPayload, Validator};

use super::CompileError;
use crate::engine::FEATURES;

/// Validates a component or a core module, including its functions.
///
/// The deadline is checked between sections and between functions, so that it is exceeded by at most one of them.
pub(super) fn validate(bytes: &[u8], timeout: Duration) -> Result<(), CompileError> {
    let start = Instant::now();
    let in_time = || match start.elapsed() {
        observed if observed > timeout => Err(CompileError::Timeout { allowed: timeout, observed }),
        _ => Ok(()),
    };
    let mut validator = Validator::new_with_features(FEATURES);
    // A body can only be validated once all types of its module are known, which ends the borrow of the validator.
    let mut functions = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        if let ValidPayload::Func(function, body) = validator.payload(&payload.map_err(invalid)?).map_err(invalid)? {
            functions.push((function, body));
        }
        in_time()?;
    }
    let mut allocations = FuncValidatorAllocations::default();
    for (function, body) in functions {
        let mut validator = function.into_validator(allocations);
        validator.validate(&body).map_err(invalid)?;
        allocations = validator.into_allocations();
        in_time()?;
    }
    Ok(())
}

fn invalid(error: wasmparser::Error) -> CompileError {
    CompileError::Invalid { message: error.message().to_owned(), offset: Some(error.offset() as u64) }
}
