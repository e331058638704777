//! Questions about a value that its `Serialize` answers in its first step.
//!
//! A [`Probe`] is a serializer that writes nothing and looks at nothing but the outermost kind of
//! a value. For derived types the compiler reduces it to a branch on the discriminant.

use serde::Serialize;
use serde::ser::{self, Impossible};

/// Whether `value` is an `Err`.
///
/// Generic code that only knows `R: Serialize` asks this of what a function returned.
pub(crate) fn is_err<R: Serialize + ?Sized>(value: &R) -> bool {
    shape(value) == Shape::Err
}

/// Whether `value` encodes as nil: a unit, `None`, or a wrapper of one.
pub(super) fn is_nil<T: Serialize + ?Sized>(value: &T) -> bool {
    shape(value) == Shape::Nil
}

fn shape<T: Serialize + ?Sized>(value: &T) -> Shape {
    value.serialize(Probe).unwrap_or(Shape::Other)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Nil,
    Err,
    Other,
}

struct Probe;

/// The answer [`Shape::Other`], given where serde wants a compound serializer that we do not have.
#[derive(Debug, thiserror::Error)]
#[error("the value has another shape")]
struct OtherShape;

impl ser::Error for OtherShape {
    fn custom<T: std::fmt::Display>(_: T) -> OtherShape {
        OtherShape
    }
}

/// Methods for the values that are neither nil nor an `Err`.
macro_rules! other {
    ($($method:ident($($argument:ty),*);)*) => {$(
        fn $method(self, $(_: $argument),*) -> Result<Shape, OtherShape> {
            Ok(Shape::Other)
        }
    )*};
}

/// The same for values with parts.
macro_rules! other_compound {
    ($($method:ident($($argument:ty),*) -> $compound:ident;)*) => {$(
        fn $method(self, $(_: $argument),*) -> Result<Self::$compound, OtherShape> {
            Err(OtherShape)
        }
    )*};
}

impl ser::Serializer for Probe {
    type Ok = Shape;
    type Error = OtherShape;
    type SerializeSeq = Impossible<Shape, OtherShape>;
    type SerializeTuple = Impossible<Shape, OtherShape>;
    type SerializeTupleStruct = Impossible<Shape, OtherShape>;
    type SerializeTupleVariant = Impossible<Shape, OtherShape>;
    type SerializeMap = Impossible<Shape, OtherShape>;
    type SerializeStruct = Impossible<Shape, OtherShape>;
    type SerializeStructVariant = Impossible<Shape, OtherShape>;

    fn serialize_none(self) -> Result<Shape, OtherShape> {
        Ok(Shape::Nil)
    }

    fn serialize_unit(self) -> Result<Shape, OtherShape> {
        Ok(Shape::Nil)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Shape, OtherShape> {
        Ok(wrapped(shape(value)))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Shape, OtherShape> {
        Ok(wrapped(shape(value)))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        _: &T,
    ) -> Result<Shape, OtherShape> {
        let is_err = name == "Result" && variant == "Err";
        Ok(if is_err { Shape::Err } else { Shape::Other })
    }

    other! {
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
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    other_compound! {
        serialize_seq(Option<usize>) -> SerializeSeq;
        serialize_tuple(usize) -> SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, _: &T) -> Result<Shape, OtherShape> {
        Ok(Shape::Other)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Nil shows through a wrapper; an `Err` within something is not a failure of the whole.
fn wrapped(shape: Shape) -> Shape {
    if shape == Shape::Nil { Shape::Nil } else { Shape::Other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Wrapper<T>(T);

    #[derive(Serialize)]
    struct Marker;

    #[test]
    fn smoke() {
        assert!(is_err(&Err::<(), _>("no")));
        assert!(!is_err(&Ok::<_, String>(1)));
    }

    #[test]
    fn only_an_err_at_the_top_is_an_err() {
        let err = Err::<u8, _>("no");
        assert!(is_err(&Box::new(err)));
        assert!(is_err(&&err));
        assert!(!is_err(&Some(err)));
        assert!(!is_err(&Wrapper(err)));
        assert!(!is_err(&(err, 1)));
        assert!(!is_err(&vec![err]));
        assert!(!is_err(&Ok::<_, u8>(err)));
        assert!(!is_err("Err"));
        assert!(!is_err(&()));
    }

    #[test]
    fn nil_is_seen_through_wrappers() {
        assert!(is_nil(&()));
        assert!(is_nil(&None::<u8>));
        assert!(is_nil(&Some(None::<u8>)));
        assert!(is_nil(&Wrapper(Some(()))));
        assert!(!is_nil(&Some(0)));
        assert!(!is_nil(&Marker));
        assert!(!is_nil(&((),)));
        assert!(!is_nil(&Vec::<()>::new()));
        assert!(!is_nil(&Ok::<_, u8>(())));
    }
}
