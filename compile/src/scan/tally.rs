//! Counting against the limits.
//!
//! Most quantities are sums or maxima over the whole file. Two are not: how many core instances and adapters a file
//! stands for once the compiler has inlined its nested components. A component that instantiates a component a hundred
//! times, which instantiates another a hundred times, is a few hundred bytes long and means ten thousand instances, so
//! these two are multiplied instead of added. Which component an instantiation refers to is not resolved: the largest
//! one that has been seen stands for all.

use super::{Kind, ScanError};
use super::{Quantity, ScanLimits};

pub(super) struct Tally<'a> {
    limits: &'a ScanLimits,
    totals: [u64; Quantity::ALL.len()],
    open: Vec<Open>,
    /// The most that instantiating any component which has been read to its end stands for.
    largest: Expanded,
}

/// A module or component whose end has not been reached.
struct Open {
    kind: Kind,
    /// For each function type of a module, how many parameters and results it has.
    signatures: Vec<u16>,
    /// The same number for each function of a module, and how many bodies have been read.
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

    /// A module or component starts.
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

    /// Types that are nested so deep begin in the innermost component.
    pub(super) fn nest(&mut self, types: u64) -> Result<(), ScanError> {
        self.raise(Quantity::Depth, self.open.len() as u64 + types)
    }

    /// The innermost module or component ends.
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

    /// The innermost component instantiates a core module.
    pub(super) fn instantiate_module(&mut self) -> Result<(), ScanError> {
        self.expand(|open| open.expanded.instances += 1)
    }

    /// The innermost component instantiates a component.
    pub(super) fn instantiate_component(&mut self) -> Result<(), ScanError> {
        self.expand(|open| open.component_instances += 1)
    }

    /// The innermost component lifts or lowers `count` functions.
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

    /// The innermost module declares a type with that many parameters and results.
    pub(super) fn declare_type(&mut self, values: usize) {
        if let Some(open) = self.open.last_mut() {
            open.signatures.push(u16::try_from(values).unwrap_or(u16::MAX));
        }
    }

    /// The innermost module has a function of that type. An index without a type is left to validation.
    pub(super) fn define_function(&mut self, type_index: u32) {
        if let Some(open) = self.open.last_mut() {
            open.functions.push(open.signatures.get(type_index as usize).copied().unwrap_or(0));
        }
    }

    /// The innermost module imports or defines a memory.
    pub(super) fn see_memory(&mut self) -> Result<(), ScanError> {
        let Some(open) = self.open.last_mut() else { return Ok(()) };
        open.memories += 1;
        let memories = open.memories;
        self.raise(Quantity::ModuleMemories, memories)
    }

    /// How many parameters and results the function has whose body comes next.
    pub(super) fn next_body_signature(&mut self) -> u64 {
        let Some(open) = self.open.last_mut() else { return 0 };
        let values = open.functions.get(open.bodies).copied().unwrap_or(0);
        open.bodies += 1;
        values.into()
    }
}
