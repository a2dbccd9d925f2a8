//! Code that is mapped from an entry.

use wasmtime::component::Component;

/// A component whose code is mapped from the cache. What was read of it stays resident until the system needs the
/// memory: with many plugins that are rarely called, several times what the plugins take themselves.
pub struct MappedCode(Component);

impl MappedCode {
    /// Describes a component that was made by [`Component::deserialize_file`], which maps the whole file.
    pub(crate) fn new(component: &Component) -> Self {
        MappedCode(component.clone())
    }

    /// Takes the pages of the code out of this process. The next call maps those that it needs again, from the memory
    /// in which the system caches files: less than a microsecond for 64 KiB. On systems other than Linux, this does
    /// nothing.
    pub fn release(&self) {
        #[cfg(target_os = "linux")]
        {
            use rustix::mm::{Advice, madvise};

            let image = self.0.image_range();
            let length = image.end.addr() - image.start.addr();
            // SAFETY: the range is that of a private mapping of a file, so the system fills pages that it drops from
            // the file again when they are read, also while other threads run this code. Only what was written to the
            // mapping would be lost, and nothing is: wasmtime makes all of it read-only before it returns the component
            // (`CodeMemory::publish`), and refuses files with relocations, for which it would have to write before. The
            // component is owned by this value, so the range is mapped.
            #[allow(unsafe_code)]
            let released = unsafe { madvise(image.start.cast_mut().cast(), length, Advice::LinuxDontNeed) };
            if let Err(error) = released {
                tracing::debug!(%error, "the pages of compiled code stay resident");
            }
        }
    }
}
