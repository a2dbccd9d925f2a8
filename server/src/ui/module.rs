//! A module of JavaScript as a function body: its imports become constants, its exports the members of what it returns.
//!
//! Only the forms that `server/ui` uses are read. Another one is an error, which a test of [`bundle`](super::bundle)
//! finds, because the modules are part of the binary.

use std::fmt::Write;

use super::sources::{Source, resolve};

/// A module, with the paths of the modules that it imports.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) source: &'static Source,
    /// Those that are evaluated before it.
    pub(super) imports: Vec<&'static str>,
    /// Those that it imports when it runs, by `import(…)`.
    pub(super) later: Vec<&'static str>,
    pub(super) exports: Vec<Export>,
    parts: Vec<(usize, Part)>,
}

/// A name that a module exports.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) name: String,
    /// The module that it is taken from, if it is another one.
    from: Option<&'static str>,
    local: String,
}

#[derive(Debug)]
enum Part {
    Text(String),
    /// Names of another module, with their names in this one.
    Names(&'static str, Vec<(String, String)>),
}

/// The name of a default export within its module.
const DEFAULT: &str = "_default";

impl Module {
    /// Reads a module.
    ///
    /// # Errors
    ///
    /// A text that names the form that is not understood.
    pub(super) fn parse(source: &'static Source) -> Result<Module, String> {
        let mut module =
            Module { source, imports: Vec::new(), later: Vec::new(), exports: Vec::new(), parts: Vec::new() };
        let lines = source.lines();
        let pieces = lines.iter().flat_map(|line| pieces(source, line.text).map(move |text| (line, text)));
        // A statement that goes on in the next line.
        let mut open: Option<(usize, String)> = None;
        for (line, text) in pieces {
            let (number, statement) = match open.take() {
                Some((number, begun)) => (number, format!("{begun} {text}")),
                None if line.is_outer && is_import_or_export(text) => (line.number, text.to_owned()),
                None => {
                    module.text(line.number, text)?;
                    continue;
                }
            };
            let is_list = statement.starts_with("import") || statement[6..].trim_start().starts_with('{');
            if is_list && !statement.ends_with(';') {
                open = Some((number, statement));
            } else {
                module.statement(number, &statement)?;
            }
        }
        match open {
            Some((_, statement)) => Err(format!("{}: `{statement}` does not end", source.path)),
            None => Ok(module),
        }
    }

    /// The lines of the function body with their lines in the file. `name_of` is the variable of a module, and `later`
    /// the address of one that is imported by `import(…)`.
    pub(super) fn body(
        &self,
        name_of: impl Fn(&str) -> String,
        later: impl Fn(&str) -> String,
    ) -> Vec<(Option<usize>, String)> {
        let mut body = Vec::new();
        for (number, part) in &self.parts {
            let text = match part {
                Part::Text(text) => self.with_addresses(text, &later),
                Part::Names(from, names) => constants(&name_of(from), names),
            };
            body.push((Some(*number), text));
        }
        let mut end = String::from("return{");
        for (index, export) in self.exports.iter().enumerate() {
            let separator = if index == 0 { "" } else { "," };
            let _ = match export.from {
                Some(from) => write!(end, "{separator}{}:{}.{}", export.name, name_of(from), export.local),
                None if export.name == export.local => write!(end, "{separator}{}", export.name),
                None => write!(end, "{separator}{}:{}", export.name, export.local),
            };
        }
        end.push_str("};");
        body.push((None, end));
        body
    }

    fn text(&mut self, number: usize, text: &str) -> Result<(), String> {
        for target in later_targets(text) {
            let path = self.resolved(target)?;
            self.later.push(path);
        }
        self.parts.push((number, Part::Text(text.to_owned())));
        Ok(())
    }

    fn statement(&mut self, number: usize, statement: &str) -> Result<(), String> {
        let (keyword, rest) = statement.split_at(6);
        let rest = rest.trim_start();
        match keyword {
            "import" => self.import(number, rest),
            _ if rest.starts_with('{') => self.export_list(rest),
            _ => self.export_declaration(number, rest),
        }
    }

    /// `import "./x.js";`, `import x from "./x.js";` or `import { a, b as c } from "./x.js";`, behind `import`.
    fn import(&mut self, number: usize, rest: &str) -> Result<(), String> {
        let (names, target) = match rest.rsplit_once("from") {
            Some((names, target)) => (names.trim(), target),
            None => ("", rest),
        };
        let from = self.resolved(target.trim().trim_end_matches(';').trim_matches('"'))?;
        self.imports.push(from);
        let names = match names {
            "" => return Ok(()),
            list if list.starts_with('{') => names_of(list),
            default => vec![("default".to_owned(), default.to_owned())],
        };
        self.parts.push((number, Part::Names(from, names)));
        Ok(())
    }

    /// `export { a, b as c };` or `export { a } from "./x.js";`, behind `export`.
    fn export_list(&mut self, rest: &str) -> Result<(), String> {
        let (list, target) = rest.rsplit_once('}').unwrap_or((rest, ""));
        let from = match target.trim_end_matches(';').trim().strip_prefix("from") {
            Some(target) => Some(self.resolved(target.trim().trim_matches('"'))?),
            None => None,
        };
        self.imports.extend(from);
        self.exports.extend(names_of(list).into_iter().map(|(local, name)| Export { name, from, local }));
        Ok(())
    }

