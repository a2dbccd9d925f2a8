//! What plugins are loaded from: a file or directory as a [`Package`], with what the application sets for it.

pub use crate::plugin::package::{Package, PackageSource};
