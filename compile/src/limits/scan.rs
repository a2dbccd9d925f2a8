//! The quantities that a scan counts and their limits: one row each, with unit, default and reason.
//!
//! The reasons compare real files with hostile ones. The real ones: Python (componentize-py 0.25.1, 18.3 MB),
//! StarlingMonkey (componentize-js 0.23, 12.0 MB), QuickJS (componentize-qjs 0.4.5, 1.6 MB), and an unoptimised Rust
//! command with clap, regex, syn and jsonschema (97 MB, of which 85 MB debug information). Times were measured with
//! wasmtime 48.0.8 on four cores.

use std::fmt;

macro_rules! quantities {
    ($($(#[doc = $reason:literal])* $variant:ident, $field:ident = $default:expr, $unit:literal;)*) => {
        /// A quantity that a scan counts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Quantity { $($(#[doc = $reason])* $variant,)* }

        impl Quantity {
            /// All quantities.
            pub const ALL: [Self; [$($unit),*].len()] = [$(Self::$variant),*];

            /// Returns the field of [`ScanLimits`] that limits this quantity.
            pub fn limit_name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($field),)* }
            }
        }

        impl fmt::Display for Quantity {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(match self { $(Self::$variant => $unit,)* })
            }
        }

        /// The limit of each [`Quantity`] of a file.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct ScanLimits {
            $(
                $(#[doc = $reason])*
                #[doc = ""]
                #[doc = concat!("Unit: ", $unit, ". Default: `", stringify!($default), "`.")]
                pub $field: u64,
            )*
        }

        impl Default for ScanLimits {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl ScanLimits {
            /// Returns the limit of `quantity`.
            pub fn allowed(&self, quantity: Quantity) -> u64 {
                match quantity { $(Quantity::$variant => self.$field,)* }
            }
        }
    };
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

quantities! {
    /// The size of the file. Debug information is most of the largest real files (97 MB) and costs nothing to skip.
    Bytes, component_bytes_max = super::COMPONENT_BYTES_MAX, "bytes";
    /// Core modules at any depth. Python has 14, one for each native library; 1,000 empty ones compile in 27 ms.
    CoreModules, core_modules_max = 256, "core modules";
    /// Components at any depth, the outermost included. Real files have 2 to 5, compositions a few for each part.
    Components, components_max = 256, "components";
    /// Nesting depth of modules, components and types of components, the outermost counting as 1. Real files have 2 to
    /// 4, compositions one more for each time that they were composed. Compilers read types recursively: a thousand
    /// levels, three bytes each, overflow the stack of a thread.
    Depth, depth_max = 16, "levels of nesting";
    /// Core instances after inlining: each instantiation counts with all that it instantiates. Real files have up to
    /// 18. 968 bytes can stand for 10,000 (0.3 s, 220 MiB), and 300 more bytes for a hundred times that.
    Instances, instances_max = 1_000, "core instances";
    /// Functions lifted or lowered between components, after inlining. Real files have up to 122.
    Adapters, adapters_max = 10_000, "lifted or lowered functions";
    /// Core functions. Unoptimised Rust has 50,000. Empty ones, four bytes each: 150,000 take 5.7 s and 880 MiB.
    Functions, functions_max = 150_000, "functions";
    /// Size of the longest function body. Compiling takes more than linear time in it. Python has one of 427 kB.
    FunctionBytes, function_bytes_max = MIB, "bytes in one function body";
    /// The size of a function body times its locals, which is the cost of determining each local's value in each block.
    /// Unoptimised Rust reaches 87 million, Python and StarlingMonkey 9 million. 171 kB with 5,000 locals are 855
    /// million, and take 15 s and 1.5 GiB.
    FunctionWeight, function_weight_max = 256 * MIB, "bytes times locals in one function";
    /// Total size of function bodies. Unoptimised Rust has 11 MB, StarlingMonkey 9 MB.
    CodeBytes, code_bytes_max = 32 * MIB, "bytes of code";
    /// Parameters, results and locals of all functions. Unoptimised Rust has 425,000. Five bytes declare 50,000 of
    /// them: 10,000 such functions, 80 kB, take 7 s.
    Locals, locals_max = 10_000_000, "locals";
    /// Core and component types. Python has 1,222. 20,000 different signatures take 0.6 s, 100,000 take 3.8 s.
    Types, types_max = 20_000, "types";
    /// Elements in the segments that fill tables. StarlingMonkey has 7,737. 100,000 take 0.7 s and 240 MiB; a million,
    /// which is a 1 MB file, 10 s and 2.3 GiB.
    SegmentElements, segment_elements_max = 100_000, "elements in table segments";
    /// Items of all other sections: imports, exports, globals, aliases, arguments. Unoptimised Rust has 51,000; 100,000
    /// exports take 58 ms, 100,000 globals 29 ms.
    Definitions, definitions_max = 500_000, "definitions";
    /// Total size of the segments that fill memories. Python has 11 MB.
    DataBytes, data_bytes_max = 64 * MIB, "bytes of data segments";
    /// Memories that a module imports and defines. No toolchain makes modules with two unless asked to. The engine must
    /// accept them, because the adapters between components access the memories of both.
    ModuleMemories, module_memories_max = 1, "memories in one module";
    /// Memories that modules define, each module counted once. Real files have 1 or 2. The limit is the number of slots
    /// that the pool has for an instance.
    Memories, memories_max = super::MEMORIES_MAX as u64, "memories";
    /// Initial size of these memories. Python starts with 12.9 MB. The default is the maximum of a 32-bit memory; the
    /// runtime also compares it with the plugin's memory limit, because a component that starts above that could never
    /// be instantiated.
    MemoryBytes, memory_bytes_max = 1 << 32, "bytes of minimum memory";
    /// Tables that modules define, each module counted once. Real files have 2.
    Tables, tables_max = 64, "tables";
    /// Initial size of these tables. StarlingMonkey starts with 7,738. The default is eight tables of 20,000, the
    /// maximum of an instance.
    TableElements, table_elements_max = 160_000, "minimum table elements";
    /// Imports of the outermost component or module. All of WASI 0.2 is 50; Python has 26.
    Imports, imports_max = 1_000, "imports";
    /// Exports of the outermost component or module. A C++ module may export every function.
    Exports, exports_max = 10_000, "exports";
    /// Length of the longest name of such an import or export. Interface names have some 40 bytes, mangled C++ names up
    /// to a few thousand.
    NameBytes, name_bytes_max = 4 * KIB, "bytes in a name";
    /// Total size of embedded manifests. They contain a JSON Schema for each action.
    ManifestBytes, manifest_bytes_max = MIB, "bytes of embedded manifest";
}
