//! An ordinary command: reads `{"action": …, "payload": …}` from stdin, writes the result to stdout, notes to stderr,
//! and says by its exit code whether it went well.
//!
//! It has never heard of Plugbay and needs nothing but a WASI target: `wasm32-wasip1` makes a core module of it,
//! `wasm32-wasip2` a component, and both run as plugins because `plugin.yaml` says `execution_mode: legacy`. On the
//! author's machine it is a program like any other: `echo '{"action": "shout", "payload": {"text": "hi"}}' | legacy`.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(tag = "action", content = "payload", rename_all = "lowercase")]
enum Request {
    Count { text: String },
    Shout { text: String },
    Fail(serde::de::IgnoredAny),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Counted { lines: usize, words: usize, characters: usize },
    Shouted { text: String },
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("legacy: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let answer = answer(serde_json::from_str(&input)?)?;
    let mut stdout = std::io::stdout().lock();
    serde_json::to_writer(&mut stdout, &answer)?;
    writeln!(stdout)?;
    Ok(())
}

fn answer(request: Request) -> Result<Answer, &'static str> {
    match request {
        Request::Count { text } => {
            eprintln!("legacy: counting {} bytes", text.len());
            Ok(Answer::Counted {
                lines: text.lines().count(),
                words: text.split_whitespace().count(),
                characters: text.chars().count(),
            })
        }
        Request::Shout { text } => Ok(Answer::Shouted { text: text.to_uppercase() }),
        Request::Fail(_) => Err("told to fail"),
    }
}
