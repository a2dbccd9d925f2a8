//! The life cycle of plugins: loading, serving, events, reloading, unloading.

mod boot;
mod bus;
mod durable;
mod event;
mod event_admission;
mod isolation;
mod layers;
mod lazy;
mod load;
mod pool;
mod reload;
mod reload_options;
mod reload_under_load;
mod restart;
mod state;
mod transitions;
mod unload;
mod watch;
