//! The `plugbay` command from the outside: its output, its exit codes, and every example plugin.

#[cfg(target_os = "linux")]
mod address_space;
#[cfg(unix)]
mod bare_machine;
mod build;
mod call;
mod catalog;
#[cfg(unix)]
mod dev;
#[cfg(unix)]
mod dist;
mod doctor;
#[cfg(unix)]
mod durability;
mod example;
mod exit_code;
#[cfg(unix)]
mod follow;
mod inspect;
#[cfg(unix)]
mod mcp;
mod new;
mod original;
#[cfg(unix)]
mod output;
#[cfg(unix)]
mod plugin_directory;
mod policy;
#[cfg(target_os = "linux")]
mod read_only;
mod run;
#[cfg(unix)]
mod seeds;
#[cfg(unix)]
mod serve;
#[cfg(unix)]
mod serve_admin;
#[cfg(unix)]
mod serve_docker;
#[cfg(unix)]
mod serve_example;
#[cfg(unix)]
mod serve_local;
#[cfg(unix)]
mod serve_otlp;
#[cfg(target_os = "linux")]
mod serve_processes;
#[cfg(unix)]
mod serve_settings;
mod service_cache;
mod service_config;
mod service_data;
mod service_db;
mod service_http;
mod service_plugins;
mod service_scheduler;
#[cfg(unix)]
mod signal;
#[cfg(unix)]
mod terminal;
mod test_command;
mod token;
#[cfg(unix)]
mod toolchain;
mod trust;
mod watch;
mod wit;
