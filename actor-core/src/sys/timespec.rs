//! Times in the form that system calls take.

use std::time::Duration;

use rustix::time::Timespec;

/// Nothing for a time that they cannot say, which is for ever.
pub(super) fn timespec(timeout: Duration) -> Option<Timespec> {
    Some(Timespec { tv_sec: i64::try_from(timeout.as_secs()).ok()?, tv_nsec: timeout.subsec_nanos().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoke() {
        let time = timespec(Duration::new(7, 9)).unwrap();
        assert_eq!((time.tv_sec, time.tv_nsec), (7, 9));
        assert!(timespec(Duration::MAX).is_none());
    }
}
