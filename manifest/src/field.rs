//! Field tables: the fields of an object, their names and their meanings.
//!
//! One table serves the reader (unknown fields, aliases, the nearest known name) and the published JSON Schema, which
//! keeps the two consistent.

use serde_json::Value;

/// A field of an object.
pub(crate) struct Field {
    /// The canonical name.
    pub(crate) name: &'static str,
    /// Other names for the same field, mostly from the systems whose manifests Plugbay accepts.
    pub(crate) aliases: &'static [&'static str],
    /// The description, in a sentence or two.
    pub(crate) about: &'static str,
    /// The JSON Schema of the value.
    pub(crate) shape: fn() -> Value,
}

/// All fields of an object.
pub(crate) type Table = &'static [Field];

/// Creates a field with one name.
pub(crate) const fn field(name: &'static str, about: &'static str, shape: fn() -> Value) -> Field {
    Field { name, aliases: &[], about, shape }
}

impl Field {
    /// Adds other names to the field.
    pub(crate) const fn or(self, aliases: &'static [&'static str]) -> Field {
        Field { aliases, ..self }
    }
}

/// Finds the field with this name or alias.
pub(crate) fn find(table: Table, name: &str) -> Option<&'static Field> {
    table.iter().find(|field| field.name == name || field.aliases.contains(&name))
}

/// Returns the known name that is most similar to `name`, if any is similar enough for "did you mean".
pub fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    /// A suggestion below this similarity (0 to 1) would confuse.
    const SIMILARITY_MIN: f64 = 0.8;
    let wanted = folded(name);
    known
        .into_iter()
        .map(|candidate| (similarity(&wanted, &folded(candidate)), candidate))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|(left, _), (right, _)| left.total_cmp(right))
        .map(|(_, candidate)| candidate)
}

/// Returns the similarity of two names, from 0 to 1. A name that is part of the other is more similar than one that
/// shares a few letters: `fuel` suggests `max_fuel`.
fn similarity(wanted: &str, known: &str) -> f64 {
    /// Shorter parts match by chance.
    const PART_CHARS_MIN: usize = 4;
    const OF_A_PART: f64 = 0.9;
    /// In shorter names, one letter is too much of a difference.
    const SLIP_CHARS_MIN: usize = 3;
    let (short, long) = if wanted.len() < known.len() { (wanted, known) } else { (known, wanted) };
    let is_part = short.len() >= PART_CHARS_MIN && long.contains(short);
    let is_one_slip = short.len() >= SLIP_CHARS_MIN && strsim::osa_distance(wanted, known) == 1;
    strsim::jaro_winkler(wanted, known).max(if is_part || is_one_slip { OF_A_PART } else { 0.0 })
}

/// Returns `: did you mean `x`?`, or an empty text.
pub(crate) fn suggestion<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    nearest(name, known).map(|nearest| format!(": did you mean `{nearest}`?")).unwrap_or_default()
}

/// Returns the name without case and separators, so that `repoType` equals `repo_type`.
fn folded(name: &str) -> String {
    name.chars().take(64).filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_misspelt_name_finds_the_known_one() {
        let known = ["timeout_seconds", "max_memory_mb", "rate_limit"];
        assert_eq!(nearest("timeout_secs", known), Some("timeout_seconds"));
        assert_eq!(nearest("rateLimit", known), Some("rate_limit"));
        assert_eq!(nearest("memory", known), Some("max_memory_mb"));
        assert_eq!(nearest("endpoints", ["entry_point", "api_endpoints"]), Some("api_endpoints"));
        assert_eq!(nearest("rnu", ["run", "new"]), Some("run"));
        assert_eq!(nearest("zzz", known), None);
        assert_eq!(nearest("", known), None);
    }
}
