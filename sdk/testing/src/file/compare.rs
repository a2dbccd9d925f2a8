//! The differences of two JSON values as lines of text, one for each path.

use serde_json::Value;

/// The maximum number of reported differences.
const DIFFERENCES_MAX: usize = 20;
/// The maximum length of a value in a message, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// The mode of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// Both values are equal.
    Exact,
    /// The found value may have more members in objects and more items in lists, in any order.
    Part,
    /// Like [`Match::Part`], with the items of lists in the expected order.
    PartInOrder,
}

/// The differences between the values; empty if `found` is as expected.
pub(super) fn differences(expected: &Value, found: &Value, how: Match) -> Vec<String> {
    let mut differences = Vec::new();
    collect(expected, found, how, "", &mut differences);
    if differences.len() > DIFFERENCES_MAX {
        let more = differences.len() - DIFFERENCES_MAX;
        differences.truncate(DIFFERENCES_MAX);
        differences.push(format!("… and {more} more differences"));
    }
    differences
}

fn collect(expected: &Value, found: &Value, how: Match, path: &str, differences: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(wanted), Value::Object(there)) => {
            for (key, expected) in wanted {
                let path = format!("{path}.{key}");
                match there.get(key) {
                    Some(found) => collect(expected, found, how, &path, differences),
                    None => {
                        differences.push(format!("{}: expected {}, found nothing", shown_path(&path), shown(expected)))
                    }
                }
            }
            for (key, found) in there.iter().filter(|(key, _)| how == Match::Exact && !wanted.contains_key(*key)) {
                differences.push(format!("{}: not expected: {}", shown_path(&format!("{path}.{key}")), shown(found)));
            }
        }
        (Value::Array(wanted), Value::Array(there)) if how == Match::Exact => {
            for (index, (expected, found)) in wanted.iter().zip(there).enumerate() {
                collect(expected, found, how, &format!("{path}[{index}]"), differences);
            }
            if wanted.len() != there.len() {
                let (wanted, there) = (wanted.len(), there.len());
                differences.push(format!("{}: expected {wanted} items, found {there}", shown_path(path)));
            }
        }
        (Value::Array(wanted), Value::Array(there)) if how == Match::PartInOrder => {
            let mut rest = there.iter();
            for expected in wanted {
                if !rest.any(|found| differs_nowhere(expected, found, how)) {
                    let path = shown_path(path);
                    differences.push(format!("{path}: no item matches {} after the items before it", shown(expected)));
                    break;
                }
            }
        }
        (Value::Array(wanted), Value::Array(there)) => {
            for expected in wanted {
                if !there.iter().any(|found| differs_nowhere(expected, found, how)) {
                    differences.push(format!("{}: no item matches {}", shown_path(path), shown(expected)));
                }
            }
        }
        _ if same(expected, found) => {}
        _ => differences.push(format!("{}: expected {}, found {}", shown_path(path), shown(expected), shown(found))),
    }
}

fn differs_nowhere(expected: &Value, found: &Value, how: Match) -> bool {
    let mut differences = Vec::new();
    collect(expected, found, how, "", &mut differences);
    differences.is_empty()
}

/// Whether two values are equal that are not both lists or objects. Numbers are compared by value.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Number(expected), Value::Number(found)) if expected.is_f64() != found.is_f64() => {
            expected.as_f64() == found.as_f64()
        }
        _ => expected == found,
    }
}

fn shown_path(path: &str) -> String {
    if path.is_empty() { "the value".to_owned() } else { path.trim_start_matches('.').to_owned() }
}

/// The value as JSON, truncated if it is long.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(expected: Value, found: Value, how: Match, lines: &[&str]) {
        assert_eq!(differences(&expected, &found, how), lines, "{expected} and {found}");
    }

    #[test]
    fn same_values_do_not_differ() {
        for value in [json!(null), json!(1), json!("a"), json!([1, [2]]), json!({ "a": { "b": [] } })] {
            check(value.clone(), value.clone(), Match::Exact, &[]);
            check(value.clone(), value, Match::Part, &[]);
        }
        check(json!(2), json!(2.0), Match::Exact, &[]);
        check(
            json!(u64::MAX),
            json!(u64::MAX - 1),
            Match::Exact,
            &["the value: expected 18446744073709551615, found 18446744073709551614"],
        );
    }

    #[test]
    fn differences_are_listed_by_path() {
        check(
            json!({ "a": 1, "b": [1, { "c": "x" }], "d": true }),
            json!({ "a": 2, "b": [1, { "c": "y" }, 3], "e": null }),
            Match::Exact,
            &[
                "a: expected 1, found 2",
                "b[1].c: expected \"x\", found \"y\"",
                "b: expected 2 items, found 3",
                "d: expected true, found nothing",
                "e: not expected: null",
            ],
        );
    }

    #[test]
    fn part_ignores_additional_members_and_items() {
        let found = json!({ "a": 1, "items": [{ "id": 1, "x": 0 }, { "id": 2, "x": 0 }] });
        check(json!({ "items": [{ "id": 2 }] }), found.clone(), Match::Part, &[]);
        check(json!({ "items": [{ "id": 3 }] }), found.clone(), Match::Part, &["items: no item matches {\"id\":3}"]);
        check(json!({ "b": 1 }), found, Match::Part, &["b: expected 1, found nothing"]);
        check(json!([1]), json!({}), Match::Part, &["the value: expected [1], found {}"]);
    }

    #[test]
    fn part_in_order_requires_the_order() {
        let found = json!({ "items": [{ "id": 1 }, { "id": 2 }, { "id": 3 }] });
        check(json!({ "items": [{ "id": 1 }, { "id": 3 }] }), found.clone(), Match::PartInOrder, &[]);
        let lines = ["items: no item matches {\"id\":1} after the items before it"];
        check(json!({ "items": [{ "id": 3 }, { "id": 1 }] }), found.clone(), Match::PartInOrder, &lines);
        check(json!({ "items": [{ "id": 3 }, { "id": 1 }] }), found, Match::Part, &[]);
    }

    #[test]
    fn many_differences_are_counted() {
        let (zeros, ones) = (json!(vec![0; 50]), json!(vec![1; 50]));
        let lines = differences(&zeros, &ones, Match::Exact);
        assert_eq!(lines.len(), DIFFERENCES_MAX + 1);
        assert_eq!(lines[DIFFERENCES_MAX], "… and 30 more differences");
    }
}
