//! Native tests of the program.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

fn run(input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_legacy"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("the program reads");
    child.wait_with_output().expect("the program ends")
}

#[test]
fn count_writes_numbers_to_stdout_and_a_note_to_stderr() {
    let output = run(r#"{"action": "count", "payload": {"text": "two words\nand more"}}"#);
    assert!(output.status.success());
    assert_eq!(output.stdout, b"{\"lines\":2,\"words\":4,\"characters\":18}\n");
    assert_eq!(output.stderr, b"legacy: counting 18 bytes\n");
}

#[test]
fn shout_converts_to_upper_case() {
    assert_eq!(run(r#"{"action": "shout", "payload": {"text": "straße"}}"#).stdout, b"{\"text\":\"STRASSE\"}\n");
}

#[test]
fn failed_or_invalid_request_sets_the_exit_code() {
    for input in [r#"{"action": "fail", "payload": null}"#, r#"{"action": "sing", "payload": null}"#, "no JSON", ""] {
        let output = run(input);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{input}");
        assert!(output.stderr.starts_with(b"legacy: "), "{input}");
    }
}
