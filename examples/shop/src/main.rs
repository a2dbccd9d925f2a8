//! A shop whose plugins ask it for prices: an application that gives its plugins functions of its own.
//!
//! `cargo run --bin shop` builds `example-plugins/cart`, which calls them, and runs it without the permission and with
//! it.

mod build;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use plugbay::{Failure, HostCall, HostPlugin, Package, Plugin, Runtime};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the application knows and its plugins do not.
struct Shop {
    cents: BTreeMap<&'static str, u32>,
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
        match self.cents.get(&*wanted.item) {
            Some(&cents) => Ok(Price { cents }),
            None => Err(Failure::new("unknown_item", format!("the shop does not sell {:?}", wanted.item))),
        }
    }

    /// The shop as its plugins see it.
    fn into_plugin(self) -> HostPlugin {
        let shop = Arc::new(self);
        HostPlugin::new("shop").version("1.0.0").action("price", move |call, item| shop.clone().price(call, item))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let shop = Shop { cents: BTreeMap::from([("apple", 40), ("pear", 55)]) };
    let runtime = Runtime::new()?;
    runtime.provide(shop.into_plugin())?;

    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../example-plugins/cart");
    let component = build::component(&directory)?;
    let package = || Package::open_with_component(&directory, &component);

    println!("without the permission:");
    if let Err(error) = runtime.load(package()?).await {
        println!("  {error}");
    }

    println!("with it:");
    runtime.update_policy(|policy| policy.allow("plugin.shop:execute"))?;
    let cart = runtime.load(package()?).await?;
    total(&cart, &["apple", "apple", "pear"]).await;
    total(&cart, &["moon"]).await;

    println!("after it is taken back:");
    runtime.update_policy(|policy| policy.deny_first("plugin.shop"))?;
    total(&cart, &["apple"]).await;
    Ok(())
}

async fn total(cart: &Plugin, items: &[&str]) {
    match cart.call::<Value>("total", &json!({ "items": items })).await {
        Ok(total) => println!("  {items:?}: {total}"),
        Err(error) => println!("  {items:?}: {error}"),
    }
}
