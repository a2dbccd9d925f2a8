//! Behaves in each lifecycle call as its configuration specifies: `fail`, `trap`, `hang`, or ordinary.
//!
//! Its state is a total that `add` increases and that survives a reload. `moments` lists the lifecycle calls that this
//! instance has received.

use std::cell::{Cell, RefCell};

use plugbay_guests::{Failure, Value, config, failure, json, log};

/// The format of the state.
const FORMAT: u32 = 7;

thread_local! {
    /// The version of the older revision.
    static FROM: RefCell<String> = const { RefCell::new(String::new()) };
    static TOTAL: Cell<u64> = const { Cell::new(0) };
    static MOMENTS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    /// The configured revision when this instance started.
    static REVISION: Cell<u64> = const { Cell::new(0) };
}

plugbay_guests::bindings_of_everything!();

use exports::plugbay::plugin::{actions, event_handler, health, lifecycle};

struct Guest;

fn configured_revision() -> u64 {
    config::get("revision").ok().flatten().and_then(|json| json.parse().ok()).unwrap_or_default()
}

fn moment(name: &str) -> Result<(), Failure> {
    if name != "on_unload" && name != "save_state" {
        REVISION.set(configured_revision());
    }
    MOMENTS.with_borrow_mut(|moments| moments.push(name.to_owned()));
    log::write(log::Level::Info, "lifecycle", name, &[]);
    let behaviour = config::get(name).ok().flatten().unwrap_or_default();
    match behaviour.trim_matches('"') {
        "fail" => Err(failure("not_ready", format!("{name} fails as configured"))),
        "trap" => panic!("{name} traps as configured"),
        "hang" => loop {
            std::hint::black_box(0);
        },
        "sleep" => {
            std::thread::sleep(std::time::Duration::from_secs(3600));
            Ok(())
        }
        _ => Ok(()),
    }
}

impl lifecycle::Guest for Guest {
    fn on_load() -> Result<(), Failure> {
        moment("on_load")
    }

    fn save_state() -> Result<Option<lifecycle::State>, Failure> {
        moment("save_state")?;
        Ok(Some(lifecycle::State { format: FORMAT, bytes: TOTAL.get().to_le_bytes().to_vec() }))
    }

    fn on_reload(from: String, state: Option<lifecycle::State>) -> Result<(), Failure> {
        moment("on_reload")?;
        FROM.set(from);
        let Some(state) = state else { return Ok(()) };
        if state.format != FORMAT {
            return Err(failure("bad_state", format!("the state has format {}", state.format)));
        }
        let bytes = state.bytes.try_into().map_err(|_| failure("bad_state", "the state is not eight bytes"))?;
        TOTAL.set(u64::from_le_bytes(bytes));
        Ok(())
    }

    fn on_unload() {
        // `on_unload` cannot return a failure.
        let _ = moment("on_unload");
    }
}

impl actions::Guest for Guest {
    fn handle(action: String, payload: String) -> Result<String, Failure> {
        plugbay_guests::dispatch(&action, payload, |action, payload| match action {
            "add" => {
                TOTAL.set(TOTAL.get() + payload.as_u64().unwrap_or(1));
                Ok(json!(TOTAL.get()))
            }
            "revision" => Ok(json!([REVISION.get(), configured_revision(), TOTAL.get()])),
            "from" => Ok(json!(FROM.take())),
            "moments" => Ok(MOMENTS.with_borrow(|moments| json!(moments))),
            "trap" => panic!("the action `trap` traps"),
            other => plugbay_guests::unknown(other),
        })
    }
}

impl event_handler::Guest for Guest {
    fn on_event(_: &plugbay_guests::events::Event) -> Result<(), Failure> {
        Ok(())
    }
}

impl health::Guest for Guest {
    fn check() -> Result<String, Failure> {
        let behaviour = config::get("health").ok().flatten().unwrap_or_default();
        let healthy = behaviour.trim_matches('"') != "fail";
        Ok(Value::to_string(&json!({ "healthy": healthy, "message": if healthy { "" } else { "it has a fever" } })))
    }
}

export!(Guest);
