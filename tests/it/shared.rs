//! Memory that processes share: values and arrays with a lock and without, and bytes with a name.

mod memory;
mod values;
