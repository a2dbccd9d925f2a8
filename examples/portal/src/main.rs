//! A portal with a login of its own, whose plugins answer below `/plugins` to users who are logged in.
//!
//! `cargo run --bin portal` builds `example-plugins/items` and prints its address. Then:
//!
//! ```text
//! curl -c cookies -d '{"name":"ada","password":"lovelace"}' -H 'content-type: application/json' ADDRESS/login
//! curl -b cookies ADDRESS/plugins/items/me
//! ```
//!
//! The application has three things of its own: its login, its routes, and a layer around the plugins' routes that says
//! who the caller is (`login.rs`). The rest is [`plugbay_server::plugin_routes`].

#[path = "../../shop/src/build.rs"]
mod build;
mod login;

use std::error::Error;
use std::path::Path;

use axum::routing::{get, post};
use axum::{Router, middleware};
use plugbay::{Package, Runtime};
use plugbay_server::{Server, ServerSettings, ServerState, plugin_routes};
use tokio::net::TcpListener;

use crate::login::Sessions;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::new()?;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../example-plugins/items");
    let component = build::component(&directory)?;
    runtime.load(Package::open_with_component(&directory, &component)?).await?;

    let state = ServerState::new(&runtime, ServerSettings::default());
    let sessions = Sessions::default();
    let app = Router::new()
        .merge(plugin_routes(&state))
        .route("/me", get(login::me))
        .layer(middleware::from_fn_with_state(sessions.clone(), login::authenticate))
        // Added after the layer, so it is answered without a login.
        .merge(Router::new().route("/login", post(login::login)).with_state(sessions));

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7080".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);
    // The application could serve the router itself; this listener bounds what clients can do.
    let server = Server::new(&state, app);
    tokio::select! {
        () = server.serve(listener) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(())
}
