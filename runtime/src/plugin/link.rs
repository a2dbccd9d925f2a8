//! Links components to host functions.
//!
//! Each engine has one linker, made once. Linking checks the type of every import, so that instantiation has nothing
//! left to look up.

use std::sync::{Arc, OnceLock};

use plugbay_compile::{Compiled, Metering};
use plugbay_manifest::ExecutionMode;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings::{cli, filesystem, random};

use super::check::OTHER_CONTRACT;
use super::instance::Linked;
use crate::error::LoadErrorKind;
use crate::host::contract::Exports;
use crate::host::extension::Extensions;
use crate::host::{HostState, SERVICES, directory, poll, socket};
use crate::limits::{FUEL_YIELD_INTERVAL, FUEL_YIELD_INTERVAL_COMPOSED};

/// The linkers of a runtime.
pub(crate) struct Linkers {
    metered: OnceLock<Linker<HostState>>,
    unmetered: OnceLock<Linker<HostState>>,
    extensions: Extensions,
    /// One permit for each instance that may live.
    live: Arc<Semaphore>,
}

impl Linkers {
    /// Creates linkers for at most this many live instances, of all components together. They link the host's
    /// interfaces and those of the application.
    pub(crate) fn new(live_instances: u32, extensions: Extensions) -> Self {
        Linkers {
            metered: OnceLock::new(),
            unmetered: OnceLock::new(),
            extensions,
            live: Arc::new(Semaphore::new(live_instances as usize)),
        }
    }

    pub(crate) fn link(&self, compiled: Compiled) -> Result<Linked, LoadErrorKind> {
        let Compiled { component, metering, is_composed, mapped } = compiled;
        let fuel_yield_interval = if is_composed { FUEL_YIELD_INTERVAL_COMPOSED } else { FUEL_YIELD_INTERVAL };
        let engine = component.engine();
        let slot = match metering {
            Metering::Fuel => &self.metered,
            Metering::Epoch => &self.unmetered,
        };
        let linker = match slot.get() {
            Some(linker) => linker,
            None => {
                let linker = self.new_linker(engine).map_err(|error| LoadErrorKind::Link(format!("{error:#}")))?;
                slot.get_or_init(|| linker)
            }
        };
        let pre = linker.instantiate_pre(&component).map_err(|error| LoadErrorKind::Link(format!("{error:#}")))?;
        let exports = Exports::find(engine, &component);
        let live = self.live.clone();
        Ok(Linked { metering, fuel_yield_interval, exports, pre, live, mapped, types_checked: OnceLock::new() })
    }

    /// Creates a linker with the same interfaces for all plugins. Access is checked when they are used.
    fn new_linker(&self, engine: &Engine) -> wasmtime::Result<Linker<HostState>> {
        let mut linker = Linker::new(engine);
        for service in SERVICES {
            (service.link)(&mut linker)?;
        }
        add_wasi(&mut linker)?;
        self.extensions.add_to_linker(&mut linker)?;
        Ok(linker)
    }
}

impl Linked {
    /// Checks that the component exports what its mode requires. The types of the exports are checked on its first
    /// instance.
    pub(crate) fn check_contract(&self, mode: ExecutionMode) -> Result<(), LoadErrorKind> {
        let missing = |message: &str| Err(LoadErrorKind::Contract(message.to_owned()));
        match mode {
            ExecutionMode::Legacy if self.exports.run.is_none() => missing(
                "it exports no `wasi:cli/run`: a legacy plugin is a WASI command, a program with a `main` function",
            ),
            ExecutionMode::Sandboxed | ExecutionMode::Trusted
                if self.exports.handle.is_none() && self.exports.incoming_handler.is_none() =>
            {
                match self.other_contract() {
                    Some(other) => missing(&format!("it exports `{other}`: {OTHER_CONTRACT}")),
                    None => missing(
                        "it does not export `plugbay:plugin/actions@0.2.0`: write it with `plugbay-sdk` or against \
                         `wit/`. A component that exports `wasi:http/incoming-handler@0.2` is a plugin too; or, if it is a WASI command, set `execution_mode: legacy` in its manifest, a \
                         `plugin.yaml` beside it with its file's name as `entry_point`; `plugbay call` calls the functions \
                         of any component",
                    ),
                }
            }
            _ => Ok(()),
        }
    }

    /// Returns the interface of another contract version that the component exports, if it does.
    fn other_contract(&self) -> Option<String> {
        let component = self.pre.component();
        let ty = component.component_type();
        let mut names = ty.exports(component.engine()).map(|(name, _)| name);
        names.find(|name| name.starts_with("plugbay:plugin/actions@")).map(str::to_owned)
    }
}

/// Adds the interfaces that guests' standard libraries import.
fn add_wasi(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    use wasmtime_wasi::cli::{WasiCli, WasiCliView};
    use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};

    // Input and output, clocks, random numbers and the three standard streams.
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    poll::add_to_linker(linker)?;
    random::insecure::add_to_linker::<_, wasmtime_wasi::random::WasiRandom>(linker, random_of)?;
    random::insecure_seed::add_to_linker::<_, wasmtime_wasi::random::WasiRandom>(linker, random_of)?;
    filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, HostState::filesystem)?;
    directory::add_to_linker(linker)?;
    socket::add_to_linker(linker)?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, HostState::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(linker, HostState::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, HostState::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, HostState::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, HostState::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, HostState::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, HostState::cli)?;
    Ok(())
}

fn random_of(state: &mut HostState) -> &mut wasmtime_wasi::random::WasiRandomCtx {
    wasmtime_wasi::random::WasiRandomView::random(state)
}
