//! What almost every plugin needs: `use plugbay_sdk::prelude::*;`.

pub use crate::{
    Action, Error, Event, Health, Invocation, Plugin, Reaction, Reply, Result, Route, Schema, Table, Value, bail,
    config, create_action, create_actions, create_api_routes, create_route, create_tables, data, db, db::Keyed, ensure,
    error, export_plugin, http, json, log, manifest, ok, params, plugin, plugins,
};
pub use serde::{Deserialize, Serialize};
