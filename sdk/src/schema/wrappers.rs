//! Schemas of transparent wrappers, and of `Option`.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::{Arc, Mutex, RwLock};

use super::{Schema, Shape, both_directions, simple};
use crate::constant::{Json, Member};

macro_rules! see_through {
    ($($wrapper:ty)*) => {$(
        impl<T: Schema + ?Sized> Schema for $wrapper {
            const ACCEPTS: Shape = T::ACCEPTS;
            const MAKES: Shape = T::MAKES;
            const OPTIONAL: bool = T::OPTIONAL;
        }
    )*};
}

see_through!(Box<T> Rc<T> Arc<T> Cell<T> RefCell<T> Mutex<T> RwLock<T>);

impl<T: Schema + ?Sized> Schema for &T {
    const ACCEPTS: Shape = T::BORROWED;
    const MAKES: Shape = T::MAKES;
    const OPTIONAL: bool = T::OPTIONAL;
}

impl<T: Schema + ToOwned + ?Sized> Schema for Cow<'_, T> {
    const ACCEPTS: Shape = T::ACCEPTS;
    const MAKES: Shape = T::MAKES;
    const OPTIONAL: bool = T::OPTIONAL;
}

impl<T: Schema> Schema for Option<T> {
    both_directions!(of => Shape {
        schema: Json::Object(&[Member::Is("anyOf", Json::List(&[of!(T).schema, simple!("null")]))]),
        ..Shape::ANY
    });
    const OPTIONAL: bool = true;
}

impl<T: ?Sized> Schema for PhantomData<T> {
    const ACCEPTS: Shape = <()>::ACCEPTS;
}
