//! Reading the host's file again while the host runs.
//!
//! The policy takes effect at once. The other parts decide how plugins are loaded and where the host listens, so a
//! change of them is reported and needs a restart.

use crate::{HostFile, Node, with_rules};

/// What reading the host's file again changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReloadedFile {
    /// The number of rules of the policy that is in force now: those of the file and those of the operator before them.
    pub rules: usize,
    /// Remarks for the operator: rules of the file without effect.
    pub notes: Vec<String>,
    /// The parts of the file that differ from the one that the host started with, and need a restart.
    pub needs_restart: Vec<&'static str>,
}

impl Node {
    /// Puts the policy of a new host's file in force, in place of the present one and of all rules that were set since.
    /// The operator's other rules ([`NodeOptions::policy`](crate::NodeOptions::policy)) stay before them.
    pub fn reload_file(&self, file: &HostFile) -> ReloadedFile {
        let policy = with_rules(self.policy.clone(), file.policy());
        let rules = policy.rules().count();
        self.runtime.set_policy(policy);
        ReloadedFile {
            rules,
            notes: file.unreachable_rules().collect(),
            needs_restart: self.file.parts_for_a_restart(file),
        }
    }
}
