//! The smallest wasmtime host that runs one call, the baseline for the start of the command line.
//!
//! `smallest compile IN.wasm OUT.cwasm` compiles once. `smallest OUT.cwasm ACTION` maps the code, instantiates it,
//! calls the action and prints its result. It has no limits, no WASI and no async.

use wasmtime::component::{Component, ComponentType, Lift, Linker};
use wasmtime::error::Context;
use wasmtime::{Engine, Result, Store, bail};

/// The contract's failure. Its type must match, and its code and message are printed.
#[derive(ComponentType, Lift)]
#[component(record)]
struct Failure {
    code: String,
    message: String,
    #[component(name = "details")]
    _details: Option<String>,
    #[component(name = "status-code")]
    _status_code: Option<u16>,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let engine = Engine::default();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["compile", wasm, cwasm] => {
            std::fs::write(cwasm, engine.precompile_component(&std::fs::read(wasm)?)?)?;
        }
        [cwasm, action] => println!("{}", call(&engine, cwasm, action)?),
        _ => bail!("smallest compile IN.wasm OUT.cwasm | smallest OUT.cwasm ACTION"),
    }
    Ok(())
}

fn call(engine: &Engine, cwasm: &str, action: &str) -> Result<String> {
    // SAFETY: the benchmark names a file that this program has just compiled, in a private temporary directory.
    #[expect(unsafe_code, reason = "the benchmark measures the mapping of compiled code")]
    let component = unsafe { Component::deserialize_file(engine, cwasm)? };
    let mut linker = Linker::new(engine);
    linker.define_unknown_imports_as_traps(&component)?;
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, &component)?;
    let actions = instance.get_export_index(&mut store, None, "plugbay:plugin/actions@0.2.0").context("no actions")?;
    let handle = instance.get_export_index(&mut store, Some(&actions), "handle").context("no handle")?;
    let handle = instance.get_typed_func::<(&str, &str), (Result<String, Failure>,)>(&mut store, &handle)?;
    match handle.call(&mut store, (action, "null"))? {
        (Ok(answer),) => Ok(answer),
        (Err(Failure { code, message, .. }),) => bail!("{code}: {message}"),
    }
}
