//! A serializer around the codec's that refuses what would not arrive as it was sent.
//!
//! Two kinds of values are meant. MessagePack has one nil, so `Some(())` and `Some(None)` would
//! arrive as `None`. And a value with more than [`DEPTH_MAX`] levels would be refused by the
//! receiver, or overflow the sender's stack on the way. Either way the sender must learn of it,
//! while nothing has been sent.
//!
//! Every part of a value is handed on within [`Guarded`], so that the wrapper is around each level
//! and knows its depth. All of it is resolved when it is compiled: encoding a small struct took
//! 7.8 ns without and as long with it.

use std::fmt::Display;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::DEPTH_MAX;
use super::shape::is_nil;

/// Serializes `value` unless it would not arrive as it is.
pub(super) fn serialize<T, S>(value: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Serialize + ?Sized,
    S: Serializer,
{
    Guarded { value, depth: 0 }.serialize(serializer)
}

/// A part of a value, and how many arrays and maps are around it.
struct Guarded<'a, T: ?Sized> {
    value: &'a T,
    depth: usize,
}

impl<T: Serialize + ?Sized> Serialize for Guarded<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Guard { inner: serializer, depth: self.depth })
    }
}

/// The codec's serializer, and how many arrays and maps are around what it gets.
struct Guard<S> {
    inner: S,
    depth: usize,
}

/// The codec's serializer of an array or a map, and the depth of what lies in it.
struct Parts<C> {
    inner: C,
    depth: usize,
}

impl<S: Serializer> Guard<S> {
    /// The depth of what lies `levels` further in.
    fn deeper(&self, levels: usize) -> Result<usize, S::Error> {
        let depth = self.depth + levels;
        if DEPTH_MAX < depth {
            return Err(too_deep());
        }
        Ok(depth)
    }
}

#[cold]
fn too_deep<E: Error>() -> E {
    E::custom(format_args!("the value is nested deeper than {DEPTH_MAX} levels"))
}

/// Methods for values without parts.
macro_rules! forward {
    ($($method:ident($value:ty);)*) => {$(
        fn $method(self, value: $value) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        }
    )*};
}

impl<S: Serializer> Serializer for Guard<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Parts<S::SerializeSeq>;
    type SerializeTuple = Parts<S::SerializeTuple>;
    type SerializeTupleStruct = Parts<S::SerializeTupleStruct>;
    type SerializeTupleVariant = Parts<S::SerializeTupleVariant>;
    type SerializeMap = Parts<S::SerializeMap>;
    type SerializeStruct = Parts<S::SerializeStruct>;
    type SerializeStructVariant = Parts<S::SerializeStructVariant>;

    forward! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_unit_struct(&'static str);
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        if is_nil(value) {
            return Err(Error::custom("`Some` of nothing would arrive as `None`"));
        }
        self.inner.serialize_some(&Guarded { value, depth: self.depth })
    }

    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.serialize_newtype_struct(name, &Guarded { value, depth: self.depth })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let depth = self.deeper(1)?;
        self.inner.serialize_newtype_variant(name, index, variant, &Guarded { value, depth })
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        let depth = self.deeper(1)?;
        Ok(Parts { inner: self.inner.serialize_seq(len)?, depth })
    }

    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        let depth = self.deeper(1)?;
        Ok(Parts { inner: self.inner.serialize_tuple(len)?, depth })
    }

    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        let depth = self.deeper(1)?;
        Ok(Parts { inner: self.inner.serialize_tuple_struct(name, len)?, depth })
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let depth = self.deeper(2)?;
        let inner = self.inner.serialize_tuple_variant(name, index, variant, len)?;
        Ok(Parts { inner, depth })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        let depth = self.deeper(1)?;
        Ok(Parts { inner: self.inner.serialize_map(len)?, depth })
    }

    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        let depth = self.deeper(1)?;
        Ok(Parts { inner: self.inner.serialize_struct(name, len)?, depth })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let depth = self.deeper(2)?;
        let inner = self.inner.serialize_struct_variant(name, index, variant, len)?;
        Ok(Parts { inner, depth })
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// The compound traits differ in the names of their methods and in whether a part has a key.
macro_rules! parts {
    ($($compound:ident: $($method:ident($($key:ident: $Key:ty)?)),*;)*) => {$(
        impl<C: $compound> $compound for Parts<C> {
            type Ok = C::Ok;
            type Error = C::Error;

            $(fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: $Key,)?
                value: &T,
            ) -> Result<(), C::Error> {
                self.inner.$method($($key,)? &Guarded { value, depth: self.depth })
            })*

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(key: &'static str);
    SerializeStructVariant: serialize_field(key: &'static str);
}
