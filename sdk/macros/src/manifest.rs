//! The manifest of the crate that is being compiled: its manifest file over what its code declares over its
//! `Cargo.toml`.
//!
//! The file is parsed and checked here, by the same code as in the host, so that a mistake in it is a compile error
//! with all its problems. The canonical form is embedded in the plugin.

use std::path::{Path, PathBuf};
use std::{env, fs};

use plugbay_manifest::{FILE_NAMES, Format, Layer, Manifest, ManifestError, Problem};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use serde_json::{Map, Value, json};

/// The origin of the code's layer in messages.
const CODE: &str = "the code";

/// The manifest file next to the `Cargo.toml`.
struct File {
    name: String,
    path: PathBuf,
    layer: Layer,
}

/// The declarations in the code that the macro can see. They are checked together with the file.
#[derive(Default)]
pub(crate) struct Declared {
    /// The names of the actions.
    pub(crate) actions: Vec<Part>,
    pub(crate) routes: Vec<Part>,
    /// The subscriptions.
    pub(crate) subscribes: Vec<Part>,
    pub(crate) permissions: Vec<Part>,
    /// The topics that the plugin publishes on.
    pub(crate) publishes: Vec<Part>,
    /// The plugins that it requires.
    pub(crate) requires: Vec<Part>,
}

/// A declaration in the code, in the form of the manifest, with its position in the code.
pub(crate) struct Part {
    pub(crate) value: Value,
    pub(crate) span: Span,
}

