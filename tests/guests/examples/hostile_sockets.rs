//! Connects to somewhere: imports `wasi:sockets`, which nobody granted.

plugbay_guests::attack!(|address| {
    let address = address.as_str().unwrap_or("127.0.0.1:80");
    std::net::TcpStream::connect(address).map_or_else(|error| error.to_string(), |_| "connected".to_owned()).into()
});
