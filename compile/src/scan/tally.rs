//! Counts checked against the limits.
//!
//! Most quantities are sums or maxima over the whole file. Two are not: the core instances and the adapters that result
//! once the compiler has inlined nested components. A component that instantiates a component a hundred times, which
//! instantiates another a hundred times, is a few hundred bytes long and means ten thousand instances, so these two are
//! multiplied instead of added. The component that an instantiation refers to is not resolved: the largest one read so
//! far is assumed.

use super::{Kind, ScanError};
use super::{Quantity, ScanLimits};

pub(super) struct Tally<'a> {
    limits: &'a ScanLimits,
    totals: [u64; Quantity::ALL.len()],
    open: Vec<Open>,
    /// The largest expansion of any component read so far.
    largest: Expanded,
}

/// A module or component that has not been read to its end.
struct Open {
    kind: Kind,
    /// The number of parameters and results of each function type of a module.
    signatures: Vec<u16>,
    /// The number of parameters and results of each function of a module, and below, how many bodies have been read.
    functions: Vec<u16>,
    bodies: usize,
    /// Memories of a module, imported ones included.
    memories: u64,
    expanded: Expanded,
    component_instances: u64,
}

#[derive(Clone, Copy, Default)]
struct Expanded {
    instances: u64,
    adapters: u64,
}

impl<'a> Tally<'a> {
    pub(super) fn new(limits: &'a ScanLimits) -> Self {
        Self { limits, totals: [0; Quantity::ALL.len()], open: Vec::new(), largest: Expanded::default() }
    }

    pub(super) fn totals(&self) -> [u64; Quantity::ALL.len()] {
        self.totals
    }

    /// Adds `more` to a sum.
    pub(super) fn add(&mut self, quantity: Quantity, more: u64) -> Result<(), ScanError> {
        let total = self.totals[quantity as usize].saturating_add(more);
        self.set(quantity, total)
    }

    /// Raises a maximum to `value`.
    pub(super) fn raise(&mut self, quantity: Quantity, value: u64) -> Result<(), ScanError> {
        let total = self.totals[quantity as usize].max(value);
        self.set(quantity, total)
    }

    fn set(&mut self, quantity: Quantity, observed: u64) -> Result<(), ScanError> {
        self.totals[quantity as usize] = observed;
        let allowed = self.limits.allowed(quantity);
        if observed > allowed {
            return Err(ScanError::Limit { quantity, allowed, observed });
        }
        Ok(())
    }

    /// Begins a module or component.
    pub(super) fn enter(&mut self, kind: Kind) -> Result<(), ScanError> {
        match kind {
            Kind::Component => self.add(Quantity::Components, 1)?,
            Kind::CoreModule => self.add(Quantity::CoreModules, 1)?,
        }
        self.open.push(Open {
            kind,
            signatures: Vec::new(),
            functions: Vec::new(),
            bodies: 0,
            memories: 0,
            expanded: Expanded::default(),
            component_instances: 0,
        });
        self.raise(Quantity::Depth, self.open.len() as u64)
    }

    /// Counts the nesting depth of types in the innermost component.
    pub(super) fn nest(&mut self, types: u64) -> Result<(), ScanError> {
        self.raise(Quantity::Depth, self.open.len() as u64 + types)
    }

    /// Ends the innermost module or component.
    pub(super) fn leave(&mut self) -> Result<(), ScanError> {
        let Some(Open { kind: Kind::Component, expanded, component_instances: times, .. }) = self.open.pop() else {
            return Ok(());
        };
        let instances = expanded.instances.saturating_add(times.saturating_mul(self.largest.instances.max(1)));
        let adapters = expanded.adapters.saturating_add(times.saturating_mul(self.largest.adapters));
        self.raise(Quantity::Instances, instances)?;
        self.raise(Quantity::Adapters, adapters)?;
        self.largest.instances = self.largest.instances.max(instances);
        self.largest.adapters = self.largest.adapters.max(adapters);
        Ok(())
    }

    /// Counts an instantiation of a core module by the innermost component.
    pub(super) fn instantiate_module(&mut self) -> Result<(), ScanError> {
        self.expand(|open| open.expanded.instances += 1)
    }

    /// Counts an instantiation of a component by the innermost component.
    pub(super) fn instantiate_component(&mut self) -> Result<(), ScanError> {
        self.expand(|open| open.component_instances += 1)
    }

    /// Counts `count` functions that the innermost component lifts or lowers.
    pub(super) fn adapt(&mut self, count: u64) -> Result<(), ScanError> {
        self.expand(|open| open.expanded.adapters += count)
    }

    fn expand(&mut self, change: impl FnOnce(&mut Open)) -> Result<(), ScanError> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        change(open);
        let (instances, adapters) = (open.expanded.instances + open.component_instances, open.expanded.adapters);
        self.raise(Quantity::Instances, instances)?;
        self.raise(Quantity::Adapters, adapters)
    }

    /// Records a type of the innermost module with this many parameters and results.
    pub(super) fn declare_type(&mut self, values: usize) {
        if let Some(open) = self.open.last_mut() {
            open.signatures.push(u16::try_from(values).unwrap_or(u16::MAX));
        }
    }

    /// Records a function of this type in the innermost module. An index without a type is left to validation.
    pub(super) fn define_function(&mut self, type_index: u32) {
        if let Some(open) = self.open.last_mut() {
            open.functions.push(open.signatures.get(type_index as usize).copied().unwrap_or(0));
        }
    }

    /// Counts a memory that the innermost module imports or defines.
    pub(super) fn see_memory(&mut self) -> Result<(), ScanError> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        open.memories += 1;
        let memories = open.memories;
        self.raise(Quantity::ModuleMemories, memories)
    }

    /// Returns the number of parameters and results of the function whose body comes next.
    pub(super) fn next_body_signature(&mut self) -> u64 {
        let Some(open) = self.open.last_mut() else { return 0 };
        let values = open.functions.get(open.bodies).copied().unwrap_or(0);
        open.bodies += 1;
        values.into()
    }
}
