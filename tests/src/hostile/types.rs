//! Types of messages as users have them: of every shape that the codec treats in a way of its own.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// With fields by position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// A number of any size.
    pub x: i64,
    /// Nothing, or a number that may be none.
    pub y: Option<f64>,
}

/// Of one field, which is encoded as that field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wrapper<T>(pub T);

/// Each kind of variant that there is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    /// A name alone.
    Nothing,
    /// Two fields by position.
    Circle(Point, f32),
    /// Fields by name, encoded by position.
    Polygon {
        /// Many.
        corners: Vec<Point>,
        /// Perhaps.
        label: Option<String>,
    },
    /// Itself, in a list.
    Group(Vec<Shape>),
    /// Itself.
    Alias(Box<Shape>),
    /// Itself, through everything that encodes as nothing of its own.
    Hidden(Wrapper<Option<Box<Wrapper<Shape>>>>),
}

/// Nothing but itself: two bytes of a message for each level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum List {
    /// The last.
    End,
    /// One more.
    Cons(Box<List>),
}

/// Nothing but itself, through an option and a struct of one field: no byte for a level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endless(pub Option<Box<Endless>>);

/// All that has a decoder of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Everything {
    /// Nested enums.
    pub shapes: Vec<Shape>,
    /// A map with texts for keys.
    pub by_name: BTreeMap<String, (u8, Shape)>,
    /// A map with numbers for keys.
    pub by_number: HashMap<u32, Vec<Option<Point>>>,
    /// Numbers of every width, and what is smaller than one.
    pub numbers: (i8, u16, i32, u64, i128, u128, char, bool),
    /// How something went.
    pub result: Result<(), String>,
    /// Nothing.
    pub unit: (),
    /// As many as the type says.
    pub array: [u16; 5],
    /// Nothing, many times.
    pub units: Vec<()>,
    /// Endless if one lets it.
    pub endless: Vec<Endless>,
}

/// One of each.
pub fn everything() -> Everything {
    let point = Point { x: -7, y: Some(0.5) };
    let polygon = Shape::Polygon { corners: vec![point.clone(); 5], label: Some("five".into()) };
    let hidden = Shape::Hidden(Wrapper(Some(Box::new(Wrapper(Shape::Nothing)))));
    Everything {
        shapes: vec![
            Shape::Circle(point.clone(), 1.5),
            polygon.clone(),
            Shape::Group(vec![Shape::Alias(Box::new(hidden)), Shape::Nothing]),
        ],
        by_name: BTreeMap::from([("é".into(), (1, polygon)), (String::new(), (2, Shape::Nothing))]),
        by_number: HashMap::from([(70_000, vec![None, Some(point)])]),
        numbers: (i8::MIN, u16::MAX, i32::MIN, u64::MAX, i128::MIN, u128::MAX, 'ß', true),
        result: Err("no".into()),
        unit: (),
        array: [1, 200, 3000, 40000, 0],
        units: vec![(); 3],
        endless: vec![Endless(None)],
    }
}
