//! Installed plugins through the command: their whole life, packages that are refused, registries and signatures,
//! processes that are killed.

#[cfg(unix)]
mod crash;
mod dead_letters;
mod life;
mod named;
#[cfg(unix)]
mod progress;
mod publish;
#[cfg(unix)]
mod question;
mod refused;
mod scene;
mod second_host;
mod wkg;
