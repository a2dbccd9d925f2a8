//! A shopping cart. Its prices come from `shop`, which is not a WebAssembly component: the application that runs this
//! plugin provides it (`examples/shop`). What is sold out it learns from an interface of that application.

use plugbay_sdk::plugins;
use plugbay_sdk::prelude::*;

plugbay_sdk::import_wit!("../../examples/shop/wit");
use acme::shop::stock;

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Cart {
    #[schema(max_items = 100)]
    items: Vec<String>,
}

#[derive(Serialize)]
struct Item<'a> {
    item: &'a str,
}

#[derive(Deserialize)]
struct Price {
    cents: u64,
}

#[derive(Serialize, Schema)]
struct Total {
    cents: u64,
}

#[derive(Default)]
struct ShoppingCart;

#[plugin]
impl ShoppingCart {
    /// Adds up the prices of all items.
    #[action(idempotent)]
    fn total(&self, cart: Cart) -> Result<Total> {
        let price = |item: &String| plugins::call("shop", "price", &Item { item });
        let prices = cart.items.iter().map(price).collect::<Result<Vec<Price>>>()?;
        Ok(Total { cents: prices.iter().map(|price| price.cents).sum() })
    }

    /// Returns the items of which nothing is left.
    #[action(idempotent)]
    fn sold_out(&self, cart: Cart) -> Result<Vec<String>> {
        let mut sold_out = Vec::new();
        for item in cart.items {
            if stock::left(&item).map_err(error)? == 0 {
                sold_out.push(item);
            }
        }
        Ok(sold_out)
    }
}
