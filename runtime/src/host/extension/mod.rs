//! Interfaces of the application, linked like those of the built-in services.
//!
//! An [`Extension`] is the application's description, and [`Extensions`] are the checked extensions of a runtime. A
//! loaded plugin has a factory of states for each of them ([`PluginExtensions`]), and a store has the states that its
//! guest has used so far ([`StoreExtensions`]). Without extensions none of this exists.
//!
//! When a guest calls a function that `bindgen!` generated, the function requests its state through a plain function
//! pointer, [`HostState::extension_state`]. An access begins there, and its work is counted there.

mod access;

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use plugbay_manifest::{PermissionAction, check_resource};
use semver::Version;
use sync_wrapper::SyncWrapper;
use wasmtime::Engine;
use wasmtime::component::Linker;

pub use self::access::Access;
use super::HostState;
use crate::error::BuildError;

/// Interfaces that an application offers to its plugins, with the permission that they require and their state.
///
/// `S` is a type of the application that implements the `Host` traits that `wasmtime::component::bindgen!` generates
/// from the application's WIT. [The module](crate::extension) has an example.
#[must_use = "an extension is offered once `RuntimeBuilder::extension` has taken it"]
pub struct Extension<S> {
    resource: String,
    action: PermissionAction,
    interfaces: Vec<Interface>,
    new_factory: NewFactory<S>,
}

/// Creates the state of a store.
type Factory<S> = Box<dyn Fn(Access) -> S + Send + Sync>;

/// Creates the factory for the plugin of this name.
type NewFactory<S> = Box<dyn Fn(&str) -> Factory<S> + Send + Sync>;

/// Adds an interface to a linker.
type AddToLinker = Box<dyn Fn(&mut Linker<HostState>) -> wasmtime::Result<()> + Send + Sync>;

/// A state whose type only its extension knows. One thread uses it at a time.
type AnyState = SyncWrapper<Box<dyn Any + Send>>;

struct Interface {
    name: String,
    add_to_linker: AddToLinker,
}

impl<S: Send + 'static> Extension<S> {
    /// Creates an extension without interfaces.
    ///
    /// `resource` and `action` are the permission that a plugin needs to import one of the interfaces, such as
    /// `ext.stock.*` and `read`: it must be granted at least one of these resources. The resource begins with `ext.`;
    /// the application chooses the rest. The functions themselves check each access, with [`Access::check`].
    ///
    /// `state` creates the state of an instance, when the instance first calls one of the functions. It is dropped with
    /// the instance.
    pub fn new(
        resource: impl Into<String>,
        action: PermissionAction,
        state: impl Fn(Access) -> S + Send + Sync + 'static,
    ) -> Self {
        let state = Arc::new(state);
        Extension::per_plugin(resource, action, move |_: &str| {
            let state = state.clone();
            move |access: Access| state(access)
        })
    }

    /// Creates an extension with data that all instances of a plugin share. `plugin` is called once per loaded plugin,
    /// with the plugin's name, when one of its instances first calls one of the functions. It returns the function that
    /// creates the state of each instance; that function is dropped when the plugin is unloaded or replaced by another
    /// revision.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use std::sync::atomic::AtomicU32;
    /// # use plugbay::extension::{Access, Extension, PermissionAction};
    /// struct Stock {
    ///     access: Access,
    ///     /// Counts the reservations of all instances of the plugin.
    ///     reserved: Arc<AtomicU32>,
    /// }
    ///
    /// let stock = Extension::per_plugin("ext.stock.*", PermissionAction::Read, |_plugin| {
    ///     let reserved = Arc::new(AtomicU32::new(0));
    ///     move |access| Stock { access, reserved: reserved.clone() }
    /// });
    /// # let _: Extension<Stock> = stock;
    /// ```
    pub fn per_plugin<F>(
        resource: impl Into<String>,
        action: PermissionAction,
        plugin: impl Fn(&str) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Fn(Access) -> S + Send + Sync + 'static,
    {
        let new_factory = move |name: &str| -> Factory<S> { Box::new(plugin(name)) };
        Extension { resource: resource.into(), action, interfaces: Vec::new(), new_factory: Box::new(new_factory) }
    }

    /// Adds an interface by its full name, such as `acme:shop/stock@1.0.0`, and the generated function that links it:
    /// `stock::add_to_linker::<_, HasSelf<Stock>>`.
    pub fn interface<L>(mut self, name: impl Into<String>, add_to_linker: L) -> Self
    where
        L: Fn(&mut Linker<HostState>, fn(&mut HostState) -> &mut S) -> wasmtime::Result<()> + Send + Sync + 'static,
    {
        let add_to_linker =
            Box::new(move |linker: &mut Linker<HostState>| add_to_linker(linker, HostState::extension_state::<S>));
        self.interfaces.push(Interface { name: name.into(), add_to_linker });
        self
    }

    pub(crate) fn erase(self) -> AnyExtension {
        let Extension { resource, action, interfaces, new_factory } = self;
        let new_factory = move |name: &str| -> Factory<AnyState> {
            let new_state = new_factory(name);
            Box::new(move |access| -> AnyState { SyncWrapper::new(Box::new(new_state(access))) })
        };
        AnyExtension {
            resource,
            action,
            interfaces,
            state: TypeId::of::<S>(),
            state_name: type_name::<S>(),
            new_factory: Box::new(new_factory),
        }
    }
}

