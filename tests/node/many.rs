//! The boot of hundreds of plugins from a directory, some of which cannot be loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use plugbay::compile::CodeCacheLocation;
use plugbay::{LoadError, Runtime};
use plugbay_node::{BootError, HostFile, Node, NodeOptions};
use serde_json::{Value, json};

use crate::harness::assert::{assert_contains, assert_load_error};
use crate::harness::build::target_directory;
use crate::harness::guest::feature;
use crate::harness::node::booted;

const PLUGINS: usize = 500;
/// A plugin whose `on-load` fails, and one whose component is cut off.
const BROKEN: [usize; 2] = [100, 250];
/// Plugins that require each other.
const CYCLE: [usize; 2] = [400, 401];

/// Plugins that require none of the broken ones, directly or through others, are loaded.
#[tokio::test]
async fn five_hundred_plugins_load_around_two_broken_ones_and_a_cycle() {
    let graph = Graph::random();
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("whole.wasm"), feature::LIFECYCLE.bytes()).expect("written");
    (0..PLUGINS).for_each(|index| graph.write(index, directory.path()));
    std::fs::write(directory.path().join("plugbay.yaml"), "plugins_dir: plugins\n").expect("written");

    let mut options = NodeOptions::default();
    options.file = HostFile::read(&directory.path().join("plugbay.yaml")).expect("a host's file");
    let code_cache = CodeCacheLocation::Directory(target_directory().join("code-cache"));
    let builder = Runtime::builder().live_instances(PLUGINS as u32 + 8).code_cache(code_cache);
    let node = Node::open(options, builder).expect("it opens");
    let report = node.boot("test", &()).await.expect("it boots");

    assert_eq!(booted(&report), graph.names(|index| !graph.causes.contains_key(&index)));
    let errors: BTreeMap<String, &LoadError> = report.errors.iter().map(load_error).collect();
    assert_eq!(errors.keys().cloned().collect::<Vec<_>>(), graph.names(|index| graph.causes.contains_key(&index)));
    for (index, causes) in &graph.causes {
        let (name, error) = (name(*index), errors[&name(*index)]);
        let code = match *index {
            index if index == BROKEN[0] => "not_ready",
            index if index == BROKEN[1] => "truncated_component",
            index if CYCLE.contains(&index) => "requirement_cycle",
            _ => "failed_requirement",
        };
        assert_load_error(error, &name, code);
        let (text, is_named) = (error.to_string(), |cause: &usize| error.to_string().contains(&self::name(*cause)));
        assert!(causes.iter().any(is_named), "{text}");
    }
    assert_contains(&errors[&name(BROKEN[0])].to_string(), &["on_load fails as configured"]);
    assert_contains(&errors[&name(CYCLE[0])].to_string(), &["p400 -> p401 -> p400"]);
    node.runtime.shutdown().await;
    assert!(node.runtime.plugins().is_empty());
}

fn load_error(error: &BootError) -> (String, &LoadError) {
    let BootError::Load(error) = error else { panic!("not an error of loading: {error}") };
    // An error of reading the component is about its directory.
    let name = error.subject().rsplit('/').next().unwrap_or_default();
    (name.to_owned(), error)
}

fn name(index: usize) -> String {
    format!("p{index}")
}

/// The requirements of all plugins.
struct Graph {
    requires: Vec<BTreeSet<usize>>,
    /// The plugins that cannot be loaded, each with the causes that it depends on, or is.
    causes: BTreeMap<usize, BTreeSet<usize>>,
}

impl Graph {
    /// Each plugin requires at most two of those before it.
    fn random() -> Self {
        let given = std::env::var("PLUGBAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| fastrand::u64(..));
        println!("PLUGBAY_TEST_SEED={seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut some_before = |index: usize| (0..random.usize(..3).min(index)).map(|_| random.usize(..index)).collect();
        let mut requires: Vec<BTreeSet<usize>> = (0..PLUGINS).map(&mut some_before).collect();
        BROKEN.iter().for_each(|index| requires[*index].clear());
        requires[CYCLE[0]] = BTreeSet::from([CYCLE[1]]);
        requires[CYCLE[1]] = BTreeSet::from([CYCLE[0]]);
        // Each cause has a dependent, whatever the seed is.
        for (dependent, cause) in [(497, BROKEN[0]), (498, BROKEN[1]), (499, CYCLE[0])] {
            requires[dependent] = BTreeSet::from([cause]);
        }
        let own = |index: usize| (index, BTreeSet::from([index]));
        let mut causes: BTreeMap<usize, BTreeSet<usize>> = [BROKEN, CYCLE].concat().into_iter().map(own).collect();
        for (index, required) in requires.iter().enumerate() {
            let found: BTreeSet<usize> = required.iter().filter_map(|one| causes.get(one)).flatten().copied().collect();
            if !found.is_empty() {
                causes.entry(index).or_default().extend(found);
            }
        }
        Graph { requires, causes }
    }

    /// The names of the plugins for which this holds, sorted.
    fn names(&self, holds: impl Fn(usize) -> bool) -> Vec<String> {
        let mut names: Vec<String> = (0..self.requires.len()).filter(|index| holds(*index)).map(name).collect();
        names.sort();
        names
    }

    fn manifest(&self, index: usize) -> Value {
        let requires: Vec<String> = self.requires[index].iter().copied().map(name).collect();
        let on_load = json!({ "type": "string", "default": if index == BROKEN[0] { "fail" } else { "" } });
        json!({
            "name": name(index), "version": "1.0.0", "requires": requires, "configuration": { "on_load": on_load },
            "resources": { "max_memory_mb": 32 },
        })
    }

    /// Writes the directory of a plugin. Half of them are in a category.
    fn write(&self, index: usize, directory: &Path) {
        let category = if index.is_multiple_of(2) { "plugins" } else { "plugins/odd" };
        let plugin = directory.join(category).join(name(index));
        std::fs::create_dir_all(&plugin).expect("made");
        std::fs::write(plugin.join("plugin.json"), self.manifest(index).to_string()).expect("written");
        let (whole, component) = (directory.join("whole.wasm"), plugin.join("plugin.wasm"));
        if index == BROKEN[1] {
            let bytes = std::fs::read(&whole).expect("read");
            std::fs::write(component, &bytes[..bytes.len() / 2]).expect("written");
        } else {
            std::fs::hard_link(&whole, component).expect("linked");
        }
    }
}
