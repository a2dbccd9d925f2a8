//! An ordinary command. It reads `{"action": …, "payload": …}` from stdin, writes the result to stdout and messages to
//! stderr, and reports success or failure by its exit code.
//!
//! It does not depend on Plugbay and needs only a WASI target: `wasm32-wasip1` produces a core module, `wasm32-wasip2`
//! a component, and both run as plugins because `plugin.yaml` sets `execution_mode: legacy`. It also runs natively:
//! `echo '{"action": "shout", "payload": {"text": "hi"}}' | legacy`.

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
        Request::Fail(_) => Err("failed on request"),
    }
}
