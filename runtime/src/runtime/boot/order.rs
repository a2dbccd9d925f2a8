//! The order in which plugins are loaded: a graph of their requirements and the progress of loading. Pure: loads
//! nothing.

use std::collections::{HashMap, VecDeque};

use plugbay_manifest::Requirement;
use semver::Version;

use crate::error::{LoadError, LoadErrorKind};

/// Maximum number of names of a chain in an error.
const CHAIN_NAMES_MAX: usize = 32;

/// A plugin of the graph, taken from its manifest.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) version: Version,
    pub(super) requires: Vec<Requirement>,
}

/// The plugins to be loaded, each with the package `T` that it is loaded from.
pub(super) struct LoadOrder<T> {
    members: Vec<Member<T>>,
    by_name: HashMap<String, usize>,
    /// Members whose requirements all serve, in the order in which they became ready.
    ready: VecDeque<usize>,
}

struct Member<T> {
    name: String,
    version: Option<Version>,
    requires: Vec<Requirement>,
    /// The members that require this one.
    dependents: Vec<usize>,
    /// How many required members do not serve yet.
    waits_for: usize,
    state: State<T>,
}

enum State<T> {
    /// Some requirements do not serve yet.
    Waiting(T),
    /// Handed out by [`LoadOrder::next_ready`].
    Loading,
    Loaded,
    Failed(LoadError),
}

impl<T> Default for LoadOrder<T> {
    fn default() -> Self {
        LoadOrder { members: Vec::new(), by_name: HashMap::new(), ready: VecDeque::new() }
    }
}

impl<T> LoadOrder<T> {
    /// Adds a plugin. The second plugin of a name fails, unless the first has failed.
    pub(super) fn add(&mut self, node: Node, package: T) {
        let has_failed = |index: &usize| matches!(self.members[*index].state, State::Failed(_));
        if self.by_name.get(&node.name).is_some_and(has_failed) {
            self.by_name.remove(&node.name);
        }
        let state = match self.by_name.contains_key(&node.name) {
            true => State::Failed(LoadError::new(&node.name, LoadErrorKind::AlreadyLoaded)),
            false => State::Waiting(package),
        };
        self.push(node.name, Some(node.version), node.requires, state);
    }

    /// Adds a plugin that failed before it could be loaded. Its error may be about a file, so it has a name apart.
    pub(super) fn add_failed(&mut self, name: String, error: LoadError) {
        self.push(name, None, Vec::new(), State::Failed(error));
    }

    fn push(&mut self, name: String, version: Option<Version>, requires: Vec<Requirement>, state: State<T>) {
        self.by_name.entry(name.clone()).or_insert(self.members.len());
        self.members.push(Member { name, version, requires, dependents: Vec::new(), waits_for: 0, state });
    }

    /// Connects all members. `is_loaded` returns whether a plugin that is not a member serves already.
    pub(super) fn connect(&mut self, is_loaded: impl Fn(&str) -> bool) {
        let mut failed = Vec::new();
        for index in 0..self.members.len() {
            let requires = std::mem::take(&mut self.members[index].requires);
            for required in &requires {
                match self.find(required, &is_loaded) {
                    Ok(Some(member)) => {
                        self.members[member].dependents.push(index);
                        self.members[index].waits_for += 1;
                    }
                    Ok(None) => {}
                    Err(found) => {
                        let name = self.members[index].name.clone();
                        let failure = LoadErrorKind::Requires {
                            name: required.name.clone(),
                            version: required.version.as_ref().map(ToString::to_string),
                            found,
                            chain: vec![name.clone(), required.name.clone()],
                        };
                        failed.push((index, LoadError::new(name, failure)));
                    }
                }
            }
            self.members[index].requires = requires;
        }
        for (index, error) in failed {
            if matches!(self.members[index].state, State::Waiting(_)) {
                self.failed(index, error);
            }
        }
        for index in 0..self.members.len() {
            match self.members[index].state {
                State::Failed(_) => self.fail_dependents(index),
                State::Waiting(_) if self.members[index].waits_for == 0 => self.ready.push_back(index),
                _ => {}
            }
        }
    }

    /// Returns the required member, `None` if a plugin outside the graph satisfies the requirement, or why none does.
    fn find(&self, required: &Requirement, is_loaded: impl Fn(&str) -> bool) -> Result<Option<usize>, String> {
        let Some(index) = self.by_name.get(&required.name) else {
            return if is_loaded(&required.name) { Ok(None) } else { Err("not loaded".to_owned()) };
        };
        match (&required.version, &self.members[*index].version) {
            (Some(wanted), Some(version)) if !wanted.matches(version) => Err(format!("available in version {version}")),
            _ => Ok(Some(*index)),
        }
    }

    /// Returns the next plugin that can be loaded. Its outcome is passed to [`loaded`](Self::loaded) or
    /// [`failed`](Self::failed).
    pub(super) fn next_ready(&mut self) -> Option<(usize, T)> {
        loop {
            let index = self.ready.pop_front()?;
            match std::mem::replace(&mut self.members[index].state, State::Loading) {
                State::Waiting(package) => return Some((index, package)),
                other => self.members[index].state = other,
            }
        }
    }

