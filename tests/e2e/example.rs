//! Every example plugin, built as its README says and run through the command.

use serde_json::json;

use crate::harness::command::{Plugbay, Ran};
use crate::harness::guest::{Guest, example};

#[test]
fn hello_greets() {
    let answer = run(example::HELLO, &["hello", r#"{"name": "Ada"}"#]).exits_with(0).json();
    assert_eq!(answer, json!("Hello, Ada!"));
}

fn run(guest: Guest, arguments: &[&str]) -> Ran {
    let path = guest.path();
    Plugbay::new([&["run", path.to_str().expect("a path in UTF-8")], arguments].concat()).run()
}
