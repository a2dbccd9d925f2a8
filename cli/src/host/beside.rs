//! The plugins that run beside the one that is called: those of `--with`, and those of the host's file that somebody
//! requires. Each is loaded after what it requires.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use plugbay::{Package, Runtime};

use crate::error::Error;

/// Packages around the one that is called, in the order in which they are to be loaded.
#[derive(Default)]
pub(crate) struct Beside {
    /// Before it, because it or another of these requires them.
    pub(crate) before: Vec<Package>,
    /// After it.
    pub(crate) after: Vec<Package>,
}

/// A plugin, its name and what it requires.
struct Candidate {
    path: PathBuf,
    package: Package,
    name: String,
    requires: Vec<String>,
}

/// Why there is no order. Each chain begins with the plugin that cannot be loaded, and every name in it requires the next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OrderError {
    /// The last of the chain is not there.
    Missing(Vec<String>),
    /// The last of the chain is the first.
    Cycle(Vec<String>),
}

impl Beside {
    /// Opens `with`, finds among those of the host's file what is still required, and sorts all of them around `main`.
    pub(super) fn find(
        runtime: &Runtime,
        main: (&Path, &Package),
        with: &[PathBuf],
        in_file: Vec<PathBuf>,
        open: impl Fn(&Path) -> Result<Package, Error>,
    ) -> Result<Self, Error> {
        // Nobody is there to be required: what is missing is told when the plugin is loaded.
        if with.is_empty() && in_file.is_empty() {
            return Ok(Beside::default());
        }
        let open = |path: &Path| candidate(runtime, path, open(path)?);
        let mut all = vec![candidate(runtime, main.0, main.1.clone())?];
        for path in with {
            add(&mut all, open(path)?)?;
        }
        let mut in_file = in_file.into_iter();
        while is_incomplete(&all)
            && let Some(path) = in_file.next()
        {
            let found = open(&path)?;
            // One of these names is here already: what was typed wins over the file.
            if !all.iter().any(|known| known.name == found.name) {
                all.push(found);
            }
        }
        // The file's others are for other hosts and other calls.
        let wanted = wanted(&all, 1 + with.len());
        let order = order(&all.iter().map(|one| (&*one.name, &*one.requires)).collect::<Vec<_>>(), &wanted)
            .map_err(Error::Order)?;
        let mut packages: Vec<Option<Package>> = all.into_iter().map(|one| Some(one.package)).collect();
        let main_at = order.iter().position(|index| *index == 0).unwrap_or_default();
        let mut take = |indices: &[usize]| indices.iter().filter_map(|index| packages[*index].take()).collect();
        Ok(Beside { before: take(&order[..main_at]), after: take(&order[main_at + 1..]) })
    }
}

fn candidate(runtime: &Runtime, path: &Path, package: Package) -> Result<Candidate, Error> {
    let manifest = runtime.inspect(package.clone())?.manifest;
    let requires = manifest.requires.into_iter().map(|required| required.name).collect();
    Ok(Candidate { path: path.to_owned(), package, name: manifest.name, requires })
}

fn add(all: &mut Vec<Candidate>, new: Candidate) -> Result<(), Error> {
    if let Some(known) = all.iter().find(|known| known.name == new.name) {
        let (one, other) = (known.path.display(), new.path.display());
        return Err(Error::Usage(format!("{one} and {other} are both called `{}`: load one of them", new.name)));
    }
    all.push(new);
    Ok(())
}

/// Whether somebody requires a plugin that is not among them.
fn is_incomplete(all: &[Candidate]) -> bool {
    let names: BTreeSet<&str> = all.iter().map(|one| &*one.name).collect();
    all.iter().flat_map(|one| &one.requires).any(|required| !names.contains(&**required))
}

/// The first so many, and what they require, directly or through others.
fn wanted(all: &[Candidate], named: usize) -> Vec<usize> {
    let mut wanted: Vec<usize> = (0..named.min(all.len())).collect();
    let mut next = 0;
    while next < wanted.len() {
        for required in &all[wanted[next]].requires {
            let found = all.iter().position(|one| one.name == *required);
            wanted.extend(found.filter(|found| !wanted.contains(found)));
        }
        next += 1;
    }
    wanted
}

/// The wanted ones of these, each after what it requires and else in the order in which they are wanted.
fn order(all: &[(&str, &[String])], wanted: &[usize]) -> Result<Vec<usize>, OrderError> {
    let mut order = Vec::new();
    for &index in wanted {
        visit(all, index, &mut Vec::new(), &mut order)?;
    }
    Ok(order)
}

fn visit(
    all: &[(&str, &[String])],
    index: usize,
    above: &mut Vec<usize>,
    order: &mut Vec<usize>,
) -> Result<(), OrderError> {
    let chain = |from: usize, above: &[usize], last: &str| {
        above[from..].iter().map(|index| all[*index].0).chain([last]).map(str::to_owned).collect()
    };
    let (name, requires) = all[index];
    if let Some(from) = above.iter().position(|known| *known == index) {
        return Err(OrderError::Cycle(chain(from, above, name)));
    }
    if order.contains(&index) {
        return Ok(());
    }
    above.push(index);
    for required in requires {
        match all.iter().position(|(name, _)| name == required) {
            Some(found) => visit(all, found, above, order)?,
            None => return Err(OrderError::Missing(chain(0, above, required))),
        }
    }
    above.pop();
    order.push(index);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `"a: b c"` is a plugin a that requires b and c. All are wanted.
    fn check(plugins: &[&str], expected: Result<&str, OrderError>) {
        let parsed: Vec<(&str, Vec<String>)> = plugins
            .iter()
            .map(|text| text.split_once(':').expect("a name, then what it requires"))
            .map(|(name, requires)| (name, requires.split_whitespace().map(str::to_owned).collect()))
            .collect();
        let all: Vec<(&str, &[String])> = parsed.iter().map(|(name, requires)| (*name, &**requires)).collect();
        let wanted: Vec<usize> = (0..all.len()).collect();
        let order = order(&all, &wanted).map(|order| order.iter().map(|index| all[*index].0).collect::<String>());
        assert_eq!(order, expected.map(str::to_owned), "{plugins:?}");
    }

    fn names(text: &str) -> Vec<String> {
        text.chars().map(String::from).collect()
    }

    #[test]
    fn each_comes_after_what_it_requires() {
        check(&["a:"], Ok("a"));
        check(&["a: b", "b:"], Ok("ba"));
        check(&["a:", "b: a"], Ok("ab"));
        check(&["a: c b", "b: d", "c: d", "d:"], Ok("dcba"));
    }

    #[test]
    fn what_is_missing_is_told_with_the_whole_chain() {
        check(&["a: b", "b: c", "c: d"], Err(OrderError::Missing(names("abcd"))));
    }

    #[test]
    fn cycle_is_told_from_where_it_begins() {
        check(&["a: b", "b: c", "c: b"], Err(OrderError::Cycle(names("bcb"))));
        check(&["a: a"], Err(OrderError::Cycle(names("aa"))));
    }
}
