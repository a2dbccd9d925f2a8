//! Plugbay over HTTP.