impl<S> fmt::Debug for Extension<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interfaces: Vec<&str> = self.interfaces.iter().map(|interface| &*interface.name).collect();
        f.debug_struct("Extension")
            .field("resource", &self.resource)
            .field("action", &self.action)
            .field("interfaces", &interfaces)
            .finish_non_exhaustive()
    }
}

/// An extension with a state of any type.
pub(crate) struct AnyExtension {
    resource: String,
    action: PermissionAction,
    interfaces: Vec<Interface>,
    state: TypeId,
    state_name: &'static str,
    new_factory: NewFactory<AnyState>,
}

/// The extensions of a runtime.
#[derive(Clone, Default)]
pub(crate) struct Extensions(Arc<[Arc<AnyExtension>]>);

impl Extensions {
    /// Checks names, permissions and states, and links every interface once, so that mistakes are found before a plugin
    /// is loaded.
    ///
    /// # Errors
    /// [`BuildError::Extension`] for the first extension that cannot be offered.
    pub(crate) fn check(all: Vec<Arc<AnyExtension>>, engine: &Engine) -> Result<Self, BuildError> {
        let mut linker = Linker::new(engine);
        let mut names: Vec<&str> = Vec::new();
        for (index, extension) in all.iter().enumerate() {
            let error = |name: &str, message: String| BuildError::Extension { name: name.to_owned(), message };
            check_permission(&extension.resource).map_err(|message| error(&extension.resource, message))?;
            if extension.interfaces.is_empty() {
                let message = "it has no interface: add one with `Extension::interface`".to_owned();
                return Err(error(&extension.resource, message));
            }
            if all[..index].iter().any(|other| other.state == extension.state) {
                let message = format!(
                    "another extension has the same type of state, `{}`: give one extension all interfaces of a type",
                    extension.state_name
                );
                return Err(error(&extension.interfaces[0].name, message));
            }
            for interface in &extension.interfaces {
                let name = &*interface.name;
                check_interface(name, &names).map_err(|message| error(name, message))?;
                names.push(name);
                (interface.add_to_linker)(&mut linker).map_err(|cause| error(name, format!("{cause:#}")))?;
                // Defining a function fails if the name is taken by an interface. This linker is dropped.
                if linker.root().func_wrap(name, |_, (): ()| Ok(())).is_ok() {
                    let message = "its function links an interface of another name or version".to_owned();
                    return Err(error(name, message));
                }
            }
        }
        Ok(Extensions(all.into()))
    }

    /// Returns the permission that an import requires, if it is an interface of an extension.
    pub(crate) fn permission(&self, import: &str) -> Option<(&str, PermissionAction)> {
        let has_it = |extension: &&Arc<AnyExtension>| {
            extension.interfaces.iter().any(|interface| compatible(&interface.name) == compatible(import))
        };
        self.0.iter().find(has_it).map(|extension| (&*extension.resource, extension.action))
    }

    /// Returns the interface of the same name in an incompatible version.
    pub(crate) fn other_version(&self, import: &str) -> Option<&str> {
        let interfaces = self.0.iter().flat_map(|extension| &extension.interfaces);
        let mut others = interfaces.filter(|interface| without_version(&interface.name) == without_version(import));
        others.next().map(|interface| &*interface.name)
    }

    /// Adds the functions of all extensions to a linker.
    pub(crate) fn add_to_linker(&self, linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
        let mut interfaces = self.0.iter().flat_map(|extension| &extension.interfaces);
        interfaces.try_for_each(|interface| (interface.add_to_linker)(linker))
    }
}

fn check_permission(resource: &str) -> Result<(), String> {
    if !resource.starts_with("ext.") {
        return Err("its resource does not begin with `ext.`, such as `ext.stock.*`".to_owned());
    }
    check_resource(resource)
}

/// Checks the name of an interface against the earlier ones.
fn check_interface(name: &str, before: &[&str]) -> Result<(), String> {
    let parts = without_version(name).split_once('/').and_then(|(package, interface)| {
        let (namespace, package) = package.split_once(':')?;
        Some([namespace, package, interface])
    });
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let has_version = name.split_once('@').is_none_or(|(_, version)| Version::parse(version).is_ok());
    match parts {
        Some([namespace @ ("wasi" | "plugbay"), ..]) => {
            Err(format!("the interfaces of `{namespace}` are the host's own: use a namespace of the application"))
        }
        Some(parts) if has_version && parts.into_iter().all(is_name) => {
            match before.iter().find(|other| compatible(other) == compatible(name)) {
                Some(other) => Err(format!("the interface is offered already, as `{other}`")),
                None => Ok(()),
            }
        }
        _ => Err("it is not the full name of an interface, such as `acme:shop/stock@1.0.0`".to_owned()),
    }
}

