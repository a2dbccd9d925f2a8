//! The manifest has the topics in one spelling.

use plugbay_sdk::json;

#[test]
fn topics_of_all_spellings_are_declared_with_dots() {
    let manifest = container_watch::native_instance().manifest();
    let subscribes = manifest[1]["events"]["subscribes"].as_array().expect("a list").clone();
    let topics: Vec<_> = subscribes.iter().map(|subscription| subscription["topic"].clone()).collect();
    let of_containers =
        ["create", "start", "stop", "die", "destroy"].map(|action| json!(format!("container.{action}")));
    assert_eq!(topics, [&of_containers[..], &[json!("image.*")]].concat());
}
