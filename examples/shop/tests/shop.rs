//! The example as its readers run it.

use std::process::Command;

#[test]
fn plugin_uses_the_functions_of_the_application_that_it_was_granted() {
    let output = Command::new(env!("CARGO_BIN_EXE_shop")).output().expect("it starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    let (before, rest) = stdout.split_once("with it:\n").expect("two parts");
    let (granted, after) = rest.split_once("after it is taken back:\n").expect("three parts");
    assert!(before.contains("cannot load cart") && before.contains("plugin.shop:execute"), "{stdout}");
    assert!(granted.contains(r#"cart asks for the price of "pear""#), "{stdout}");
    assert!(granted.contains(r#"["apple", "apple", "pear"]: {"cents":135}"#), "{stdout}");
    assert!(granted.contains(r#"the shop does not sell "moon""#), "{stdout}");
    assert!(!after.contains("asks") && after.contains("plugin.shop"), "{stdout}");
}
