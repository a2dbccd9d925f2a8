//! A legacy plugin that reads its request from standard input: `{"action", "payload"}`.

use std::io::Write;

use plugbay_guests::{Value, json};

fn main() {
    let request: Value = match serde_json::from_reader(std::io::stdin()) {
        Ok(request) => request,
        Err(error) => {
            eprintln!("the request is not JSON: {error}");
            std::process::exit(2);
        }
    };
    let payload = &request["payload"];
    match request["action"].as_str().unwrap_or_default() {
        "echo" => println!("{payload}"),
        "silence" => {}
        "prose" => println!("this is not JSON"),
        "binary" => std::io::stdout().write_all(&[0xff, 0xfe, b'"']).expect("standard output is open"),
        "binary_text" => std::io::stdout().write_all(&[b'"', 0xff, b'"']).expect("standard output is open"),
        "two" => println!("1\n2"),
        "surroundings" => println!(
            "{}",
            json!({
                "environment": std::env::vars().count(),
                "files": std::fs::read_dir("/").map_or(0, Iterator::count),
            })
        ),
        "exit" => {
            eprintln!("leaving early");
            std::process::exit(payload.as_i64().unwrap_or(1) as i32);
        }
        "answer_and_exit" => {
            println!("{}", json!({ "done": false }));
            std::process::exit(payload.as_i64().unwrap_or(1) as i32);
        }
        "panic" => panic!("a legacy panic"),
        "spin" => loop {
            std::hint::black_box(0);
        },
        "sleep" => std::thread::sleep(std::time::Duration::from_secs(3600)),
        "hoard" => {
            let mut kept: Vec<Vec<u8>> = Vec::new();
            loop {
                kept.push(std::hint::black_box(vec![1; 1 << 20]));
            }
        }
        "flood" => {
            let block = vec![b'1'; 64 << 10];
            loop {
                if std::io::stdout().write_all(&block).is_err() {
                    std::process::exit(3);
                }
            }
        }
        other => {
            eprintln!("no action `{other}`");
            std::process::exit(1);
        }
    }
}
