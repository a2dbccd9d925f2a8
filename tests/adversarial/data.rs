//! Plugins that store more than they may, or that keep the host busy with their data.

use serde_json::json;

use crate::harness::assert::assert_contains;
use crate::harness::attack::Attack;
use crate::harness::guest::hostile;
use crate::harness::host::pings;
use crate::harness::patience::ends;

#[tokio::test]
async fn data_filled_with_large_values_ends_at_its_byte_limit() {
    let fill = json!({ "how": "fill", "bytes": 1 << 20, "at_once": 4 });
    let attack = Attack::by(hostile::DATA).granted("data.*").resource("max_fuel", json!(10_000_000_000_u64));
    let (_, answer) = attack.resource("timeout_seconds", json!(60)).payload(fill).does_no_harm().await;
    assert_eq!(answer["rounds"], json!(15), "16 times 4 MiB and the keys are more than 64 MiB");
    assert_contains(answer["refused"].as_str().unwrap_or_default(), &["data_bytes", "67108864"]);
}

#[tokio::test]
async fn data_filled_with_keys_ends_at_its_key_limit() {
    let fill = json!({ "how": "fill", "bytes": 1, "at_once": 1_000 });
    let attack = Attack::by(hostile::DATA).granted("data.*").resource("max_fuel", json!(10_000_000_000_u64));
    let (_, answer) = attack.resource("timeout_seconds", json!(60)).payload(fill).does_no_harm().await;
    assert_eq!(answer["rounds"], json!(100));
    assert_contains(answer["refused"].as_str().unwrap_or_default(), &["data_keys", "100000", "101000"]);
}

#[tokio::test]
async fn endless_calls_yield_and_end_at_the_deadline() {
    for how in ["ask_for_what_is_denied", "ask_with_long_keys", "list", "read"] {
        let attack = Attack::by(hostile::DATA)
            .granted("data.mine.*")
            .payload(json!({ "how": how }))
            .resource("max_fuel", json!(0))
            .resource("timeout_seconds", json!(0.7));
        let aftermath = ends(attack.ends_in("timeout")).await;
        // Others are served while it attacks.
        let neighbour = aftermath.host.runtime.plugin("neighbour").expect("it is loaded");
        let attacker = aftermath.attacker.clone();
        let payload = json!({ "how": how });
        let attack = tokio::spawn(async move { attacker.call::<serde_json::Value>("attack", &payload).await });
        let mut served = 0;
        while !attack.is_finished() {
            pings(&neighbour).await;
            served += 1;
            tokio::task::yield_now().await;
        }
        // A blocked neighbour would be served once: before the attack begins, or after its end.
        assert!(served > 2, "{how}: the neighbour was served {served} times");
    }
}
