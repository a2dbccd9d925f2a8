//! An ordinary program: it reads nothing, prints one line of JSON and one to standard error.

fn main() {
    eprintln!("about to answer");
    println!(
        r#"{{"greeting": "from an ordinary program", "arguments": {}}}"#,
        std::env::args().count().saturating_sub(1)
    );
}
