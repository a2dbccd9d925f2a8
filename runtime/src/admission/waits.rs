//! Deadlock detection: finds chains that would wait for one another forever, when the last of them begins to wait.
//!
//! A chain holds an instance of each plugin in it. A chain that waits for a plugin is stuck if every instance of that
//! plugin is held by chains that are stuck themselves; an instance that a running call holds becomes free at some time.
//! So this determines the largest set of waiting chains that depend on no chain outside of the set, and refuses a chain
//! that would be in it.
//!
//! Only calls that plugins make and that find no free instance are looked at.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use super::Chain;
use parking_lot::{Mutex, MutexGuard};

/// The number of other chains that the text of a refusal shows.
const CHAINS_SHOWN_MAX: usize = 4;

/// The chains of one runtime that wait for an instance.
#[derive(Default)]
pub(crate) struct Waits(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: Vec<Wait>,
    next: u64,
}

struct Wait {
    number: u64,
    chain: Arc<Chain>,
    /// The revision that the chain waits for, and the number of instances that it may have.
    target: Arc<str>,
    instances: usize,
}

/// The registration of a chain that waits, until it is dropped.
pub(crate) struct Waiting<'a> {
    waits: &'a Waits,
    number: u64,
}

impl Waits {
    /// Registers a chain that is about to wait.
    ///
    /// # Errors
    /// If the wait would never end: a text that shows which chain waits for which plugin.
    pub(crate) fn enter(&self, chain: &Arc<Chain>, target: &Arc<str>, instances: usize) -> Result<Waiting<'_>, String> {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.waiting.push(Wait { number, chain: chain.clone(), target: target.clone(), instances });
        let stuck = stuck(&state.waiting);
        if stuck.last() == Some(&true) {
            let text = describe(&state.waiting, &stuck);
            state.waiting.pop();
            return Err(text);
        }
        Ok(Waiting { waits: self, number })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.waits.lock().waiting.retain(|wait| wait.number != self.number);
    }
}

/// The identity of a revision: the address of its name, which the caller keeps alive.
fn revision(name: &Arc<str>) -> *const u8 {
    name.as_ptr()
}

/// Returns for each wait whether it would never end. Takes time in proportion to the links of all chains.
fn stuck(waiting: &[Wait]) -> Vec<bool> {
    // The number of instances of each revision that are held by chains that may be stuck.
    let mut held: HashMap<*const u8, usize> = HashMap::new();
    let mut waiting_for: HashMap<*const u8, Vec<usize>> = HashMap::new();
    for (index, wait) in waiting.iter().enumerate() {
        waiting_for.entry(revision(&wait.target)).or_default().push(index);
        for name in wait.chain.plugins() {
            *held.entry(revision(name)).or_default() += 1;
        }
    }
    let is_free = |held: &HashMap<*const u8, usize>, wait: &Wait| {
        held.get(&revision(&wait.target)).copied().unwrap_or_default() < wait.instances
    };
    let mut stuck = vec![true; waiting.len()];
    let mut freed: Vec<usize> = (0..waiting.len()).filter(|&index| is_free(&held, &waiting[index])).collect();
    while let Some(index) = freed.pop() {
        if !std::mem::replace(&mut stuck[index], false) {
            continue;
        }
        // It gets an instance at some time, and then releases those that it holds.
        for name in waiting[index].chain.plugins() {
            if let Some(count) = held.get_mut(&revision(name)) {
                *count -= 1;
            }
            for &other in waiting_for.get(&revision(name)).into_iter().flatten() {
                if stuck[other] && is_free(&held, &waiting[other]) {
                    freed.push(other);
                }
            }
        }
    }
    stuck
}

