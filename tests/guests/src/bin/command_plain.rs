//! An ordinary program: it reads no input, and prints one line of JSON and one line to standard error.

fn main() {
    eprintln!("about to answer");
    println!(r#"{{"greeting": "from an ordinary program", "arguments": {:?}}}"#, std::env::args().collect::<Vec<_>>());
}
