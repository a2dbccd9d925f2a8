//! Modules put together: the script of a document with all that it imports is one file, and what it imports later, by
//! `import(…)`, is one file each.
//!
//! ```text
//! page/main.js             const $0=(()=>{ …a module… return{…}; })(); … export{$0,…};
//! page/widgets-table.js    import{$0,…}from"./main.js"; const $40=(()=>{…})(); export const{Table}=$40;
//! ```
//!
//! A browser asks for one file where it would ask for forty, and the compression sees all of them. Each module is a
//! function that is called once, in the order of imports, so names of two modules do not meet. That order needs modules
//! that import one another in no circle. A module that two of the later files need is in the first one.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write;

use super::module::Module;
use super::source_map::{Origin, source_map};
use super::sources::{Source, source};

/// A file of a bundle.
#[derive(Debug)]
pub(super) struct BundledFile {
    /// The path below the files of this server.
    pub(super) path: String,
    pub(super) script: String,
    /// The source map, which has the same path with `.map`.
    pub(super) map: String,
}

/// Puts a script, such as `page/main.js`, together with all that it imports. The files have paths in its folder.
///
/// # Errors
///
/// A text that names a module that cannot be read, or modules that import one another in a circle.
pub(super) fn bundle(main: &str) -> Result<Vec<BundledFile>, String> {
    let graph = Graph::of(main)?;
    Ok((0..graph.roots.len()).map(|root| graph.file(root)).collect())
}

/// The modules of a bundle.
#[derive(Debug)]
struct Graph {
    /// In the order in which they are evaluated.
    modules: Vec<Module>,
    places: HashMap<&'static str, usize>,
    /// The modules with which files begin: the script first, then those that are imported later.
    roots: Vec<&'static str>,
    /// The file of each module, as an index of `roots`.
    owners: Vec<usize>,
}

impl Graph {
    fn of(main: &str) -> Result<Graph, String> {
        let main = source(main).ok_or_else(|| format!("there is no module `{main}`"))?;
        let mut graph =
            Graph { modules: Vec::new(), places: HashMap::new(), roots: vec![main.path], owners: Vec::new() };
        let mut next = 0;
        while let Some(root) = graph.roots.get(next).copied() {
            let known = graph.modules.len();
            graph.load(root, &mut Vec::new())?;
            for at in known..graph.modules.len() {
                for path in graph.modules[at].later.clone() {
                    if !graph.roots.contains(&path) {
                        graph.roots.push(path);
                    }
                }
            }
            next += 1;
        }
        graph.owners = graph.assign();
        Ok(graph)
    }

    /// Adds a module behind all that it imports.
    fn load(&mut self, path: &'static str, open: &mut Vec<&'static str>) -> Result<(), String> {
        if self.places.contains_key(path) {
            return Ok(());
        }
        if open.contains(&path) {
            return Err(format!("modules import one another in a circle: {} → {path}", open.join(" → ")));
        }
        let source = source(path).ok_or_else(|| format!("there is no module `{path}`"))?;
        let module = Module::parse(source)?;
        open.push(path);
        for import in &module.imports {
            self.load(import, open)?;
        }
        open.pop();
        self.places.insert(path, self.modules.len());
        self.modules.push(module);
        Ok(())
    }

    /// The file of each module: that of the only root that needs it, or the first.
    fn assign(&self) -> Vec<usize> {
        let needed: Vec<HashSet<usize>> = self.roots.iter().map(|root| self.closure(self.places[root])).collect();
        let owner = |module: usize| {
            let mut owners = (0..needed.len()).filter(|root| needed[*root].contains(&module));
            match (owners.next(), owners.next()) {
                (Some(owner), None) => owner,
                _ => 0,
            }
        };
        (0..self.modules.len()).map(owner).collect()
    }

    /// A module with all that it imports.
    fn closure(&self, module: usize) -> HashSet<usize> {
        let mut found = HashSet::from([module]);
        let mut rest = vec![module];
        while let Some(module) = rest.pop() {
            let imports = self.modules[module].imports.iter().map(|path| self.places[path]);
            rest.extend(imports.filter(|import| found.insert(*import)));
        }
        found
    }

    /// The modules of the first file that another file uses.
    fn shared_with(&self, root: usize) -> BTreeSet<usize> {
        let own = (0..self.modules.len()).filter(|module| self.owners[*module] == root);
        let used = own.flat_map(|module| self.modules[module].imports.iter().map(|path| self.places[path]));
        used.chain([self.places[self.roots[root]]]).filter(|module| self.owners[*module] != root).collect()
    }

