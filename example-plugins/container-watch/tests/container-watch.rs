//! The manifest has the topics in one spelling.

use plugbay_sdk::json;

#[test]
fn topics_of_all_spellings_are_declared_with_dots() {
    let manifest = container_watch::native_instance().manifest();
    let subscribes = manifest[1]["events"]["subscribes"].as_array().expect("a list").clone();
    let topics: Vec<_> = subscribes.iter().map(|subscription| subscription["topic"].clone()).collect();
    assert_eq!(topics, [json!("container.start"), json!("container.stop"), json!("container.die")]);
}
