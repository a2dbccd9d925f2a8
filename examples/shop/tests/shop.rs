//! The example as its readers run it.

use std::process::Command;

#[test]
fn plugin_uses_the_functions_of_the_application_that_it_was_granted() {
    let output = Command::new(env!("CARGO_BIN_EXE_shop")).output().expect("it starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    let (before, rest) = stdout.split_once("with both:\n").expect("two parts");
    let (granted, after) = rest.split_once("after they are taken back:\n").expect("three parts");

    let lines: Vec<&str> = before.lines().collect();
    let [_, of_stock, stock_hint, of_plugin, plugin_hint] = &lines[..] else { panic!("{stdout}") };
    assert!(of_plugin.contains("cannot load cart") && of_plugin.contains("plugbay:plugin/plugins"), "{stdout}");
    assert!(
        plugin_hint.contains(r#"`- {resource: "plugin.shop", actions: [execute]}` at the top of the policy"#),
        "{stdout}"
    );
    assert!(of_stock.contains("cannot load cart") && of_stock.contains("acme:shop/stock@1.0.0"), "{stdout}");
    assert!(
        stock_hint.contains(r#"`- {resource: "ext.stock.*", actions: [read]}` at the top of the policy"#),
        "{stdout}"
    );

    assert!(granted.contains(r#"cart asks for the price of "pear""#), "{stdout}");
    assert!(granted.contains(r#"total of ["apple", "apple", "pear"]: {"cents":135}"#), "{stdout}");
    assert!(granted.contains(r#"the shop does not sell "moon""#), "{stdout}");
    assert!(granted.contains(r#"cart asks how many of "pear" are left"#), "{stdout}");
    assert!(granted.contains(r#"sold_out of ["apple", "pear"]: ["pear"]"#), "{stdout}");
    assert!(!after.contains("asks") && after.contains("plugin.shop") && after.contains("ext.stock.apple"), "{stdout}");
}