    fn file(&self, root: usize) -> BundledFile {
        let mut text = Text::default();
        if root > 0 {
            let shared = self.shared_with(root);
            text.push(&format!("import{{{}}}from\"./{}\";", variables(&shared), self.file_name(0)), None);
        }
        let own: Vec<usize> = (0..self.modules.len()).filter(|module| self.owners[*module] == root).collect();
        for (index, module) in own.iter().enumerate() {
            let module = &self.modules[*module];
            text.push(&format!("const ${}=(()=>{{// {}", self.places[module.source.path], module.source.path), None);
            let name = |path: &str| format!("${}", self.places[path]);
            let later = |path: &str| match self.roots.iter().position(|root| *root == path) {
                Some(root) => format!("./{}", self.file_name(root)),
                None => path.to_owned(),
            };
            for (number, line) in module.body(name, later) {
                text.push(&line, number.map(|number| (index, number)));
            }
            text.push("})();", None);
        }
        let at = self.places[self.roots[root]];
        if root > 0 {
            let names: Vec<&str> = self.modules[at].exports.iter().map(|export| export.name.as_str()).collect();
            text.push(&format!("export const{{{}}}=${at};", names.join(",")), None);
        } else {
            let shared = (1..self.roots.len()).flat_map(|root| self.shared_with(root)).collect();
            text.push(&format!("export{{{}}};", variables(&shared)), None);
        }
        let sources: Vec<&Source> = own.iter().map(|module| self.modules[*module].source).collect();
        text.finish(&self.path(root), &sources)
    }

    fn path(&self, root: usize) -> String {
        let folder = self.roots[0].rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{folder}/{}", self.file_name(root))
    }

    /// The name of a file in the folder of the bundle.
    fn file_name(&self, root: usize) -> String {
        match (root, self.roots[root].rsplit_once('/')) {
            (0, Some((_, name))) => name.to_owned(),
            _ => self.roots[root].replace('/', "-"),
        }
    }
}

/// A file as it is written.
#[derive(Debug, Default)]
struct Text {
    text: String,
    origins: Vec<Option<Origin>>,
}

impl Text {
    fn push(&mut self, line: &str, origin: Option<Origin>) {
        self.text.push_str(line);
        self.text.push('\n');
        self.origins.push(origin);
    }

    fn finish(mut self, path: &str, sources: &[&Source]) -> BundledFile {
        let name = path.rsplit('/').next().unwrap_or(path);
        let _ = writeln!(self.text, "//# sourceMappingURL={name}.map");
        BundledFile { path: path.to_owned(), map: source_map(sources, &self.origins), script: self.text }
    }
}

fn variables(modules: &BTreeSet<usize>) -> String {
    modules.iter().map(|module| format!("${module}")).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(main: &str) -> HashMap<String, String> {
        let files = bundle(main).expect("the modules are understood");
        files.into_iter().map(|file| (file.path, file.script)).collect()
    }

    #[test]
    fn first_file_has_what_is_imported_and_the_others_what_is_imported_later() {
        let files = files("page/main.js");
        let main = &files["page/main.js"];
        for module in ["lib/view.js", "vendor/preact.js", "widgets/text.js", "page/main.js"] {
            assert_eq!(main.matches(&format!("// {module}\n")).count(), 1, "{module}");
        }
        assert!(!main.contains("uPlot") && main.contains("import(\"./widgets-table.js\")"));
        let chart = &files["page/widgets-chart.js"];
        assert!(chart.starts_with("import{$") && chart.contains("uPlot") && !chart.contains("// vendor/preact.js"));
        assert!(chart.contains("export const{Canvas}=$"));
    }

    #[test]
    fn each_module_is_in_one_file_behind_those_that_it_imports() {
        for main in ["page/main.js", "dashboard/main.js"] {
            let graph = Graph::of(main).expect("the modules are understood");
            for (at, module) in graph.modules.iter().enumerate() {
                for import in module.imports.iter().map(|path| graph.places[path]) {
                    assert!(import < at && [0, graph.owners[at]].contains(&graph.owners[import]), "{module:?}");
                }
            }
        }
    }

    #[test]
    fn lines_of_a_source_map_are_those_of_the_file() {
        for file in bundle("dashboard/main.js").expect("the modules are understood") {
            let map: serde_json::Value = serde_json::from_str(&file.map).expect("JSON");
            let mapped = map["mappings"].as_str().expect("text").split(';').count();
            assert_eq!(mapped + 1, file.script.lines().count(), "{}", file.path);
            assert!(file.script.ends_with(".js.map\n"));
        }
    }
}
