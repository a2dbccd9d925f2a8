//! Uses the network through `wasi:sockets` without a grant.
//!
//! The payload is `connect ADDRESS`, `bind ADDRESS` (UDP) or `look up NAME`.

use std::net::{TcpStream, ToSocketAddrs, UdpSocket};

plugbay_guests::attack!(|request| {
    let request = request.as_str().unwrap_or_default();
    let reached = match request.split_once(' ').unwrap_or_default() {
        ("bind", address) => UdpSocket::bind(address).map(|_| "bound"),
        ("look", name) => (name.trim_start_matches("up "), 80).to_socket_addrs().map(|_| "found"),
        (_, address) => TcpStream::connect(address).map(|_| "connected"),
    };
    match reached {
        Ok(what) => what.to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
    .into()
});
