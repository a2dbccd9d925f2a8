//! Who waits for whom: the plugins behind a call that another plugin makes, and whether they may make it.
//!
//! A call from outside has no chain and costs nothing here. Each plugin that calls another one adds a link; the links
//! before it are shared. Revisions are identified by the allocation of the name that they were loaded with, not by its
//! text: a plugin that was reloaded has fresh instances, and its old revision's calls do not hold them.

use std::fmt;
use std::sync::Arc;

/// A plugin that waits for the answer to a call that it made, and those that wait for it.
#[derive(Debug)]
pub(crate) struct Chain {
    plugin: Arc<str>,
    /// The plugins that its manifest requires.
    requires: Arc<[String]>,
    before: Option<Arc<Chain>>,
    depth: usize,
}

impl Chain {
    /// The chain of a call that `plugin` makes, which is itself the last of `before`.
    pub(crate) fn new(plugin: Arc<str>, requires: Arc<[String]>, before: Option<Arc<Chain>>) -> Arc<Self> {
        let depth = before.as_ref().map_or(1, |before| before.depth + 1);
        Arc::new(Chain { plugin, requires, before, depth })
    }

    /// The plugin that makes the call.
    pub(crate) fn caller(&self) -> &str {
        &self.plugin
    }

    /// How many plugins wait.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Whether a plugin of this name admits the caller: the callers that it names (`*` is all), or, if it names none,
    /// the plugins that require it.
    pub(crate) fn is_let_in(&self, callee: &str, allowed_callers: Option<&[String]>) -> bool {
        match allowed_callers {
            Some(allowed) => allowed.iter().any(|name| name == "*" || *name == *self.plugin),
            None => self.requires.iter().any(|name| name == callee),
        }
    }

    /// The revisions that wait, the latest first.
    pub(super) fn plugins(&self) -> impl Iterator<Item = &Arc<str>> {
        std::iter::successors(Some(self), |link| link.before.as_deref()).map(|link| &link.plugin)
    }
}

/// `a -> b`, in the order in which they called.
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
        Chain::new("a".into(), requires.iter().map(ToString::to_string).collect(), None)
    }

    #[test]
    fn caller_is_let_in_by_name_by_star_or_because_it_requires_the_other() {
        let check = |requires: &[&str], allowed: Option<&[&str]>, expected: bool| {
            let names: Option<Vec<String>> = allowed.map(|names| names.iter().map(ToString::to_string).collect());
            let let_in = caller(requires).is_let_in("b", names.as_deref());
            assert_eq!(let_in, expected, "{requires:?} {allowed:?}");
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
    fn chain_shows_who_called_whom() {
        let link = |before, name: &str| Some(Chain::new(name.into(), [].into(), before));
        let chain = ["a", "b", "a"].into_iter().fold(None, link).expect("three links");
        assert_eq!((chain.depth(), chain.caller(), chain.to_string().as_str()), (3, "a", "a -> b -> a"));
        let plugins: Vec<&str> = chain.plugins().map(|name| &**name).collect();
        assert_eq!(plugins, ["a", "b", "a"]);
    }
}
