//! Changes of the list of tools, as plugins are loaded, replaced, enabled, disabled and unloaded.

use std::sync::Weak;

use tokio::sync::watch;

use super::server::Shared;

/// Follows the plugins of a runtime. The number grows when the names or the descriptions of the tools change. The task
/// ends with the runtime or with the server of the tools.
pub(super) fn follow(shared: &std::sync::Arc<Shared>) -> watch::Receiver<u64> {
    let (sender, receiver) = watch::channel(0);
    let Ok(mut events) = shared.runtime.subscribe("plugin.*") else { return receiver };
    let mut known = shared.fingerprint();
    let shared: Weak<Shared> = std::sync::Arc::downgrade(shared);
    tokio::spawn(async move {
        while events.next().await.is_some() {
            let Some(shared) = shared.upgrade() else { return };
            let now = shared.fingerprint();
            if std::mem::replace(&mut known, now) != now {
                sender.send_modify(|number| *number += 1);
            }
        }
    });
    receiver
}
