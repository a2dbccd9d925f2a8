//! The life cycle of plugins: loading, serving, events, reloading, unloading.

mod boot;
mod event;
mod isolation;
mod layers;
mod load;
mod pool;
mod reload;
mod unload;