    /// `export function x`, `export const x`, `export class X` or `export default …`, behind `export`.
    fn export_declaration(&mut self, number: usize, rest: &str) -> Result<(), String> {
        if let Some(value) = rest.strip_prefix("default ") {
            let export = Export { name: "default".to_owned(), from: None, local: DEFAULT.to_owned() };
            self.exports.push(export);
            return self.text(number, &format!("const {DEFAULT} = {value}"));
        }
        let kinds = ["async function ", "function ", "class ", "const "];
        let declared = kinds.iter().find_map(|kind| rest.strip_prefix(kind)).unwrap_or_default();
        let end = declared.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(declared.len());
        let name = declared[..end].to_owned();
        if name.is_empty() {
            return Err(format!("{}: `export {rest}` is of no known form", self.source.path));
        }
        self.exports.push(Export { name: name.clone(), from: None, local: name });
        self.text(number, rest)
    }

    fn resolved(&self, target: &str) -> Result<&'static str, String> {
        let found = resolve(self.source.path, target).map(|source| source.path);
        found.ok_or_else(|| format!("{}: there is no module `{target}`", self.source.path))
    }

    /// A line with the addresses of the modules that it imports by `import(…)`.
    fn with_addresses(&self, text: &str, address: impl Fn(&str) -> String) -> String {
        let mut line = text.to_owned();
        for target in later_targets(text) {
            if let Ok(path) = self.resolved(target) {
                line = line.replace(&format!("import(\"{target}\")"), &format!("import(\"{}\")", address(path)));
            }
        }
        line
    }
}

/// The statements of a line: libraries have all of theirs in one.
fn pieces<'t>(source: &Source, line: &'t str) -> impl Iterator<Item = &'t str> + use<'t> {
    let mut pieces = Vec::new();
    let mut rest = line;
    if source.is_vendored() {
        if let Some(end) = rest.find("\";").filter(|_| rest.starts_with("import{")) {
            let (import, others) = rest.split_at(end + 2);
            pieces.push(import);
            rest = others;
        }
        if let Some(at) = rest.find("export{").or_else(|| rest.find("export default ")) {
            let (others, export) = rest.split_at(at);
            pieces.push(others);
            rest = export;
        }
    }
    pieces.push(rest);
    pieces.into_iter().filter(|piece| !piece.is_empty())
}

fn is_import_or_export(text: &str) -> bool {
    let rest = text.strip_prefix("import").or_else(|| text.strip_prefix("export"));
    rest.is_some_and(|rest| rest.starts_with([' ', '{']))
}

/// The names of a list `{ a, b as c }`, each with the name behind `as`.
fn names_of(list: &str) -> Vec<(String, String)> {
    let names = list.trim_matches(|c: char| c == '{' || c == '}' || c.is_whitespace()).split(',');
    let pair = |name: &str| {
        let (first, second) = name.split_once(" as ").unwrap_or((name, name));
        (first.trim().to_owned(), second.trim().to_owned())
    };
    names.map(str::trim).filter(|name| !name.is_empty()).map(pair).collect()
}

/// The statement that takes names out of a module's variable.
fn constants(module: &str, names: &[(String, String)]) -> String {
    let one = |(name, local): &(String, String)| match name == local {
        true => name.clone(),
        false => format!("{name}:{local}"),
    };
    format!("const{{{}}}={module};", names.iter().map(one).collect::<Vec<_>>().join(","))
}

/// The targets of `import("…")` in a line.
fn later_targets(text: &str) -> impl Iterator<Item = &str> {
    text.split("import(\"").skip(1).filter_map(|rest| rest.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(content: &'static str) -> Result<String, String> {
        let source = Box::leak(Box::new(Source { path: "page/x.js", content }));
        let module = Module::parse(source)?;
        let lines = module.body(|path| format!("${}", path.len()), |path| format!("./{}", path.replace('/', "-")));
        Ok(lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn imports_and_exports_become_constants_and_members() {
        let content = "import { a, b as c } from \"../lib/view.js\";\nimport \"./page.js\";\nexport {\n  d,\n  e as f,\n} \
                       from \"./state.js\";\nimport htm from \"../vendor/htm.js\";\nexport async function g() {\n  \
                       import(\"../widgets/chart.js\");\n}\nexport const h = 1;\nexport default g;\n";
        let expected = "const{a,b:c}=$11;\nconst{default:htm}=$13;\nasync function g() {\nimport(\"./widgets-chart.js\
                        \");\n}\nconst h = 1;\nconst _default = g;\nreturn{d:$13.d,f:$13.e,g,h,default:_default};";
        assert_eq!(body(content).as_deref(), Ok(expected));
    }

    #[test]
    fn unknown_forms_are_errors() {
        for (content, expected) in [
            ("export let a = 1;", "no known form"),
            ("export * from \"./page.js\";", "no known form"),
            ("import { a } from \"./none.js\";", "no module `./none.js`"),
            ("export {\n  a,\n", "does not end"),
        ] {
            let error = body(content).expect_err(content);
            assert!(error.contains(expected), "{error}");
        }
    }
}
