//! `wasi:http/types` of wasmtime-wasi-http, with replacements for the functions that a guest can make costly.
//!
//! A guest can copy a header of 32 KiB with a dozen instructions, again and again, and hold megabytes of text in
//! requests that it never sends. Therefore functions that copy headers count as work here and let other tasks run in
//! between, and the parts of a request are bounded. The function that returns why a body broke off is replaced as well,
//! because wasmtime-wasi-http expects another error type than its own bodies produce.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentNamedList, Lift, Linker, LinkerInstance, Lower, Resource};
use wasmtime_wasi_http::p2::HeaderResult;
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, HeaderError, Host, HostFields, HostOutgoingRequest as _, LinkOptions, Method, Scheme,
};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;
use wasmtime_wasi_http::{FieldMap, WasiHttp};

use super::body;
use crate::host::HostState;
use crate::limits::HTTP_PART_BYTES_MAX;

/// The interface, in the version that wasmtime-wasi-http serves.
const INTERFACE: &str = "wasi:http/types@0.2.12";
/// The overhead of a header field in bytes, in addition to its text.
const FIELD_BYTES: usize = 128;

type Store<'a> = StoreContextMut<'a, HostState>;
type Fields = Resource<FieldMap>;
type Request = Resource<HostOutgoingRequest>;

/// Adds the types of requests and responses to a linker. None of them gives access to the network by itself.
pub(crate) fn link(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, WasiHttp>(linker, &LinkOptions::default(), HostState::http)?;
    linker.allow_shadowing(true);
    let replaced = linker.instance(INTERFACE).and_then(|mut types| {
        replace_fields(&mut types)?;
        replace_parts(&mut types)?;
        types.func_wrap("http-error-code", |mut store: Store<'_>, (error,)| {
            let error = store.data_mut().http().table.get(&error)?;
            Ok((body::error_code(error),))
        })
    });
    linker.allow_shadowing(false);
    replaced
}

/// Replaces the functions that copy headers.
fn replace_fields(types: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    counted(types, "[static]fields.from-list", |state, (entries,): (Vec<(String, Vec<u8>)>,)| {
        let bytes = entries.iter().map(|(name, value)| FIELD_BYTES + name.len() + value.len()).sum();
        let made = state.http().from_list(entries);
        Ok((bytes, (header_result(state, made)?,)))
    })?;
    counted(types, "[method]fields.get", |state, (fields, name): (Fields, String)| {
        let values = state.http().get(fields, name)?;
        Ok((values.iter().map(|value| FIELD_BYTES + value.len()).sum(), (values,)))
    })?;
    counted(types, "[method]fields.set", |state, (fields, name, values): (Fields, String, Vec<Vec<u8>>)| {
        let bytes = cost(state, &fields)? + values.iter().map(|value| FIELD_BYTES + value.len()).sum::<usize>();
        let set = state.http().set(fields, name, values);
        Ok((bytes, (header_result(state, set)?,)))
    })?;
    counted(types, "[method]fields.append", |state, (fields, name, value): (Fields, String, Vec<u8>)| {
        let bytes = cost(state, &fields)? + value.len();
        let appended = state.http().append(fields, name, value);
        Ok((bytes, (header_result(state, appended)?,)))
    })?;
    counted(types, "[method]fields.delete", |state, (fields, name): (Fields, String)| {
        let bytes = cost(state, &fields)?;
        let deleted = HostFields::delete(&mut state.http(), fields, name);
        Ok((bytes, (header_result(state, deleted)?,)))
    })?;
    counted(types, "[method]fields.entries", |state, (fields,): (Fields,)| {
        Ok((cost(state, &fields)?, (state.http().entries(fields)?,)))
    })
}

/// Replaces the functions that put texts of any length into a request.
fn replace_parts(types: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: Store<'_>, (request, method): (Request, Method)| {
            Ok((match &method {
                Method::Other(name) if name.len() > HTTP_PART_BYTES_MAX => Err(()),
                _ => store.data_mut().http().set_method(request, method)?,
            },))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-scheme",
        |mut store: Store<'_>, (request, scheme): (Request, Option<Scheme>)| {
            Ok((match &scheme {
                Some(Scheme::Other(name)) if name.len() > HTTP_PART_BYTES_MAX => Err(()),
                _ => store.data_mut().http().set_scheme(request, scheme)?,
            },))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: Store<'_>, (request, authority): (Request, Option<String>)| {
            Ok((match &authority {
                Some(text) if text.len() > HTTP_PART_BYTES_MAX => Err(()),
                _ => store.data_mut().http().set_authority(request, authority)?,
            },))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut store: Store<'_>, (request, path): (Request, Option<String>)| {
            Ok((match &path {
                Some(text) if text.len() > HTTP_PART_BYTES_MAX => Err(()),
                _ => store.data_mut().http().set_path_with_query(request, path)?,
            },))
        },
    )
}

/// Adds a function that returns how many bytes it moved, and lets other tasks run once that is enough.
fn counted<P, R>(
    types: &mut LinkerInstance<'_, HostState>,
    name: &str,
    function: fn(&mut HostState, P) -> wasmtime::Result<(usize, R)>,
) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + Send + 'static,
    R: ComponentNamedList + Lower + Send + 'static,
{
    types.func_wrap_async(name, move |mut store: Store<'_>, params: P| {
        Box::new(async move {
            let state = store.data_mut();
            let (bytes, answer) = function(state, params)?;
            state.end_host_call(bytes).await;
            Ok(answer)
        })
    })
}

/// Returns the cost of copying these fields, in bytes.
fn cost(state: &mut HostState, fields: &Fields) -> wasmtime::Result<usize> {
    Ok(state.http().table.get(fields)?.len().saturating_mul(FIELD_BYTES))
}

fn header_result<T>(state: &mut HostState, answer: HeaderResult<T>) -> wasmtime::Result<Result<T, HeaderError>> {
    match answer {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) => state.http().convert_header_error(error).map(Err),
    }
}
