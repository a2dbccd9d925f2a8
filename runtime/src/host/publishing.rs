//! `plugbay:plugin/events`: publishing, and subscriptions that a plugin's code makes.
//!
//! Publishing needs the manifest and a grant, except below the plugin's own name. The host sets the source, and the
//! event inherits depth and correlation id of the event whose handler publishes it, also if that handler calls another
//! plugin that does.

use std::time::Instant;

use parking_lot::Mutex;
use plugbay_manifest::PermissionAction::{Publish, Subscribe};
use plugbay_manifest::{DEFAULT_PRIORITY, parse_topic};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;

use super::HostState;
use super::bindings::plugbay::plugin::events as wit;
use super::failure::{Failure, INVALID_ARGUMENT, failure, with_details};
use crate::audit::line_quota::{LineQuota, Quota};
use crate::capability::resource;
use crate::error::EventError;
use crate::event::{Emission, EmitOutcome, NewEvent, SubscriptionOptions, Topic, is_own_topic};
use crate::limits::{EVENT_BYTES_MAX, EVENT_PUBLISH_PERIOD, EVENT_PUBLISHES_MAX, SUBSCRIPTION_PRIORITY_MAX};
use crate::service::limit::ReachedLimit;

/// The options of an event.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PublishOptions {
    correlation_id: Option<String>,
    target: Option<String>,
}

/// The options of a subscription.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SubscribeOptions {
    priority: Option<i32>,
    once: bool,
    durable: bool,
}

impl From<EventError> for Failure {
    fn from(error: EventError) -> Self {
        let code = if matches!(error, EventError::Topic { .. }) { INVALID_ARGUMENT } else { error.code() };
        let failure = failure(code, error.to_string());
        match error {
            EventError::TooMany { allowed, .. } => {
                let details = json!({ "limit": "subscriptions", "allowed": allowed, "observed": allowed + 1 });
                with_details(failure, &details)
            }
            _ => failure,
        }
    }
}

fn options<T: Default + DeserializeOwned>(options: Option<&str>) -> Result<T, Failure> {
    let Some(options) = options else { return Ok(T::default()) };
    serde_json::from_str(options)
        .map_err(|error| failure(INVALID_ARGUMENT, format!("the options of the event are not valid: {error}")))
}

impl HostState {
    /// Checks an event that the guest publishes.
    fn new_event(&self, topic: String, data: String, json: Option<&str>) -> Result<NewEvent, Failure> {
        let PublishOptions { correlation_id, target } = options(json)?;
        let topic = Topic::new(topic).map_err(|message| failure(INVALID_ARGUMENT, message))?;
        self.may_publish(topic.as_str())?;
        if data.len() > EVENT_BYTES_MAX {
            return Err(ReachedLimit::new("event_bytes", EVENT_BYTES_MAX, data.len()).into());
        }
        serde_json::from_str::<IgnoredAny>(&data).map_err(|error| {
            failure(INVALID_ARGUMENT, format!("the data of event `{}` are not JSON: {error}", topic.as_str()))
        })?;
        let quota = self.plugin.publishes.get_or_init(|| Box::new(Mutex::new(LineQuota::new())));
        let quota = quota.lock().admit(Instant::now(), EVENT_PUBLISHES_MAX, EVENT_PUBLISH_PERIOD);
        if quota == Quota::Spent {
            let message = format!(
                "the plugin publishes more than {EVENT_PUBLISHES_MAX} events in {} s: publish again later",
                EVENT_PUBLISH_PERIOD.as_secs()
            );
            return Err(failure("rate_limit_exceeded", message));
        }
        let cause = self.event_cause();
        let depth_before = cause.as_ref().map_or(0, |cause| cause.depth);
        let correlation_id = correlation_id.or(cause.map(|cause| cause.correlation_id));
        let source = self.plugin.name.to_string();
        Ok(NewEvent { topic, data, source, target, correlation_id, depth_before })
    }

    fn may_publish(&self, topic: &str) -> Result<(), Failure> {
        let plugin = &*self.plugin.name;
        if is_own_topic(plugin, topic) {
            return Ok(());
        }
        if !self.plugin.published_topics.matches(topic) {
            let message = format!(
                "plugin `{plugin}` may not publish `{topic}`: its manifest does not list the topic in `events.publishes`"
            );
            return Err(failure("permission_denied", message));
        }
        Ok(self.check(&resource("events", topic), Publish)?)
    }

    fn subscribe_to(&self, pattern: &str, json: Option<&str>) -> Result<String, Failure> {
        let SubscribeOptions { priority, once, durable } = options(json)?;
        let pattern = parse_topic(pattern).map_err(|message| failure(INVALID_ARGUMENT, message))?;
        let priority = priority.unwrap_or(DEFAULT_PRIORITY);
        if priority.unsigned_abs() > SUBSCRIPTION_PRIORITY_MAX {
            let message = format!("a priority is at most {SUBSCRIPTION_PRIORITY_MAX} and at least the negative of it");
            return Err(failure(INVALID_ARGUMENT, message));
        }
        if !is_own_topic(&self.plugin.name, &pattern) {
            self.check(&resource("events", &pattern), Subscribe)?;
        }
        let options = SubscriptionOptions { priority, once, durable };
        Ok(self.plugin.events.subscribe(&self.plugin.name, &pattern, options, self.is_starting)?)
    }

    async fn emit_event(&mut self, topic: String, data: String, json: Option<&str>) -> Result<String, Failure> {
        let event = self.new_event(topic, data, json)?;
        let outcome = match self.plugin.events.begin_emit(event)? {
            Emission::Unheard { id } => return Ok(EmitOutcome::json_unheard(&id)),
            Emission::Heard(heard) => {
                let (chain, timeout) = (Some(self.chain()), self.call.time_left());
                // Boxed: an event that no plugin receives would carry the size of its future.
                Box::pin(self.plugin.events.end_emit(heard, chain, timeout)).await?
            }
        };
        serde_json::to_string(&outcome).map_err(|error| failure("internal_error", error.to_string()))
    }
}

impl wit::Host for HostState {
    async fn publish(&mut self, topic: String, data: String, options: Option<String>) -> Result<String, Failure> {
        let bytes = topic.len() + data.len();
        let published = match self.new_event(topic, data, options.as_deref()) {
            Ok(event) => self.plugin.events.publish(event).await.map_err(Failure::from),
            Err(refused) => Err(refused),
        };
        self.end_host_call(bytes).await;
        published
    }

    async fn emit(&mut self, topic: String, data: String, options: Option<String>) -> Result<String, Failure> {
        let bytes = topic.len() + data.len();
        let emitted = self.emit_event(topic, data, options.as_deref()).await;
        self.end_host_call(bytes).await;
        emitted
    }

    async fn subscribe(&mut self, pattern: String, options: Option<String>) -> Result<String, Failure> {
        let subscribed = self.subscribe_to(&pattern, options.as_deref());
        self.end_host_call(pattern.len()).await;
        subscribed
    }

    async fn unsubscribe(&mut self, subscription: String) -> bool {
        let existed = self.plugin.events.unsubscribe(&self.plugin.name, &subscription);
        self.end_host_call(subscription.len()).await;
        existed
    }

    async fn subscriptions(&mut self) -> String {
        let known = self.plugin.events.subscriptions(&self.plugin.name);
        let subscriptions = known.iter().map(|known| {
            json!({
                "id": known.id, "pattern": known.pattern, "priority": known.priority, "once": known.once,
                "durable": known.durable,
            })
        });
        let json = serde_json::Value::from_iter(subscriptions).to_string();
        self.end_host_call(json.len()).await;
        json
    }
}
