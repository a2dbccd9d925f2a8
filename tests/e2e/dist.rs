//! The systemd unit and the container file: their commands run as they stand there, with other paths.

use std::path::Path;

use rustix::process::Signal;

use super::serve::Served;
use crate::harness::client::get;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[tokio::test]
async fn commands_of_the_unit_start_reload_and_stop_a_server() {
    let unit = file("plugbay.service");
    let value = |name: &str| {
        let line = unit.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("the unit has no {name}")).to_owned()
    };
    assert_eq!(value("ExecReload"), "/bin/kill -HUP $MAINPID");
    let directory = tempfile::tempdir().expect("a directory");
    let shown = |name: &str| directory.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(directory.path().join("plugbay.yaml"), "policy: []\n").expect("written");
    let start = value("ExecStart")
        .replace("/etc/plugbay/plugbay.yaml", &shown("plugbay.yaml"))
        .replace("/var/lib/plugbay", &shown("data"));
    let arguments: Vec<&str> = start.split(' ').collect();
    assert_eq!(arguments[..2], ["/usr/local/bin/plugbay", "serve"]);
    let mut served = Served::start(&arguments[2..]);
    assert_eq!(get(served.address, "/readyz").await.status, 200);
    served.send(Signal::HUP);
    served.printed_until("the settings are read again");
    // As systemd stops it.
    served.end();
}

#[tokio::test]
async fn container_needs_a_token_and_is_healthy_with_one() {
    let container = file("Containerfile");
    let line = |name: &str| container.lines().rfind(|line| line.starts_with(name)).expect("a line").to_owned();
    let list = |line: &str| -> Vec<String> {
        serde_json::from_str(&line[line.find('[').expect("a list")..]).expect("a JSON list")
    };
    let command = list(&line("CMD "));
    assert_eq!(command, ["serve", "--address", "0.0.0.0:7070"]);
    assert_eq!(line("STOPSIGNAL"), "STOPSIGNAL SIGTERM");
    let data = tempfile::tempdir().expect("a directory");
    let run = |arguments: &[&str]| {
        let command = crate::harness::command::Plugbay::new(arguments).environment("PLUGBAY_DATA_DIR", data.path());
        command.run()
    };
    let health = list(&line("HEALTHCHECK"));
    let health: Vec<&str> = health[1..].iter().map(String::as_str).collect();
    assert_ne!(run(&health).exit_code, 0, "no server runs");
    let any = ["serve", "--address", "0.0.0.0:0"];
    assert!(run(&any).exits_with(2).stderr.contains("plugbay token create"));
    run(&["token", "create", "--consumer", "ci", "--scope", "manage"]).exits_with(0);
    let served = Served::start_at("0.0.0.0:0", &["--data-dir", data.path().to_str().expect("UTF-8")]);
    run(&health).exits_with(0);
    served.end();
}