fn without_version(name: &str) -> &str {
    name.split_once('@').map_or(name, |(interface, _)| interface)
}

/// Returns the interface's name with the part of its version that must match, as wasmtime's linker compares them.
fn compatible(name: &str) -> String {
    let Some((interface, version)) = name.split_once('@') else { return name.to_owned() };
    match Version::parse(version) {
        Ok(version) if !version.pre.is_empty() => name.to_owned(),
        Ok(Version { major: major @ 1.., .. }) => format!("{interface}@{major}"),
        Ok(Version { minor: minor @ 1.., .. }) => format!("{interface}@0.{minor}"),
        _ => name.to_owned(),
    }
}

/// The extensions of a loaded plugin.
pub(crate) struct PluginExtensions {
    extensions: Extensions,
    /// One factory per extension, created when the plugin first uses it.
    factories: Box<[OnceLock<Factory<AnyState>>]>,
}

impl PluginExtensions {
    pub(crate) fn new(extensions: &Extensions) -> Self {
        let factories = extensions.0.iter().map(|_| OnceLock::new()).collect();
        PluginExtensions { extensions: extensions.clone(), factories }
    }

    /// Creates a state of this type. Only functions of the extension with that type call this.
    fn new_state(&self, state: TypeId, plugin: &str, access: Access) -> AnyState {
        let mut all = self.extensions.0.iter().zip(&self.factories);
        let Some((extension, factory)) = all.find(|(extension, _)| extension.state == state) else {
            unreachable!("only the functions of an extension ask for its state");
        };
        factory.get_or_init(|| (extension.new_factory)(plugin))(access)
    }
}

/// The states of the extensions that the guest of a store has used.
pub(crate) struct StoreExtensions {
    access: Access,
    states: Vec<(TypeId, AnyState)>,
}

/// The states belong to the application, so a panic while one is dropped is caught.
impl Drop for StoreExtensions {
    fn drop(&mut self) {
        for state in self.states.drain(..) {
            // The panic hook has reported it.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(state)));
        }
    }
}

impl HostState {
    /// Returns the state of an extension, for a function that the guest has called.
    fn extension_state<S: Send + 'static>(&mut self) -> &mut S {
        let HostState { plugin, call, extensions, .. } = self;
        let StoreExtensions { access, states } = &mut **extensions.get_or_insert_with(|| {
            Box::new(StoreExtensions { access: Access::new(plugin.clone()), states: Vec::new() })
        });
        access.begin(call);
        let wanted = TypeId::of::<S>();
        let index = states.iter().position(|(state, _)| *state == wanted).unwrap_or_else(|| {
            states.push((wanted, plugin.extensions.new_state(wanted, &plugin.name, access.clone())));
            states.len() - 1
        });
        let Some(state) = states[index].1.get_mut().downcast_mut() else {
            unreachable!("a state is stored under its type");
        };
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_names_of_the_host_and_malformed_ones_are_refused() {
        let refused = |name: &str, text: &str| {
            let message = check_interface(name, &["acme:shop/stock@1.2.0"]).expect_err(name);
            assert!(message.contains(text), "{name}: {message}");
        };
        refused("wasi:cli/environment@0.2.0", "`wasi`");
        refused("plugbay:plugin/log@9.0.0", "`plugbay`");
        refused("acme:shop/stock@1.0.0", "already, as `acme:shop/stock@1.2.0`");
        for malformed in
            ["", "stock", "acme:shop", "shop/stock", "acme:shop/", "acme:shop/stock@", "acme:shop/a b@1.0.0"]
        {
            refused(malformed, "full name");
        }
        for free in ["acme:shop/stock@2.0.0", "acme:shop/stock@0.1.0", "acme:shop/orders", "my-wasi:shop/stock@1.0.0"] {
            assert_eq!(check_interface(free, &["acme:shop/stock@1.2.0"]), Ok(()), "{free}");
        }
    }

    #[test]
    fn versions_are_compatible_as_semver_says() {
        let check = |a: &str, b: &str, expected: bool| {
            assert_eq!(compatible(a) == compatible(b), expected, "{a} and {b}");
        };
        check("a:b/c@1.0.0", "a:b/c@1.9.3", true);
        check("a:b/c@1.0.0", "a:b/c@2.0.0", false);
        check("a:b/c@0.1.0", "a:b/c@0.1.7", true);
        check("a:b/c@0.1.0", "a:b/c@0.2.0", false);
        check("a:b/c@0.0.1", "a:b/c@0.0.2", false);
        check("a:b/c@1.0.0-rc", "a:b/c@1.0.0", false);
        check("a:b/c", "a:b/c", true);
        check("a:b/c@1.0.0", "a:b/d@1.0.0", false);
    }
}
