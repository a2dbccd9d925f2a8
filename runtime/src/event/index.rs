//! An index of patterns: the values whose patterns match a topic are found word by word, without trying each pattern.
//!
//! The patterns are a tree of words. A topic is followed through it with a set of nodes, because `**` makes several
//! paths possible. The set never has a node twice, so that the work is bounded by the words of the topic times the
//! nodes of the tree, whatever the patterns are.

use std::collections::{BTreeMap, HashSet};

use crate::capability::Pattern;

/// Values by their patterns.
pub(super) struct PatternIndex<T> {
    root: Node<T>,
    len: usize,
}

/// The patterns that have the same words up to here.
struct Node<T> {
    /// The values of the pattern that ends here.
    values: Vec<T>,
    /// The patterns that continue with a literal word. A tree, because most nodes have few words, which are compared
    /// sooner than one is hashed.
    words: BTreeMap<Box<str>, Node<T>>,
    /// The patterns that continue with a word such as `pl*`.
    globs: Vec<(Pattern, Node<T>)>,
    /// The patterns that continue with `*`.
    any_word: Option<Box<Node<T>>>,
    /// The patterns that continue with `**`.
    any_words: Option<Box<Node<T>>>,
    /// Whether the last word up to here is `**`, which takes any further words.
    takes_words: bool,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Node {
            values: Vec::new(),
            words: BTreeMap::new(),
            globs: Vec::new(),
            any_word: None,
            any_words: None,
            takes_words: false,
        }
    }
}

impl<T> Default for PatternIndex<T> {
    fn default() -> Self {
        PatternIndex { root: Node::default(), len: 0 }
    }
}

impl<T> PatternIndex<T> {
    /// Returns whether there are no values.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns whether there are values whose pattern begins with this literal word.
    pub(super) fn has_first_word(&self, word: &str) -> bool {
        self.root.words.contains_key(word)
    }

    /// Adds a value under a pattern.
    pub(super) fn insert(&mut self, pattern: &str, value: T) {
        let node = pattern.split('.').fold(&mut self.root, |node, word| node.child(word));
        node.values.push(value);
        self.len += 1;
    }

    /// Removes the values under a pattern that `is_removed` selects.
    pub(super) fn remove(&mut self, pattern: &str, is_removed: impl Fn(&T) -> bool) {
        let words: Vec<&str> = pattern.split('.').collect();
        self.len -= self.root.remove(&words, &is_removed);
    }

    /// Calls `found` with each value whose pattern matches the topic, in no particular order.
    pub(super) fn matching<'a>(&'a self, topic: &str, mut found: impl FnMut(&'a T)) {
        if self.is_empty() {
            return;
        }
        let (mut node, mut words) = (&self.root, topic.split('.'));
        // While there is one path only, a set of nodes is not needed.
        while node.has_words_only() {
            let Some(word) = words.next() else { return node.values.iter().for_each(found) };
            let Some(child) = node.words.get(word) else { return };
            node = child;
        }
        let (mut reached, mut next) = (Reached::default(), Reached::default());
        reached.enter(node);
        for word in words {
            next.clear();
            for node in &reached.nodes {
                if node.takes_words {
                    next.enter(node);
                }
                if let Some(child) = node.words.get(word) {
                    next.enter(child);
                }
                if let Some(child) = &node.any_word {
                    next.enter(child);
                }
                for (pattern, child) in &node.globs {
                    if pattern.matches(word) {
                        next.enter(child);
                    }
                }
            }
            if next.nodes.is_empty() {
                return;
            }
            std::mem::swap(&mut reached, &mut next);
        }
        for node in reached.nodes {
            node.values.iter().for_each(&mut found);
        }
    }
}

/// The nodes that the words so far lead to.
struct Reached<'a, T> {
    nodes: Vec<&'a Node<T>>,
    /// The nodes among them that take further words. Only those can be reached twice: from themselves, and from the
    /// node before them.
    taking: HashSet<*const Node<T>>,
}

impl<T> Default for Reached<'_, T> {
    fn default() -> Self {
        Reached { nodes: Vec::new(), taking: HashSet::new() }
    }
}

impl<'a, T> Reached<'a, T> {
    fn clear(&mut self) {
        self.nodes.clear();
        self.taking.clear();
    }

    fn enter(&mut self, node: &'a Node<T>) {
        if node.takes_words && !self.taking.insert(std::ptr::from_ref(node)) {
            return;
        }
        self.nodes.push(node);
        if let Some(child) = &node.any_words {
            // It matches no words as well.
            self.enter(child);
        }
    }
}

impl<T> Node<T> {
    /// Returns the node after this word, and creates it if there is none.
    fn child(&mut self, word: &str) -> &mut Node<T> {
        match word {
            "*" => self.any_word.get_or_insert_default(),
            "**" if self.takes_words => self,
            "**" => {
                let child = self.any_words.get_or_insert_default();
                child.takes_words = true;
                child
            }
            word if word.contains('*') => {
                let at = self.globs.iter().position(|(pattern, _)| pattern.as_str() == word);
                let at = at.unwrap_or_else(|| {
                    self.globs.push((Pattern::new(word), Node::default()));
                    self.globs.len() - 1
                });
                &mut self.globs[at].1
            }
            word => self.words.entry(word.into()).or_default(),
        }
    }

