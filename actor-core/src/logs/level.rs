//! Levels as numbers: 0 is none, 1 an error, 5 everything.

use tracing::Level;
use tracing::level_filters::LevelFilter;

pub(crate) fn to_number(level: Level) -> u32 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// The level with this number, the most verbose one for any other.
pub(crate) fn of_number(number: u8) -> Level {
    match number {
        1 => Level::ERROR,
        2 => Level::WARN,
        3 => Level::INFO,
        4 => Level::DEBUG,
        _ => Level::TRACE,
    }
}

/// What somebody wants to hear of at most.
pub(crate) fn of_filter(filter: LevelFilter) -> u32 {
    filter.into_level().map_or(0, to_number)
}

pub(crate) fn to_filter(number: u32) -> LevelFilter {
    match number {
        0 => LevelFilter::OFF,
        number => LevelFilter::from_level(of_number(number as u8)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        for number in 1..=5 {
            assert_eq!(to_number(of_number(number as u8)), number);
            assert_eq!(of_filter(to_filter(number)), number);
        }
        assert_eq!(of_filter(to_filter(0)), 0);
    }
}
