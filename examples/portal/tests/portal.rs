//! The portal as its users see it: over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

struct Portal {
    process: Child,
    address: String,
}

impl Portal {
    fn start() -> Portal {
        let mut process = Command::new(env!("CARGO_BIN_EXE_portal"))
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("its address");
        Portal { process, address: line.trim().trim_start_matches("http://").to_owned() }
    }

    /// The whole response to a request.
    fn request(&self, method: &str, path: &str, cookie: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("connected");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncookie: {cookie}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        response
    }

    /// Logs in, and returns the cookie.
    fn login(&self, name: &str, password: &str) -> String {
        let body = format!("{{\"name\":\"{name}\",\"password\":\"{password}\"}}");
        let response = self.request("POST", "/login", "", &body);
        let cookie = response.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        cookie.split(';').next().expect("a value").to_owned()
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn plugins_answer_users_who_are_logged_in() {
    let portal = Portal::start();
    let check = |response: String, status: &str, part: &str| {
        assert!(response.starts_with(&format!("HTTP/1.1 {status}")) && response.contains(part), "{response}");
    };
    check(portal.request("GET", "/plugins/items/me", "", ""), "401", "log in first");
    check(portal.request("GET", "/plugins/items/me", "session=0", ""), "401", "log in first");
    check(portal.request("POST", "/login", "", "{\"name\":\"ada\",\"password\":\"x\"}"), "401", "is wrong");

    let ada = portal.login("ada", "lovelace");
    check(portal.request("GET", "/me", &ada, ""), "200", "{\"name\":\"ada\"}");
    check(portal.request("GET", "/plugins/items/me", &ada, ""), "200", "\"ada\"");
    check(portal.request("POST", "/plugins/items/items", &ada, "{\"name\":\"Tea\"}"), "201", "\"name\":\"Tea\"");
    check(portal.request("GET", "/plugins/items/items/1", &format!("a=b; {ada}"), ""), "200", "\"name\":\"Tea\"");

    let guest = portal.login("guest", "guest");
    check(portal.request("GET", "/me", &guest, ""), "200", "{\"name\":\"guest\"}");
    check(portal.request("GET", "/plugins/items/me", &guest, ""), "403", "call:items");
}