    /// Removes values below this node, and the nodes that are not needed any more. Returns the number of removed
    /// values.
    fn remove(&mut self, words: &[&str], is_removed: &impl Fn(&T) -> bool) -> usize {
        let Some((word, rest)) = words.split_first() else {
            let before = self.values.len();
            self.values.retain(|value| !is_removed(value));
            return before - self.values.len();
        };
        match *word {
            "**" if self.takes_words => self.remove(rest, is_removed),
            "*" => Self::remove_from(&mut self.any_word, rest, is_removed),
            "**" => Self::remove_from(&mut self.any_words, rest, is_removed),
            word if word.contains('*') => {
                let Some(at) = self.globs.iter().position(|(pattern, _)| pattern.as_str() == word) else { return 0 };
                let removed = self.globs[at].1.remove(rest, is_removed);
                if self.globs[at].1.is_empty() {
                    self.globs.swap_remove(at);
                }
                removed
            }
            word => {
                let Some(child) = self.words.get_mut(word) else { return 0 };
                let removed = child.remove(rest, is_removed);
                if child.is_empty() {
                    self.words.remove(word);
                }
                removed
            }
        }
    }

    fn remove_from(child: &mut Option<Box<Node<T>>>, rest: &[&str], is_removed: &impl Fn(&T) -> bool) -> usize {
        let Some(node) = child else { return 0 };
        let removed = node.remove(rest, is_removed);
        if node.is_empty() {
            *child = None;
        }
        removed
    }

    fn is_empty(&self) -> bool {
        let Node { values, words, globs, any_word, any_words, takes_words: _ } = self;
        values.is_empty() && words.is_empty() && globs.is_empty() && any_word.is_none() && any_words.is_none()
    }

    /// Returns whether patterns continue with literal words only, if at all.
    fn has_words_only(&self) -> bool {
        !self.takes_words && self.globs.is_empty() && self.any_word.is_none() && self.any_words.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(index: &PatternIndex<usize>, topic: &str) -> Vec<usize> {
        let mut found = Vec::new();
        index.matching(topic, |value| found.push(*value));
        found.sort_unstable();
        found
    }

    fn check(pattern: &str, topic: &str, expected: bool) {
        let mut index = PatternIndex::default();
        index.insert(pattern, 1);
        assert_eq!(found(&index, topic), if expected { vec![1] } else { vec![] }, "`{pattern}` on `{topic}`");
    }

    #[test]
    fn star_stays_within_a_word_and_two_stars_do_not() {
        check("order.placed", "order.placed", true);
        check("order.*", "order.placed", true);
        check("order.*", "order.placed.twice", false);
        check("order.*", "order", false);
        check("order.pl*", "order.placed", true);
        check("order.pl*", "order.shipped", false);
        check("*", "order.placed", false);
        check("**", "anything.at.all", true);
        check("**", "log", true);
        check("order.**", "order.placed.twice", true);
        check("order.**", "order", true);
        check("**.twice", "order.placed.twice", true);
        check("a.**.z", "a.z", true);
        check("a.**.z", "a.b.c.z", true);
        check("a.**.z", "a.b.c", false);
        check("**.**", "a", true);
        check("**.a.**.a.**", "b.a.a.b", true);
        check("**.a.**.a.**", "b.a.b", false);
        check("**.*", "a.b.c", true);
        check("order.placed.*", "order.placed", false);
        check("order.placed.**", "order.placed", true);
        check("order.placed", "order", false);
        check("order", "order.placed", false);
    }

    /// The number of ways in which such a pattern matches grows exponentially with its length.
    #[test]
    fn value_with_many_paths_to_it_is_found_once() {
        let mut index = PatternIndex::default();
        index.insert(&["**", "a"].repeat(15).join("."), 1);
        index.insert("**.a.**", 2);
        assert_eq!(found(&index, &vec!["a"; 30].join(".")), [1, 2]);
    }

    #[test]
    fn removed_values_leave_nothing_behind() {
        let patterns = ["a.b", "a.*", "a.**", "a.b*", "**", "a.b.**.c", "**.**.x"];
        let mut index = PatternIndex::default();
        for (value, pattern) in patterns.into_iter().enumerate() {
            index.insert(pattern, value);
            index.insert(pattern, value + 100);
        }
        assert_eq!(found(&index, "a.b"), [0, 1, 2, 3, 4, 100, 101, 102, 103, 104]);
        for (value, pattern) in patterns.into_iter().enumerate() {
            index.remove(pattern, |found| *found == value);
        }
        assert_eq!(found(&index, "a.b"), [100, 101, 102, 103, 104]);
        patterns.into_iter().for_each(|pattern| index.remove(pattern, |_| true));
        assert!(index.is_empty() && index.root.is_empty());
    }
}