    /// Records that the plugin serves, which can make its dependents ready.
    pub(super) fn loaded(&mut self, index: usize) {
        self.members[index].state = State::Loaded;
        for dependent in std::mem::take(&mut self.members[index].dependents) {
            self.members[dependent].waits_for -= 1;
            if self.members[dependent].waits_for == 0 {
                self.ready.push_back(dependent);
            }
        }
    }

    /// Records that the plugin cannot be loaded. Its dependents fail too.
    pub(super) fn failed(&mut self, index: usize, error: LoadError) {
        self.members[index].state = State::Failed(error);
        self.fail_dependents(index);
    }

    fn fail_dependents(&mut self, index: usize) {
        let mut failed = VecDeque::from([index]);
        while let Some(index) = failed.pop_front() {
            for dependent in std::mem::take(&mut self.members[index].dependents) {
                let State::Failed(cause) = &self.members[index].state else { continue };
                if !matches!(self.members[dependent].state, State::Waiting(_)) {
                    continue;
                }
                let name = &self.members[dependent].name;
                let error = LoadError::new(name, because_of(name, &self.members[index].name, cause));
                self.members[dependent].state = State::Failed(error);
                failed.push_back(dependent);
            }
        }
    }

    /// Returns the errors in the order in which the plugins were added. Members that still wait are on a cycle or
    /// require one that is.
    pub(super) fn into_errors(mut self) -> Vec<LoadError> {
        for index in 0..self.members.len() {
            if let State::Waiting(_) = self.members[index].state {
                self.fail_at_cycle(index);
            }
        }
        let failed = self.members.into_iter().filter_map(|member| match member.state {
            State::Failed(error) => Some(error),
            _ => None,
        });
        failed.collect()
    }

    /// Fails the members of the cycle that this member waits for, and all that require them.
    fn fail_at_cycle(&mut self, start: usize) {
        let mut path = vec![start];
        let cycle = loop {
            let last = path[path.len() - 1];
            // Each waiting member at the end of the path waits for another: members that do not wait are loaded or have
            // failed.
            let Some(next) = self.waiting_requirement(last) else { return };
            if let Some(from) = path.iter().position(|index| *index == next) {
                break path.split_off(from);
            }
            path.push(next);
        };
        for (offset, &index) in cycle.iter().enumerate() {
            let members = cycle[offset..].iter().chain(&cycle[..=offset]);
            let chain = shortened(members.map(|index| self.members[*index].name.clone()).collect());
            let error = LoadError::new(&self.members[index].name, LoadErrorKind::RequiresItself { chain });
            self.members[index].state = State::Failed(error);
        }
        cycle.into_iter().for_each(|index| self.fail_dependents(index));
    }

    fn waiting_requirement(&self, index: usize) -> Option<usize> {
        let members = self.members[index].requires.iter().filter_map(|required| self.by_name.get(&required.name));
        members.copied().find(|member| matches!(self.members[*member].state, State::Waiting(_)))
    }
}

/// The failure of a plugin that requires one which cannot be loaded.
fn because_of(dependent: &str, required: &str, cause: &LoadError) -> LoadErrorKind {
    let with = |chain: &[String]| shortened([&[dependent.to_owned()], chain].concat());
    match cause.kind() {
        LoadErrorKind::Requires { name, version, found, chain } => LoadErrorKind::Requires {
            name: name.clone(),
            version: version.clone(),
            found: found.clone(),
            chain: with(chain),
        },
        LoadErrorKind::RequirementFailed { chain, reason } => {
            LoadErrorKind::RequirementFailed { chain: with(chain), reason: reason.clone() }
        }
        other => LoadErrorKind::RequirementFailed {
            chain: vec![dependent.to_owned(), required.to_owned()],
            reason: other.to_string(),
        },
    }
}

