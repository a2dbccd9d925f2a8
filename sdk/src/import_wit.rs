//! Functions of an application's own interfaces, generated from WIT.

/// Makes Rust functions of the interfaces that an application offers to its plugins, from the application's WIT.
///
/// The argument is the path of a `.wit` file or a directory of them, relative to the plugin's `Cargo.toml`. Its world
/// imports the interfaces; if there are several worlds, the second argument names one. The functions are in modules
/// named like the package and the interface. A module of the plugin can use this once.
///
/// ```ignore
/// // wit/shop.wit has: package acme:shop@1.0.0;
/// //                   interface stock { left: func(item: string) -> result<u32, string>; }
/// //                   world plugin { import stock; }
/// use plugbay_sdk::prelude::*;
///
/// plugbay_sdk::import_wit!("wit/shop.wit");
/// use acme::shop::stock;
///
/// fn is_sold_out(item: &str) -> Result<bool> {
///     Ok(stock::left(item).map_err(error)? == 0)
/// }
/// ```
///
/// The plugin asks for the permission that the application names, as for any other: `permissions: [{ resource:
/// "ext.stock.*", actions: [read] }]`. A host without the interface does not load the plugin.
///
/// In a native build there is no host, and the functions panic. Test what calls them as a component, with
/// `plugbay-testing` and the application's extension: `TestHost::builder().runtime(|runtime|
/// runtime.extension(…))`.
#[macro_export]
macro_rules! import_wit {
    ($path:literal $(, $world:literal)? $(,)?) => {
        mod imported_wit {
            $crate::__private::wit_bindgen::generate!({
                path: $path,
                $(world: $world,)?
                generate_all,
                runtime_path: "plugbay_sdk::__private::wit_bindgen::rt",
            });
        }
        pub(crate) use imported_wit::*;
    };
}
