//! A plugin's life: loaded, serving, hearing events, reloaded, unloaded.

mod boot;
mod event;
mod isolation;
mod layers;
mod load;
mod reload;
mod unload;
