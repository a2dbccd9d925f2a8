//! The job as a plugin, written against the contract without the SDK, whose dispatch this benchmark does not measure.

mod job;

wit_bindgen::generate!({
    path: "../../wit",
    inline: "package plugbay:bench-guest; world guest { include plugbay:plugin/action-provider@0.2.0; }",
    world: "guest",
    generate_all,
});

use exports::plugbay::plugin::actions::{Failure, Guest};

struct Plugin;

impl Guest for Plugin {
    fn handle(action: String, payload: String) -> Result<String, Failure> {
        job::run(&action, &payload).ok_or_else(|| Failure {
            code: "unknown_action".to_owned(),
            message: format!("no action `{action}` takes this payload"),
            details: None,
            status_code: None,
        })
    }
}

export!(Plugin);
