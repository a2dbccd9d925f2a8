//! The shop's own interface: `wit/shop.wit`, implemented for one instance of a plugin.

use std::sync::Arc;

use plugbay::extension::{Access, Extension, PermissionAction};
use plugbay::wasmtime::component::HasSelf;

use crate::Shop;

mod wit {
    #![allow(missing_docs, unreachable_pub, reason = "generated")]
    plugbay::wasmtime::component::bindgen!({
        path: "wit",
        imports: { default: async },
        wasmtime_crate: plugbay::wasmtime,
    });
}
use wit::acme::shop::stock;

/// The stock as one instance of a plugin sees it.
pub(crate) struct Stock {
    access: Access,
    shop: Arc<Shop>,
}

impl stock::Host for Stock {
    async fn left(&mut self, item: String) -> Result<u32, String> {
        let checked = self.access.check(&format!("ext.stock.{item}"), PermissionAction::Read).await;
        checked.map_err(|denial| denial.to_string())?;
        println!("  {} asks how many of {item:?} are left", self.access.plugin());
        self.shop.items.get(&*item).map(|item| item.left).ok_or_else(|| format!("the shop does not sell {item:?}"))
    }
}

/// The interface, for plugins that may read some of the stock.
pub(crate) fn extension(shop: &Arc<Shop>) -> Extension<Stock> {
    let shop = shop.clone();
    Extension::new("ext.stock.*", PermissionAction::Read, move |access| Stock { access, shop: shop.clone() })
        .interface("acme:shop/stock@1.0.0", stock::add_to_linker::<_, HasSelf<Stock>>)
}
