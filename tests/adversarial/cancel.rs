//! Callers that drop a call midway: the plugin serves the next one.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use crate::harness::guest::{feature, hostile};
use crate::harness::host::{Host, pings};

#[tokio::test]
async fn call_dropped_in_a_host_call_costs_its_instance() {
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
async fn call_dropped_while_computing_costs_its_instance() {
    let host = Host::new();
    let plugin = host.load(hostile::INFINITE_LOOP.into()).await;
    assert_eq!(pings(&plugin).await, 1);
    {
        let mut call = pin!(plugin.call::<String>("attack", &()));
        // It yields the thread after some fuel, long before the fuel runs out.
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(pings(&plugin).await, 1, "a fresh instance");
}

#[tokio::test]
async fn call_dropped_while_queued_costs_nothing() {
    let host = Host::new();
    let plugin = host.load(feature::SLEEP.into()).await;
    assert_eq!(pings(&plugin).await, 1);
    let mut running = pin!(plugin.call::<String>("sleep", &20));
    assert!(running.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    {
        let mut queued = pin!(plugin.call::<u64>("ping", &()));
        assert!(queued.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    running.await.expect("the running call goes on");
    assert_eq!(pings(&plugin).await, 2, "the same instance");
}

#[tokio::test]
async fn hundreds_of_dropped_calls_leak_no_instance() {
    // With sixteen live instances, a leak of one for each call would soon refuse calls.
    let host = Host::new();
    let plugin = host.load(feature::SLEEP.into()).await;
    for _ in 0..300 {
        let mut call = pin!(plugin.call::<String>("sleep", &60_000));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(pings(&plugin).await, 1);
}