/// The text of a refusal: the last chain first, then those that are stuck with it.
fn describe(waiting: &[Wait], stuck: &[bool]) -> String {
    let shown = waiting.iter().zip(stuck).rev().filter(|(_, stuck)| **stuck).map(|(wait, _)| wait);
    let mut text = String::new();
    for (index, wait) in shown.take(1 + CHAINS_SHOWN_MAX).enumerate() {
        let joint = match index {
            0 => "",
            1 => ", while ",
            _ => ", ",
        };
        let _ = write!(text, "{joint}{} -> {}", wait.chain, wait.target);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Plugins(Vec<Arc<str>>);

    impl Plugins {
        /// `a`, `b`, `c`, …
        fn new(count: u8) -> Self {
            Plugins((0..count).map(|n| char::from(b'a' + n).to_string().into()).collect())
        }

        fn get(&self, name: char) -> &Arc<str> {
            self.0.iter().find(|known| known.starts_with(name)).expect("a known name")
        }

        /// `"ab"` is a that called b.
        fn chain(&self, names: &str) -> Arc<Chain> {
            let link = |before, name| Some(Chain::new(self.get(name).clone(), [].into(), before, None));
            names.chars().fold(None, link).expect("at least one name")
        }
    }

    #[test]
    fn chain_that_waits_for_itself_is_refused() {
        let (plugins, waits) = (Plugins::new(2), Waits::default());
        let error = waits.enter(&plugins.chain("ab"), plugins.get('a'), 1).err();
        assert_eq!(error.as_deref(), Some("a -> b -> a"));
        assert!(waits.enter(&plugins.chain("ab"), plugins.get('a'), 2).is_ok(), "another instance may become free");
        assert!(waits.lock().waiting.is_empty(), "a wait that ended is removed");
    }

    #[test]
    fn replaced_revision_holds_no_instance_of_the_new_one() {
        let (plugins, waits) = (Plugins::new(2), Waits::default());
        let reloaded: Arc<str> = "a".into();
        assert!(waits.enter(&plugins.chain("ab"), &reloaded, 1).is_ok());
    }

    #[test]
    fn last_chain_of_a_circle_is_refused() {
        let (plugins, waits) = (Plugins::new(3), Waits::default());
        let _a = waits.enter(&plugins.chain("a"), plugins.get('b'), 1).expect("b will be free");
        let _b = waits.enter(&plugins.chain("b"), plugins.get('c'), 1).expect("c will be free");
        let error = waits.enter(&plugins.chain("c"), plugins.get('a'), 1).err();
        assert_eq!(error.as_deref(), Some("c -> a, while b -> c, a -> b"));
        assert_eq!(waits.lock().waiting.len(), 2);
    }

    #[test]
    fn instance_that_a_running_call_holds_may_be_waited_for() {
        let (plugins, waits) = (Plugins::new(2), Waits::default());
        let _a = waits.enter(&plugins.chain("a"), plugins.get('b'), 2).expect("one of two instances of b is running");
        let _b = waits.enter(&plugins.chain("b"), plugins.get('a'), 1).expect("a goes on when the other b is free");
        let error = waits.enter(&plugins.chain("b"), plugins.get('a'), 1).err();
        assert!(error.is_some(), "now both instances of b wait for a");
    }

    #[test]
    fn chain_that_waits_for_a_stuck_chain_is_stuck() {
        let (plugins, waits) = (Plugins::new(4), Waits::default());
        let first = waits.enter(&plugins.chain("a"), plugins.get('b'), 1).expect("b will be free");
        let _second = waits.enter(&plugins.chain("d"), plugins.get('a'), 1).expect("a will be free");
        assert!(waits.enter(&plugins.chain("b"), plugins.get('d'), 1).is_err(), "b -> d -> a -> b");
        assert!(waits.enter(&plugins.chain("b"), plugins.get('c'), 1).is_ok(), "c does not wait");
        drop(first);
        assert!(waits.enter(&plugins.chain("b"), plugins.get('d'), 1).is_ok(), "a goes on");
    }

    #[test]
    fn thousand_chains_in_a_row_are_followed_to_their_end() {
        let names: Vec<Arc<str>> = (0..=1_000).map(|n| format!("p{n}").into()).collect();
        let waits = Waits::default();
        let mut places = Vec::new();
        for pair in names.windows(2) {
            let chain = Chain::new(pair[0].clone(), [].into(), None, None);
            places.push(waits.enter(&chain, &pair[1], 1).expect("the last one runs"));
        }
        let last = Chain::new(names[1_000].clone(), [].into(), None, None);
        assert!(waits.enter(&last, &names[0], 1).is_err());
    }
}
