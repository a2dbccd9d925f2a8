//! A shop whose plugins ask it for prices and for its stock. An application gives its plugins functions of its own as
//! actions (here) or as an interface in WIT (`stock.rs`).
//!
//! `cargo run --bin shop` builds `example-plugins/cart`, which calls them, and loads it with one of the two
//! permissions, then with both.

mod build;
mod stock;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use plugbay::host_plugin::HostCall;
use plugbay::{Failure, HostPlugin, Package, Plugin, Policy, Runtime};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the application knows and its plugins do not.
struct Shop {
    items: BTreeMap<&'static str, Goods>,
}

struct Goods {
    cents: u32,
    left: u32,
}

#[derive(Deserialize)]
struct Item {
    item: String,
}

#[derive(Serialize)]
struct Price {
    cents: u32,
}

impl Shop {
    async fn price(self: Arc<Self>, call: HostCall, wanted: Item) -> Result<Price, Failure> {
        println!("  {} asks for the price of {:?}", call.plugin(), wanted.item);
        match self.items.get(&*wanted.item) {
            Some(&Goods { cents, .. }) => Ok(Price { cents }),
            None => Err(Failure::new("unknown_item", format!("the shop does not sell {:?}", wanted.item))),
        }
    }

    /// The shop as its plugins see it.
    fn plugin(self: &Arc<Self>) -> HostPlugin {
        let shop = self.clone();
        HostPlugin::new("shop").version("1.0.0").action("price", move |call, item| shop.clone().price(call, item))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (apple, pear) = (Goods { cents: 40, left: 12 }, Goods { cents: 55, left: 0 });
    let shop = Arc::new(Shop { items: BTreeMap::from([("apple", apple), ("pear", pear)]) });
    let runtime = Runtime::builder().extension(stock::extension(&shop)).build()?;
    runtime.provide(shop.plugin())?;

    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../example-plugins/cart");
    let component = build::component(&directory)?;
    let package = || Package::open_with_component(&directory, &component);

    let permissions = ["plugin.shop:execute", "ext.stock.*:read"];
    println!("with one of the two permissions:");
    for permission in permissions {
        let only = Policy::default().allow(permission)?;
        if let Err(error) = runtime.load(package()?.policy(only)).await {
            println!("  {error}");
            println!("  {}", error.hint().unwrap_or_default());
        }
    }

    println!("with both:");
    for permission in permissions {
        runtime.update_policy(|policy| policy.allow(permission))?;
    }
    let cart = runtime.load(package()?).await?;
    call(&cart, "total", &["apple", "apple", "pear"]).await;
    call(&cart, "total", &["moon"]).await;
    call(&cart, "sold_out", &["apple", "pear"]).await;

    println!("after they are taken back:");
    runtime.update_policy(|policy| policy.deny_first("plugin.shop")?.deny_first("ext.stock.apple"))?;
    call(&cart, "total", &["apple"]).await;
    call(&cart, "sold_out", &["apple"]).await;
    Ok(())
}

async fn call(cart: &Plugin, action: &str, items: &[&str]) {
    match cart.call::<Value>(action, &json!({ "items": items })).await {
        Ok(answer) => println!("  {action} of {items:?}: {answer}"),
        Err(error) => println!("  {action} of {items:?}: {error}"),
    }
}
