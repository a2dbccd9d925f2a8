//! The chain of plugins behind a call that a plugin makes: each of them waits for the answer to a call of its own.
//!
//! A call from outside has no chain and costs nothing here. Each plugin that calls another one adds a link, and shares
//! the links before it. A function of the application that a plugin calls is a link too: what it calls in turn waits
//! with it. Revisions are identified by the allocation of the name that they were loaded with, not by its
//! text: a plugin that was reloaded has fresh instances, and its old revision's calls do not hold them.

use std::fmt;
use std::sync::Arc;

/// A plugin that waits for the answer to a call that it made, and the plugins that wait for it.
#[derive(Debug)]
pub(crate) struct Chain {
    plugin: Arc<str>,
    /// The plugins that its manifest requires.
    requires: Arc<[String]>,
    before: Option<Arc<Chain>>,
    depth: usize,
    /// Whether this link is not a plugin but the application.
    of_application: bool,
    /// The event whose handler began the chain, or the latest one if handlers of several events wait.
    event: Option<Arc<EventCause>>,
}

/// The event whose handler makes a call. Events that are published in the call follow from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EventCause {
    /// The number of events that led to one another, this one included.
    pub(crate) depth: u32,
    /// The id that related events share.
    pub(crate) correlation_id: String,
}

tokio::task_local! {
    /// The chain that waits for the function of the application that the task runs.
    static OF_THIS_TASK: Arc<Chain>;
}

impl Chain {
    /// The chain of a call that `plugin` makes while it serves the last call of `before`, and handles `event`.
    pub(crate) fn new(
        plugin: Arc<str>,
        requires: Arc<[String]>,
        before: Option<Arc<Chain>>,
        event: Option<EventCause>,
    ) -> Arc<Self> {
        let depth = before.as_ref().map_or(1, |before| before.depth + 1);
        let event = event.map(Arc::new).or_else(|| before.as_ref()?.event.clone());
        Arc::new(Chain { plugin, requires, before, depth, of_application: false, event })
    }

    /// The chain of a call that a function of the application makes while the plugins of `before` wait for it.
    pub(crate) fn of_application(name: Arc<str>, before: Arc<Chain>) -> Arc<Self> {
        let (depth, event) = (before.depth + 1, before.event.clone());
        Arc::new(Chain { plugin: name, requires: [].into(), before: Some(before), depth, of_application: true, event })
    }

    /// Runs a function of the application for which this chain waits: calls that it makes find the chain by
    /// [`Chain::of_this_task`].
    pub(crate) async fn waits_for<T>(self: Arc<Self>, function: impl Future<Output = T>) -> T {
        OF_THIS_TASK.scope(self, function).await
    }

    /// The chain that waits for what this task does, if a function of the application does it. Only calls that have to
    /// wait and calls that plugins make ask for it.
    pub(crate) fn of_this_task() -> Option<Arc<Chain>> {
        OF_THIS_TASK.try_with(Arc::clone).ok()
    }

    /// The plugin that makes the call.
    pub(crate) fn caller(&self) -> &str {
        &self.plugin
    }

    /// The event that led to this chain, if a handler began it.
    pub(crate) fn event(&self) -> Option<&EventCause> {
        self.event.as_deref()
    }

    /// The number of plugins that wait.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Whether a plugin of this name admits the caller: it admits the callers that it names (`*` is all), or, if it
    /// names none, the plugins that require it. The application may call every plugin.
    pub(crate) fn is_admitted_by(&self, callee: &str, allowed_callers: Option<&[String]>) -> bool {
        match allowed_callers {
            _ if self.of_application => true,
            Some(allowed) => allowed.iter().any(|name| name == "*" || *name == *self.plugin),
            None => self.requires.iter().any(|name| name == callee),
        }
    }

    /// The revisions that wait, the latest first.
    pub(super) fn plugins(&self) -> impl Iterator<Item = &Arc<str>> {
        std::iter::successors(Some(self), |link| link.before.as_deref()).map(|link| &link.plugin)
    }
}

/// Shows `a -> b`, in the order of the calls.
impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(before) = &self.before {
            write!(f, "{before} -> ")?;
        }
        f.write_str(&self.plugin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(requires: &[&str]) -> Arc<Chain> {
        Chain::new("a".into(), requires.iter().map(ToString::to_string).collect(), None, None)
    }

    #[test]
    fn caller_is_admitted_by_name_by_star_or_by_its_requirement() {
        let check = |requires: &[&str], allowed: Option<&[&str]>, expected: bool| {
            let names: Option<Vec<String>> = allowed.map(|names| names.iter().map(ToString::to_string).collect());
            let admitted = caller(requires).is_admitted_by("b", names.as_deref());
            assert_eq!(admitted, expected, "{requires:?} {allowed:?}");
        };
        check(&["b"], None, true);
        check(&["c", "b"], None, true);
        check(&["c"], None, false);
        check(&[], None, false);
        check(&[], Some(&["c", "a"]), true);
        check(&[], Some(&["*"]), true);
        check(&["b"], Some(&["c"]), false);
        check(&["b"], Some(&[]), false);
    }

    #[test]
    fn application_within_a_chain_may_call_every_plugin() {
        let chain = Chain::of_application("shop".into(), caller(&[]));
        assert!(chain.is_admitted_by("a", None) && chain.is_admitted_by("b", Some(&[])));
        assert_eq!((chain.depth(), chain.to_string().as_str()), (2, "a -> shop"));
    }

    #[test]
    fn chain_has_the_latest_event_that_led_to_it() {
        let event = |depth| Some(EventCause { depth, correlation_id: "story".to_owned() });
        let first = Chain::new("a".into(), [].into(), None, event(1));
        let second = Chain::of_application("shop".into(), Chain::new("b".into(), [].into(), Some(first), None));
        assert_eq!(second.event().cloned(), event(1));
        let third = Chain::new("c".into(), [].into(), Some(second), event(2));
        assert_eq!(third.event().cloned(), event(2));
        assert_eq!(caller(&[]).event(), None);
    }

    #[test]
    fn chain_shows_its_plugins_in_the_order_of_the_calls() {
        let link = |before, name: &str| Some(Chain::new(name.into(), [].into(), before, None));
        let chain = ["a", "b", "a"].into_iter().fold(None, link).expect("three links");
        assert_eq!((chain.depth(), chain.caller(), chain.to_string().as_str()), (3, "a", "a -> b -> a"));
        let plugins: Vec<&str> = chain.plugins().map(|name| &**name).collect();
        assert_eq!(plugins, ["a", "b", "a"]);
    }
}
