//! The rules of a backend for durable events: `plugbay::store::EventStore`.

use std::sync::Arc;

use plugbay::store::{DeliveryOutcome, EventReceiver, EventStore, EventStoreError, PendingEvent, PublishedEvent};

const PLUGINS: [&str; 2] = ["conformance-one", "conformance-two"];

/// The pending deliveries that a plugin may have.
const PENDING_MAX: usize = 100_000;

/// Checks every rule.
///
/// # Panics
/// If the backend breaks one.
pub(crate) async fn check(store: &dyn EventStore) {
    for rule in 0..6 {
        for plugin in PLUGINS {
            store.remove(plugin).await.expect("its events can be removed");
        }
        match rule {
            0 => event_is_returned_as_it_was_stored(store).await,
            1 => deliveries_are_claimed_in_order_until_they_are_settled(store).await,
            2 => delivery_that_was_claimed_before_is_claimed_alone(store).await,
            3 => dead_letters_are_listed_retried_and_removed(store).await,
            4 => concurrent_events_are_all_stored(store).await,
            _ => full_queue_refuses_the_event_for_all_receivers(store).await,
        }
    }
}

/// Checks that stored events are there when the backend is opened again.
///
/// # Panics
/// If they are not.
pub(crate) async fn check_events_outlive_the_store<S: EventStore>(open: impl Fn() -> S) {
    let store = open();
    append(&store, "one", &[PLUGINS[0]]).await;
    append(&store, "two", &[PLUGINS[0]]).await;
    assert_eq!(claim(&store, PLUGINS[0], 1).await, [("one".to_owned(), 1)]);
    drop(store);
    let store = open();
    assert_eq!(claim(&store, PLUGINS[0], 9).await, [("one".to_owned(), 2)]);
}

async fn event_is_returned_as_it_was_stored(store: &dyn EventStore) {
    let mut event = event("1");
    event.topic = "order.placed".to_owned();
    event.data = r#"{"ä": [1, "\u0000"]}"#.to_owned();
    event.source = "shop".to_owned();
    event.timestamp_ms = 1_767_225_600_123;
    event.correlation_id = Some("story".to_owned());
    event.target = Some(PLUGINS[0].to_owned());
    event.depth = 7;
    let receivers = ["a", "#b.*"].map(|subscription| receiver(PLUGINS[0], subscription));
    store.append(Arc::new(event.clone()), receivers.to_vec()).await.expect("it is stored");
    let pending = store.claim(PLUGINS[0], 9).await.expect("they are read");
    let subscriptions: Vec<&str> = pending.iter().map(|delivery| &*delivery.subscription).collect();
    assert_eq!(subscriptions, ["a", "#b.*"], "a delivery for each receiver, in their order");
    assert!(pending.iter().all(|delivery| delivery.event == event && delivery.attempt == 1), "{pending:?}");
    assert!(pending[0].number < pending[1].number);
}

async fn deliveries_are_claimed_in_order_until_they_are_settled(store: &dyn EventStore) {
    for id in ["1", "2", "3"] {
        append(store, id, &PLUGINS).await;
    }
    let first = store.claim(PLUGINS[0], 2).await.expect("they are read");
    assert_eq!(shown(&first), [("1".to_owned(), 1), ("2".to_owned(), 1)]);
    let outcomes =
        vec![(first[0].number, DeliveryOutcome::Delivered), (first[1].number, DeliveryOutcome::NotAttempted)];
    store.settle(outcomes).await.expect("they are settled");
    assert_eq!(claim(store, PLUGINS[0], 9).await, [("2".to_owned(), 1), ("3".to_owned(), 1)]);
    assert_eq!(claim(store, PLUGINS[1], 9).await.len(), 3, "plugins have deliveries of their own");
    store.settle(vec![(u64::MAX >> 1, DeliveryOutcome::Delivered)]).await.expect("an unknown number is ignored");
}

async fn delivery_that_was_claimed_before_is_claimed_alone(store: &dyn EventStore) {
    for id in ["1", "2", "3"] {
        append(store, id, &PLUGINS[..1]).await;
    }
    assert_eq!(claim(store, PLUGINS[0], 2).await.len(), 2);
    for attempt in 2..5 {
        assert_eq!(claim(store, PLUGINS[0], 9).await, [("1".to_owned(), attempt)]);
    }
    let alone = store.claim(PLUGINS[0], 9).await.expect("it is read");
    store.settle(vec![(alone[0].number, DeliveryOutcome::Delivered)]).await.expect("it is settled");
    let second = store.claim(PLUGINS[0], 9).await.expect("it is read");
    assert_eq!(shown(&second), [("2".to_owned(), 2)]);
    store.settle(vec![(second[0].number, DeliveryOutcome::Delivered)]).await.expect("it is settled");
    assert_eq!(claim(store, PLUGINS[0], 9).await, [("3".to_owned(), 1)]);
}

