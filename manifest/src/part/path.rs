//! Path templates of routes and pages: the canonical spelling of their parameters, and matching.

use crate::limits::{PATH_CHARS_MAX, PATH_SEGMENTS_MAX};
use crate::name;
use crate::problem::quoted;

/// Normalises a path template, with its parameters as `{name}` and without a slash at its end.
///
/// # Errors
///
/// The problem with the template and what to write instead.
pub fn normalise_path(template: &str) -> Result<String, String> {
    let Some(below) = template.strip_prefix('/') else {
        return Err(format!("{} does not begin with `/`", quoted(template)));
    };
    if template.chars().count() > PATH_CHARS_MAX || below.split('/').count() > PATH_SEGMENTS_MAX {
        return Err(format!("a path has at most {PATH_CHARS_MAX} characters and {PATH_SEGMENTS_MAX} segments"));
    }
    if below.is_empty() {
        return Ok("/".to_owned());
    }
    // A path with a slash at its end is the same as without it.
    let below = below.strip_suffix('/').filter(|below| !below.is_empty()).unwrap_or(below);
    let mut parameters: Vec<&str> = Vec::new();
    let mut path = String::new();
    for segment in below.split('/') {
        path.push('/');
        if segment.is_empty() {
            return Err(format!("{} has an empty segment: remove a `/`", quoted(template)));
        }
        match parameter(segment)? {
            Some(name) if parameters.contains(&name) => {
                return Err(format!("the parameter `{name}` occurs twice"));
            }
            Some(name) => {
                parameters.push(name);
                path.push_str(&format!("{{{name}}}"));
            }
            None => path.push_str(literal(segment)?),
        }
    }
    Ok(path)
}

/// Returns whether a path, which may have parameters of its own, matches the template. A slash at the end of a path
/// makes no difference.
pub(crate) fn matches(template: &str, path: &str) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
    let fits =
        |(template, segment): (&str, &str)| template == segment || (template.starts_with('{') && !segment.is_empty());
    template.split('/').count() == path.split('/').count() && template.split('/').zip(path.split('/')).all(fits)
}

fn parameter(segment: &str) -> Result<Option<&str>, String> {
    let braced = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let Some(name) = segment.strip_prefix(':').or(braced) else {
        return Ok(None);
    };
    name::variable(name).map_err(|message| format!("in the parameter {}: {message}", quoted(segment)))?;
    Ok(Some(name))
}

fn literal(segment: &str) -> Result<&str, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '@' | '!' | '$' | ',');
    if matches!(segment, "." | "..") {
        return Err(format!("the segment `{segment}` is not allowed: browsers resolve it before they send a request"));
    }
    if segment.chars().all(plain) {
        return Ok(segment);
    }
    let rule = "use letters, digits and -_.~+@!$, or a whole segment as parameter: `:id` or `{id}`";
    Err(format!("the segment {} is not allowed: {rule}", quoted(segment)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, expected: Result<&str, &str>) {
        match (normalise_path(template), expected) {
            (Ok(path), Ok(expected)) => assert_eq!(path, expected),
            (Err(message), Err(part)) => assert!(message.contains(part), "{template}: {message}"),
            (found, _) => panic!("{template}: {found:?}"),
        }
    }

    #[test]
    fn normalise_path_both_parameter_styles_become_braces() {
        check("/", Ok("/"));
        check("/items/:id", Ok("/items/{id}"));
        check("/items/{item_id}/parts/:part/", Ok("/items/{item_id}/parts/{part}"));
    }

    #[test]
    fn normalise_path_malformed_templates_are_refused() {
        check("items", Err("does not begin with `/`"));
        check("/a//b", Err("empty segment"));
        check("//", Err("empty segment"));
        check("/a//", Err("empty segment"));
        check("/a/../b", Err("not allowed"));
        check("/:id/{id}", Err("occurs twice"));
        check("/:", Err("must not be empty"));
        check("/a/{b}c", Err("not allowed"));
        check("/a?x=1", Err("not allowed"));
        check("/a b", Err("not allowed"));
        check(&"/a".repeat(40), Err("at most"));
    }

    #[test]
    fn matches_parameters_stand_for_one_segment() {
        assert!(matches("/items/{id}", "/items/5"));
        assert!(matches("/items/{id}", "/items/:id"));
        assert!(matches("/items", "/items?page=2"));
        assert!(!matches("/items/{id}", "/items"));
        assert!(!matches("/items/{id}", "/items/"));
        assert!(matches("/items/{id}", "/items/5/"));
        assert!(matches("/", "/"));
        assert!(!matches("/items/{id}", "/items/5/parts"));
    }
}
