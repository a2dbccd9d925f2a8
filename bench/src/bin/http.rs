//! The benchmark of the server and of the supervisor of processes.

use plugbay_bench::row::{follow, hostile, http, pages, processes};
use plugbay_bench::{Measure, run, subject};

const ROWS: &[Measure] = &[
    ("http-ping", http::warm_ping),
    ("http-echo", http::warm_echo),
    ("http-fresh", http::fresh_ping),
    ("http-minimal", http::minimal),
    ("http-follow", follow::row),
    ("http-pages", pages::row),
    ("hostile", hostile::row),
    ("processes", processes::row),
];

fn main() -> anyhow::Result<()> {
    let children = [
        (follow::CHILD, follow::child as fn(&[String]) -> anyhow::Result<()>),
        (pages::CHILD, pages::child),
        (hostile::GOOD, hostile::good_client),
        (hostile::HOSTILE, hostile::hostile_client),
        (processes::CHILD, processes::child),
        (http::SERVE, http::serve),
        (subject::http::CLIENT, subject::http::client),
    ];
    run(ROWS, &children)
}