async fn dead_letters_are_listed_retried_and_removed(store: &dyn EventStore) {
    for id in ["1", "2", "3"] {
        append(store, id, &PLUGINS[..1]).await;
    }
    let before = letters(store, 0).await.last().map_or(0, |letter| letter.0);
    let pending = store.claim(PLUGINS[0], 2).await.expect("they are read");
    let dead =
        |delivery: &PendingEvent| (delivery.number, DeliveryOutcome::Dead { error: "it broke".to_owned(), time_ms: 7 });
    store.settle(pending.iter().map(dead).collect()).await.expect("they are settled");
    let found = store.dead_letters(None, before, 9).await.expect("they are read");
    assert_eq!((found.len(), &*found[0].plugin, &*found[0].error, found[0].time_ms), (2, PLUGINS[0], "it broke", 7));
    assert_eq!((found[0].attempts, &*found[0].event.id), (1, "1"));
    assert_eq!(letters(store, found[0].number).await.len(), 1, "from a number on");
    for (plugin, count) in PLUGINS.into_iter().zip([2, 0]) {
        let of_one = store.dead_letters(Some(plugin), before, 9).await.expect("they are read");
        assert_eq!(of_one.len(), count, "{plugin}");
    }

    let retried = store.retry_dead_letter(found[0].number).await.expect("it is retried");
    assert_eq!(retried.as_deref(), Some(PLUGINS[0]));
    assert_eq!(store.retry_dead_letter(found[0].number).await, Ok(None));
    assert_eq!(claim(store, PLUGINS[0], 9).await, [("3".to_owned(), 1), ("1".to_owned(), 1)], "it is the last");
    assert_eq!(store.remove_dead_letter(found[1].number).await, Ok(true));
    assert_eq!(store.remove_dead_letter(found[1].number).await, Ok(false));
    assert!(letters(store, before).await.is_empty());
    assert_eq!(store.remove(PLUGINS[0]).await, Ok(true));
    assert_eq!(store.remove(PLUGINS[0]).await, Ok(false));
}

async fn concurrent_events_are_all_stored(store: &dyn EventStore) {
    let appends =
        (0..50).map(|number| store.append(Arc::new(event(&number.to_string())), vec![receiver(PLUGINS[0], "a")]));
    let mut appends: Vec<_> = appends.collect();
    std::future::poll_fn(|context| {
        appends.retain_mut(|append| match std::pin::Pin::new(append).poll(context) {
            std::task::Poll::Ready(stored) => {
                stored.expect("it is stored");
                false
            }
            std::task::Poll::Pending => true,
        });
        if appends.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    assert_eq!(claim(store, PLUGINS[0], 99).await.len(), 50);
}

async fn full_queue_refuses_the_event_for_all_receivers(store: &dyn EventStore) {
    let receivers = vec![receiver(PLUGINS[0], "a"); PENDING_MAX];
    store.append(Arc::new(event("many")), receivers).await.expect("they are stored");
    let both = PLUGINS.iter().rev().map(|plugin| receiver(plugin, "a")).collect();
    let error = store.append(Arc::new(event("more")), both).await.expect_err("one queue is full");
    assert_eq!(error, EventStoreError::Full { plugin: PLUGINS[0].to_owned() });
    assert!(claim(store, PLUGINS[1], 9).await.is_empty());
    let pending = store.claim(PLUGINS[0], 1).await.expect("it is read");
    store.settle(vec![(pending[0].number, DeliveryOutcome::Delivered)]).await.expect("it is settled");
    append(store, "more", &PLUGINS).await;
}

fn event(id: &str) -> PublishedEvent {
    PublishedEvent { id: id.to_owned(), topic: "a".to_owned(), data: "null".to_owned(), ..PublishedEvent::default() }
}

fn receiver(plugin: &str, subscription: &str) -> EventReceiver {
    EventReceiver { plugin: plugin.to_owned(), subscription: subscription.to_owned() }
}

async fn append(store: &dyn EventStore, id: &str, plugins: &[&str]) {
    let receivers = plugins.iter().map(|plugin| receiver(plugin, "a")).collect();
    store.append(Arc::new(event(id)), receivers).await.expect("it is stored");
}

async fn claim(store: &dyn EventStore, plugin: &str, limit: usize) -> Vec<(String, u32)> {
    shown(&store.claim(plugin, limit).await.expect("they are read"))
}

/// The ids of events, and the attempts of their deliveries.
fn shown(pending: &[PendingEvent]) -> Vec<(String, u32)> {
    pending.iter().map(|delivery| (delivery.event.id.clone(), delivery.attempt)).collect()
}

async fn letters(store: &dyn EventStore, after: u64) -> Vec<(u64, String)> {
    let letters = store.dead_letters(None, after, 1_000).await.expect("they are read");
    let letters = letters.into_iter().filter(|letter| PLUGINS.contains(&&*letter.plugin));
    letters.map(|letter| (letter.number, letter.event.id)).collect()
}
