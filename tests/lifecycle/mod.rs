//! A plugin's life: loaded, serving, hearing events, reloaded, unloaded.

mod event;
mod isolation;
mod layers;
mod load;
mod reload;
mod unload;
