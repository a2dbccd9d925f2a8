//! `plugbay:plugin/invocation`: the context of the running call. It requires no permission.

use super::HostState;
use super::bindings::plugbay::plugin::invocation::Host;

impl Host for HostState {
    fn request_id(&mut self) -> String {
        self.call.origin.request_id.get().to_owned()
    }

    fn caller(&mut self) -> String {
        self.call.origin.caller.to_string()
    }

    fn time_left_ms(&mut self) -> Option<u64> {
        Some(u64::try_from(self.call.time_left()?.as_millis()).unwrap_or(u64::MAX))
    }
}
