//! What a run holds for its primitives between calls: connections, locks, clean-up closures. One value
//! per type.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

type Slot = Arc<dyn Any + Send + Sync>;

/// A map from a type to the run's one value of it.
#[derive(Default)]
pub struct Resources(Mutex<HashMap<TypeId, Slot>>);

impl Resources {
    /// The run's `T`, made on first use.
    pub fn get_or<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Arc::new(make()))
            .clone();
        match slot.downcast() {
            Ok(value) => value,
            Err(_) => unreachable!("the slot of a type holds that type"),
        }
    }

    /// The run's `T`, if it has one by now.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.get(&TypeId::of::<T>())?.clone().downcast().ok()
    }

    /// Drops everything: locks are released, connections closed.
    pub fn release(&self) {
        let slots = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        drop(slots);
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources").finish_non_exhaustive()
    }
}
