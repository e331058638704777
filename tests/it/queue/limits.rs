//! At the limits of the machine, or of a peer that does not move: an error value, and no harm.
