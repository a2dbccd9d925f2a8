//! `plugbay:plugin/invocation`: the context of the running call. It requires no permission.

use super::HostState;
use super::bindings::plugbay::plugin::invocation::Host;

impl Host for HostState {
    fn request_id(&mut self) -> String {
        self.call.origin.request_id.get().to_owned()
    }

    fn correlation_id(&mut self) -> String {
        let of_event = self.event.as_ref().and_then(|event| event.correlation_id());
        let own = || self.call.context.as_ref()?.correlation_id.as_deref();
        of_event.or_else(own).unwrap_or_else(|| self.call.origin.request_id.get()).to_owned()
    }

    fn identity(&mut self) -> Option<String> {
        self.call.context.as_ref()?.identity.clone()
    }

    fn scopes(&mut self) -> Vec<String> {
        self.call.context.as_ref().map(|context| context.scopes.clone()).unwrap_or_default()
    }

    fn caller(&mut self) -> String {
        self.call.origin.caller.to_string()
    }

    fn time_left_ms(&mut self) -> Option<u64> {
        Some(u64::try_from(self.call.time_left()?.as_millis()).unwrap_or(u64::MAX))
    }
}
