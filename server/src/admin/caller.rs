//! The caller of a handler, and the plugin that it names.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use plugbay::Plugin;

use super::AdminState;
use super::error::AdminError;
use super::readable::Readable;
use crate::access::{Identity, Refusal, ScopeKind};
use crate::{ConnectionInfo, RequestId};

/// The identity behind a request. Without a layer that authenticates requests, it may do nothing.
pub(crate) struct Caller {
    identity: Identity,
    request_id: Option<RequestId>,
    is_local: bool,
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let identity = parts.extensions.get().cloned().unwrap_or_else(|| Identity::anonymous([]));
        let request_id = parts.extensions.get().cloned();
        let is_local = matches!(parts.extensions.get(), Some(ConnectionInfo::Local { .. }));
        Ok(Caller { identity, request_id, is_local })
    }
}

impl Caller {
    /// Checks that the caller may look at the whole host.
    pub(crate) fn reads(&self) -> Result<(), Refusal> {
        self.identity.require(ScopeKind::Read, None)
    }

    /// What the caller may read of the log, the events and the figures of the host.
    ///
    /// # Errors
    /// [`Refusal`] if it may read nothing at all.
    pub(crate) fn readable(&self) -> Result<Readable, Refusal> {
        if !self.may_anything(ScopeKind::Read) {
            self.reads()?;
        }
        Ok(Readable::of(&self.identity))
    }

    /// Checks that the caller may look at a plugin.
    pub(crate) fn reads_plugin(&self, plugin: &str) -> Result<(), Refusal> {
        self.identity.require(ScopeKind::Read, Some(plugin))
    }

    /// Checks that the caller may call all plugins.
    pub(crate) fn calls(&self) -> Result<(), Refusal> {
        self.identity.require(ScopeKind::Call, None)
    }

    /// Checks that the caller may call any plugin at all.
    pub(crate) fn calls_anything(&self) -> Result<(), Refusal> {
        match self.may_anything(ScopeKind::Call) {
            true => Ok(()),
            false => self.calls(),
        }
    }

    /// Whether the caller may call a plugin.
    pub(crate) fn may_call(&self, plugin: &str) -> bool {
        self.identity.may(ScopeKind::Call, Some(plugin))
    }

    /// The name of an authenticated caller and its scopes for a plugin.
    pub(crate) fn identity_for(&self, plugin: &str) -> Option<(&str, Vec<&'static str>)> {
        Some((self.identity.consumer()?, self.identity.scopes_for(plugin)))
    }

    /// The ids of the request.
    pub(crate) fn request_id(&self) -> Option<&RequestId> {
        self.request_id.as_ref()
    }

    /// Checks that the caller may change the whole host.
    pub(crate) fn manages(&self) -> Result<(), Refusal> {
        self.identity.require(ScopeKind::Manage, None)
    }

    /// Checks that the caller may change a plugin.
    pub(crate) fn manages_plugin(&self, plugin: &str) -> Result<(), Refusal> {
        self.identity.require(ScopeKind::Manage, Some(plugin))
    }

    /// Whether the caller is a process of the host's user on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.is_local
    }

    /// Whether the caller may look at a plugin.
    pub(crate) fn may_read(&self, plugin: &str) -> bool {
        self.identity.may(ScopeKind::Read, Some(plugin))
    }

    /// Whether the caller has a scope of this kind for any plugin.
    pub(crate) fn may_anything(&self, kind: ScopeKind) -> bool {
        self.identity.scopes().iter().any(|scope| scope.kind() == kind || scope.kind() == ScopeKind::Manage)
    }

    /// The name of the caller, for records.
    pub(crate) fn name(&self) -> &str {
        self.identity.consumer().unwrap_or("anonymous")
    }

    /// The name of a plugin that a path names by name or number, if the caller has access of this kind to it.
    pub(crate) async fn plugin_name(
        &self,
        state: &AdminState,
        key: &str,
        kind: ScopeKind,
    ) -> Result<String, AdminError> {
        let is_number = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            self.identity.require(kind, Some(key))?;
            return Ok(key.to_owned());
        }
        // Numbers of plugins are not disclosed to callers without any scope for them.
        if !self.may_anything(kind) {
            self.identity.require(kind, None)?;
        }
        let Some(catalog) = state.catalog(false).await? else { return Err(AdminError::unknown_plugin(key)) };
        let name = catalog.installed(key).await?.name;
        self.identity.require(kind, Some(&name))?;
        Ok(name)
    }

    /// The loaded plugin that a path names by name or number, if the caller has access of this kind to it.
    pub(crate) async fn plugin(&self, state: &AdminState, key: &str, kind: ScopeKind) -> Result<Plugin, AdminError> {
        let name = self.plugin_name(state, key, kind).await?;
        state.runtime().plugin(&name).ok_or_else(|| AdminError::unknown_plugin(&name))
    }
}
