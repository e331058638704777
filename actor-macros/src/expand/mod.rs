//! Writes the code. A file per item that it writes:

pub(crate) mod alone;
pub(crate) mod block;
pub(crate) mod calls;
pub(crate) mod declaration;