/// Replaces the middle of a chain that has too many names with an ellipsis.
fn shortened(mut chain: Vec<String>) -> Vec<String> {
    if chain.len() > CHAIN_NAMES_MAX {
        let half = CHAIN_NAMES_MAX / 2;
        let _ = chain.splice(half..=chain.len() - half, ["…".to_owned()]);
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each text `"a: b c"` is a plugin `a` that requires `b` and `c`. Plugins in `broken` fail when they are loaded.
    /// Returns the names in the order of loading, and the errors.
    fn run(plugins: &[&str], broken: &str) -> (String, Vec<String>) {
        let mut order = LoadOrder::default();
        for text in plugins {
            let (name, requires) = text.split_once(':').expect("a name, then its requirements");
            let requires = requires.split_whitespace().map(|name| Requirement { name: name.to_owned(), version: None });
            order.add(
                Node { name: name.to_owned(), version: Version::new(1, 0, 0), requires: requires.collect() },
                name.to_owned(),
            );
        }
        order.connect(|name| name == "loaded");
        let mut loaded = String::new();
        while let Some((index, name)) = order.next_ready() {
            if broken.contains(&name) {
                order.failed(index, LoadError::new(&name, LoadErrorKind::Contract("it is broken".to_owned())));
            } else {
                loaded.push_str(&name);
                order.loaded(index);
            }
        }
        (loaded, order.into_errors().iter().map(ToString::to_string).collect())
    }

    #[track_caller]
    fn check(plugins: &[&str], broken: &str, expected: &str, errors: &[&str]) {
        assert_eq!(run(plugins, broken), (expected.to_owned(), errors.iter().map(|text| (*text).to_owned()).collect()));
    }

    #[test]
    fn each_is_loaded_after_its_requirements() {
        check(&["a:"], "", "a", &[]);
        check(&["a: b", "b:"], "", "ba", &[]);
        check(&["a: c b", "b: d", "c: d", "d:"], "", "dbca", &[]);
        check(&["a: loaded"], "", "a", &[]);
        check(&["a: b b", "b:"], "", "ba", &[]);
    }

    #[test]
    fn missing_requirement_fails_its_dependents_with_the_chain() {
        check(
            &["a: b", "b: c", "c: d", "e:"],
            "",
            "e",
            &[
                "cannot load a: it requires plugin `d` (a -> b -> c -> d), which is not loaded",
                "cannot load b: it requires plugin `d` (b -> c -> d), which is not loaded",
                "cannot load c: it requires plugin `d`, which is not loaded",
            ],
        );
    }

    #[test]
    fn failed_plugin_fails_its_dependents_with_the_reason() {
        check(
            &["a: b", "b: c", "c:", "d:"],
            "c",
            "d",
            &[
                "cannot load a: it requires plugin `c` (a -> b -> c), which cannot be loaded: it is broken",
                "cannot load b: it requires plugin `c`, which cannot be loaded: it is broken",
                "cannot load c: it is broken",
            ],
        );
    }

    #[test]
    fn cycle_fails_its_members_and_their_dependents() {
        let (loaded, errors) = run(&["a: b", "b: c", "c: b", "d:", "e: e"], "");
        assert_eq!(loaded, "d");
        let begins = [
            "cannot load a: it requires plugin `b`, which cannot be loaded: it requires itself (b -> c -> b)",
            "cannot load b: it requires itself (b -> c -> b)",
            "cannot load c: it requires itself (c -> b -> c)",
            "cannot load e: it requires itself (e -> e)",
        ];
        assert_eq!(errors.len(), begins.len(), "{errors:?}");
        for (error, begin) in errors.iter().zip(begins) {
            assert!(error.starts_with(begin), "{error}");
        }
    }

    #[test]
    fn second_plugin_of_a_name_fails_alone() {
        let (loaded, errors) = run(&["a:", "a:", "b: a"], "");
        assert_eq!((&*loaded, errors.len()), ("ab", 1));
    }

    #[test]
    fn source_that_failed_earlier_is_a_requirement_by_its_name() {
        let node = |name: &str, requires: &[&str]| Node {
            name: name.to_owned(),
            version: Version::new(1, 0, 0),
            requires: requires.iter().map(|name| Requirement { name: (*name).to_owned(), version: None }).collect(),
        };
        let cut_off = || LoadError::new("plugins/b", LoadErrorKind::Contract("it is cut off".to_owned()));
        let mut order = LoadOrder::default();
        order.add(node("a", &["b"]), ());
        order.add_failed("b".to_owned(), cut_off());
        order.connect(|_| false);
        assert!(order.next_ready().is_none());
        let errors: Vec<String> = order.into_errors().iter().map(ToString::to_string).collect();
        let dependent = "cannot load a: it requires plugin `b`, which cannot be loaded: it is cut off";
        assert_eq!(errors, [dependent, "cannot load plugins/b: it is cut off"]);

        let mut order = LoadOrder::default();
        order.add_failed("b".to_owned(), cut_off());
        order.add(node("b", &[]), ());
        order.add(node("a", &["b"]), ());
        order.connect(|_| false);
        while let Some((index, ())) = order.next_ready() {
            order.loaded(index);
        }
        assert_eq!(order.into_errors().len(), 1, "another plugin of the name is loaded");
    }

    #[test]
    fn long_chain_needs_no_stack() {
        let plugins: Vec<String> = (0..5_000).map(|index| format!("p{index}: p{}", index + 1)).collect();
        let plugins: Vec<&str> = plugins.iter().map(|text| &**text).collect();
        let errors = run(&plugins, "").1;
        assert_eq!(errors.len(), 5_000);
        assert!(errors[0].contains("(p0 -> p1 -> ") && errors[0].contains(" -> … -> "), "{}", errors[0]);
        assert!(errors[0].ends_with(" -> p4999 -> p5000), which is not loaded"), "{}", errors[0]);
    }
}
