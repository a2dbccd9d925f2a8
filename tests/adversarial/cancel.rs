//! Callers that go away in the middle of a call: the plugin is there for the next one.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, pings};

#[tokio::test]
async fn call_dropped_while_it_waits_in_the_host_costs_only_its_instance() {
    let host = Host::new();
    let plugin = host.load(feature::SLEEP.into()).await;
    assert_eq!(pings(&plugin).await, 1);
    {
        let mut call = pin!(plugin.call::<String>("sleep", &60_000));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(pings(&plugin).await, 1, "a fresh instance");
}

#[tokio::test]
async fn call_dropped_while_it_computes_costs_only_its_instance() {
    let host = Host::new();
    let plugin = host.load(hostile::INFINITE_LOOP.into()).await;
    assert_eq!(pings(&plugin).await, 1);
    {
        let mut call = pin!(plugin.call::<String>("attack", &()));
        // It gives the thread back after some fuel, long before it is out of it.
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(pings(&plugin).await, 1, "a fresh instance");
}

#[tokio::test]
async fn call_dropped_while_it_waits_for_its_turn_costs_nothing() {
    let host = Host::new();
    let plugin = host.load(feature::SLEEP.into()).await;
    assert_eq!(pings(&plugin).await, 1);
    let mut running = pin!(plugin.call::<String>("sleep", &20));
    assert!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    {
        let mut queued = pin!(plugin.call::<u64>("ping", &()));
        assert!(queued.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    running.await.expect("nobody disturbed it");
    assert_eq!(pings(&plugin).await, 2, "the same instance");
}

#[tokio::test]
async fn hundreds_of_dropped_calls_leave_room_for_the_next() {
    // Sixteen live instances: a leak of one for each call would be felt soon.
    let host = Host::new();
    let plugin = host.load(feature::SLEEP.into()).await;
    for _ in 0..300 {
        let mut call = pin!(plugin.call::<String>("sleep", &60_000));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(pings(&plugin).await, 1);
}
