//! Plugbay over HTTP.

#![forbid(unsafe_code)]

pub mod access;
