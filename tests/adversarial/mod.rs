//! Attacks by hostile plugins, one test for each row of SECURITY.md's table. After each attack the error has its code
//! and numbers, the neighbour is unharmed, a fresh instance serves the next call, and resources are released.

mod abi;
mod cache;
mod cancel;
mod compute;
mod data;
#[cfg(unix)]
mod directory;
mod events;
mod extension;
mod file;
mod http;
mod import;
mod life;
mod memory;
mod output;
mod plugins;
mod release;
mod scheduler;
mod schema;
mod sql;
mod surroundings;
mod trap;
mod trust;
