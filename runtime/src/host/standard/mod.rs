//! The draft standards that are served in addition to the contract, on the same backends and with the same permissions
//! and limits, so that a plugin written only for the standards runs.
//!
//! Stateless: each function calls the service behind it.

pub(crate) mod config;
pub(crate) mod keyvalue;
pub(crate) mod logging;

/// The host's side of the standards, generated from `wit/deps/`.
pub(crate) mod bindings {
    #![allow(missing_docs, unreachable_pub)]
    wasmtime::component::bindgen!({
        path: "wit",
        inline: "
            package plugbay:host;
            world standards {
                include wasi:keyvalue/imports@0.2.0-draft2;
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
                import wasi:keyvalue/batch@0.2.0-draft;
                include wasi:config/imports@0.2.0-rc.1;
                include wasi:logging/imports@0.1.0-draft;
            }
        ",
        world: "plugbay:host/standards",
        imports: { default: async },
        with: {
            "wasi:keyvalue/store@0.2.0-draft2.bucket": crate::host::standard::keyvalue::Bucket,
            "wasi:keyvalue/atomics@0.2.0-draft2.cas": crate::host::standard::keyvalue::Cas,
            "wasi:keyvalue/store@0.2.0-draft.bucket": crate::host::standard::keyvalue::Bucket,
        },
        require_store_data_send: true,
    });
}