/// The expression of a `plugbay_sdk::builder::Source`.
pub(crate) fn source(declared: &Declared) -> syn::Result<TokenStream> {
    let file = read_file(Path::new(&variable("CARGO_MANIFEST_DIR")))?;
    let cargo = cargo(&variable);
    let mut places = Vec::new();
    let code = code(declared, &mut places);
    let located = |error: ManifestError| problems_of_code(&error, &places);
    let mut layers = vec![layer("Cargo.toml", &cargo)?, Layer::from_value(CODE, Value::Object(code)).map_err(located)?];
    let of_file = file.as_ref().map(|file| canonical(&file.layer)).transpose()?;
    layers.extend(file.as_ref().map(|file| file.layer.clone()));
    Manifest::from_layers(&layers).map_err(located)?;

    let name = file.as_ref().map_or("Cargo.toml", |file| file.name.as_str());
    let cargo = Value::Object(cargo).to_string();
    let json = of_file.as_ref().map(|fields| Value::Object(fields.clone()).to_string()).unwrap_or_default();
    let of_file = of_file.unwrap_or_default();
    let actions = names_of(get(&of_file, "actions"), "name");
    let routes = elements(get(&of_file, "routes")).iter().map(|route| {
        let (method, path) = (text(&route["method"]), text(&route["path"]));
        let actions = elements(&route["actions"]).iter().map(text);
        quote! {
            ::plugbay_sdk::builder::SourceRoute {
                method: #method, path: #path, actions: &[#(#actions),*],
            }
        }
    });
    let tables = elements(get(&of_file, "tables")).iter().map(|table| {
        let name = text(&table["name"]);
        quote!(::plugbay_sdk::builder::SourceTable { name: #name })
    });
    // A subscription without an id has its topic as the id.
    let subscribes = elements(&get(&of_file, "events")["subscribes"]).iter().map(|subscription| {
        text(if subscription["id"].is_string() { &subscription["id"] } else { &subscription["topic"] })
    });
    // Reading the file again makes the compiler build again when it changes.
    let tracked = file.as_ref().and_then(|file| file.path.to_str());
    let tracked = tracked.map(|path| {
        quote!(
            const _: &[u8] = ::core::include_bytes!(#path);
        )
    });
    Ok(quote! {
        {
            #tracked
            ::plugbay_sdk::builder::Source {
                file: #name,
                cargo: #cargo,
                json: #json,
                actions: &[#(#actions),*],
                routes: &[#(#routes),*],
                tables: &[#(#tables),*],
                subscribes: &[#(#subscribes),*],
            }
        }
    })
}

/// The code's layer. `places` gets the paths in it with their positions in the code.
fn code(declared: &Declared, places: &mut Vec<(String, Span)>) -> Map<String, Value> {
    let mut list = |path: &str, parts: &[Part]| {
        places.extend(parts.iter().enumerate().map(|(index, part)| (format!("{path}[{index}]"), part.span)));
        Value::Array(parts.iter().map(|part| part.value.clone()).collect())
    };
    let mut fields = Map::from_iter([("actions".to_owned(), list("actions", &declared.actions))]);
    for (field, parts) in
        [("routes", &declared.routes), ("permissions", &declared.permissions), ("requires", &declared.requires)]
    {
        if !parts.is_empty() {
            fields.insert(field.to_owned(), list(field, parts));
        }
    }
    let mut events = Map::new();
    for (field, parts) in [("publishes", &declared.publishes), ("subscribes", &declared.subscribes)] {
        if !parts.is_empty() {
            events.insert(field.to_owned(), list(&format!("events.{field}"), parts));
        }
    }
    if !events.is_empty() {
        fields.insert("events".to_owned(), Value::Object(events));
    }
    fields
}

/// The fields that `Cargo.toml` sets.
fn cargo(variable: &dyn Fn(&str) -> String) -> Map<String, Value> {
    let mut fields = Map::new();
    for (field, name) in [
        ("name", "CARGO_PKG_NAME"),
        ("version", "CARGO_PKG_VERSION"),
        ("description", "CARGO_PKG_DESCRIPTION"),
        ("license", "CARGO_PKG_LICENSE"),
        ("repository", "CARGO_PKG_REPOSITORY"),
    ] {
        let text = variable(name).split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.is_empty() {
            fields.insert(field.to_owned(), Value::String(text));
        }
    }
    // Of several authors, the first is the contact.
    if let Some(author) = variable("CARGO_PKG_AUTHORS").split(':').next().filter(|author| !author.trim().is_empty()) {
        fields.insert("author".to_owned(), person(author.trim()));
    }
    fields
}

/// `Name <address>` or a name alone.
fn person(text: &str) -> Value {
    match text.strip_suffix('>').and_then(|text| text.split_once('<')) {
        Some((name, email)) if !name.trim().is_empty() => json!({ "name": name.trim(), "email": email.trim() }),
        _ => json!({ "name": text }),
    }
}

fn read_file(directory: &Path) -> syn::Result<Option<File>> {
    for name in FILE_NAMES {
        let path = directory.join(name);
        if !path.is_file() {
            continue;
        }
        let Some(format) = Format::from_path(&path) else { continue };
        let text = fs::read_to_string(&path).map_err(|error| failure(format!("cannot read `{name}`: {error}")))?;
        let layer = Layer::parse(name, &text, format).map_err(|error| problems(&error))?;
        return Ok(Some(File { name: name.to_owned(), path, layer }));
    }
    Ok(None)
}

/// The canonical form of a layer, which is embedded.
fn canonical(layer: &Layer) -> syn::Result<Map<String, Value>> {
    match serde_json::from_str(&layer.to_json()) {
        Ok(Value::Object(mut fields)) => {
            // The component is the file in which this is embedded.
            fields.remove("entry_point");
            Ok(fields)
        }
        _ => Err(failure("the manifest has no canonical form")),
    }
}

fn layer(origin: &str, fields: &Map<String, Value>) -> syn::Result<Layer> {
    Layer::from_value(origin, Value::Object(fields.clone())).map_err(|error| problems(&error))
}

/// A field, or null.
fn get<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a Value {
    fields.get(name).unwrap_or(&Value::Null)
}

fn elements(list: &Value) -> &[Value] {
    list.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The member with this name of each element.
fn names_of<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    elements(list).iter().map(|element| text(&element[member])).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// Problems of the declarations, each at its position in the code; all others in one error.
fn problems_of_code(error: &ManifestError, places: &[(String, Span)]) -> syn::Error {
    let span = |problem: &Problem| {
        let is_it = |place: &&(String, Span)| {
            let rest = problem.path.strip_prefix(place.0.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        places.iter().filter(|_| problem.origin == CODE).find(is_it).map(|place| place.1)
    };
    let (placed, others): (Vec<_>, Vec<_>) = error.problems.iter().partition(|problem| span(problem).is_some());
    let mut errors = placed
        .iter()
        .map(|it| syn::Error::new(span(it).unwrap_or_else(Span::call_site), &it.message))
        .collect::<Vec<_>>();
    if !others.is_empty() {
        errors.push(problems(&ManifestError { problems: others.into_iter().cloned().collect() }));
    }
    errors
        .into_iter()
        .reduce(|mut all, error| {
            all.combine(error);
            all
        })
        .unwrap_or_else(|| problems(error))
}

fn problems(error: &ManifestError) -> syn::Error {
    failure(format!("the plugin's manifest is not valid:\n{error}"))
}

fn failure(message: impl std::fmt::Display) -> syn::Error {
    syn::Error::new(Span::call_site(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_metadata_without_values_is_left_out() {
        let fields = cargo(&|name| match name {
            "CARGO_PKG_NAME" => "notes".to_owned(),
            "CARGO_PKG_DESCRIPTION" => "Two\n  lines".to_owned(),
            "CARGO_PKG_AUTHORS" => "Ann <ann@example.org>:Bob".to_owned(),
            _ => String::new(),
        });
        let expected = json!({
            "name": "notes",
            "description": "Two lines",
            "author": { "name": "Ann", "email": "ann@example.org" },
        });
        assert_eq!(Value::Object(fields), expected);
    }

    #[test]
    fn author_without_address_is_a_name() {
        assert_eq!(person("Ann"), json!({ "name": "Ann" }));
    }
}
