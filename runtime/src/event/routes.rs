//! The subscriptions and streams by pattern.

use std::sync::Arc;

use super::index::PatternIndex;
use super::stream::StreamSender;
use super::subscription::Subscription;

/// The first word of the topics of permissions.
const PERMISSIONS: &str = "permission";

#[derive(Default)]
pub(super) struct Routes {
    pub(super) subscriptions: PatternIndex<Arc<Subscription>>,
    pub(super) streams: PatternIndex<StreamSender>,
}

impl Routes {
    /// Returns whether a subscription or a stream matches this topic.
    pub(super) fn has_receivers(&self, topic: &str) -> bool {
        let mut found = false;
        self.streams.matching(topic, |_| found = true);
        if !found {
            self.subscriptions.matching(topic, |_| found = true);
        }
        found
    }

    /// Returns whether a subscription or a stream names permissions, such as by `permission.*`.
    pub(super) fn name_permissions(&self) -> bool {
        self.streams.has_first_word(PERMISSIONS) || self.subscriptions.has_first_word(PERMISSIONS)
    }
}
