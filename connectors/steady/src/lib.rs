//! Waits of librdkafka that end in time whatever is done to the clock of the wall.
//!
//! librdkafka waits with C11's `cnd_timedwait`, until an instant of the wall that it reckons from the
//! time that it is now. The C library does wait for that instant: a thread that is to sleep for a second
//! while the clock is set back by an hour sleeps for an hour, and with it the topic that it fetches. No
//! setting of librdkafka changes that, so this crate defines `cnd_timedwait` in place of the C
//! library's: it reckons at once what is left, and waits for that by the clock that only goes on, for a
//! [`SLICE`] at most. A longer wait ends after a slice as if the condition had been signalled for
//! nothing, which callers of C11 must expect; librdkafka looks at its own steady clock and waits again.
//!
//! # Why the `unsafe` here is sound
//!
//! * The symbol has the signature and the results of C11 (`threads.h` of glibc: success 0, error 2, timeout 4), and
//!   its caller keeps the contract of C11: a condition and a mutex that were initialised, the mutex held,
//!   a readable instant.
//! * To glibc a `cnd_t` is a `pthread_cond_t` and a `mtx_t` a `pthread_mutex_t`: its own `cnd_timedwait`
//!   casts them and calls `pthread_cond_timedwait`. `pthread_cond_clockwait` (glibc 2.30) takes any clock
//!   with any condition.
//! * Nothing else in the process uses conditions of C11: Rust and RocksDB have their own.
//!
//! A target without glibc keeps what its C library does.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::time::Duration;

use libc::{CLOCK_MONOTONIC, CLOCK_REALTIME, clockid_t, pthread_cond_t, pthread_mutex_t, timespec};

/// How long a wait may last at most.
pub const SLICE: Duration = Duration::from_secs(1);

/// `thrd_success`, `thrd_error` and `thrd_timedout`.
const SUCCESS: c_int = 0;
const ERROR: c_int = 2;
const TIMEOUT: c_int = 4;

unsafe extern "C" {
    fn pthread_cond_clockwait(
        condition: *mut pthread_cond_t,
        mutex: *mut pthread_mutex_t,
        clock: clockid_t,
        until: *const timespec,
    ) -> c_int;
}

/// C11's wait for a condition until an instant of the wall; see the [crate].
///
/// # Safety
/// As C11 has it: `condition` and `mutex` are initialised, the caller holds `mutex`, `until` is readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cnd_timedwait(
    condition: *mut pthread_cond_t,
    mutex: *mut pthread_mutex_t,
    until: *const timespec,
) -> c_int {
    // SAFETY: the caller lets it be read.
    let until = since_the_epoch(unsafe { *until });
    let left = until.saturating_sub(now(CLOCK_REALTIME));
    let wait = left.min(SLICE);
    let wake = instant(now(CLOCK_MONOTONIC) + wait);
    // SAFETY: both are what the caller says, and `wake` outlives the call.
    match unsafe { pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &raw const wake) } {
        0 => SUCCESS,
        libc::ETIMEDOUT if wait < left => SUCCESS,
        libc::ETIMEDOUT => TIMEOUT,
        _ => ERROR,
    }
}

fn now(clock: clockid_t) -> Duration {
    let mut now = MaybeUninit::<timespec>::zeroed();
    // SAFETY: it is written, or stays zero, which is an instant, too.
    let now = unsafe {
        libc::clock_gettime(clock, now.as_mut_ptr());
        now.assume_init()
    };
    since_the_epoch(now)
}

/// What is before the epoch is long over.
fn since_the_epoch(instant: timespec) -> Duration {
    let seconds = u64::try_from(instant.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(instant.tv_nsec).unwrap_or(0))
}

fn instant(since: Duration) -> timespec {
    timespec {
        tv_sec: since.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: since.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Instant;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// As librdkafka calls them: what the linker finds.
    mod c {
        use super::{c_int, pthread_cond_t, pthread_mutex_t, timespec};

        unsafe extern "C" {
            pub(super) fn cnd_init(condition: *mut pthread_cond_t) -> c_int;
            pub(super) fn cnd_signal(condition: *mut pthread_cond_t) -> c_int;
            pub(super) fn cnd_timedwait(
                condition: *mut pthread_cond_t,
                mutex: *mut pthread_mutex_t,
                until: *const timespec,
            ) -> c_int;
            pub(super) fn mtx_init(mutex: *mut pthread_mutex_t, kind: c_int) -> c_int;
            pub(super) fn mtx_lock(mutex: *mut pthread_mutex_t) -> c_int;
            pub(super) fn mtx_unlock(mutex: *mut pthread_mutex_t) -> c_int;
        }
    }

    /// A condition and its mutex, at one place for ever.
    #[derive(Clone, Copy)]
    struct Pair(*mut pthread_cond_t, *mut pthread_mutex_t);

    // SAFETY: both are made to be shared.
    unsafe impl Send for Pair {}

    impl Pair {
        fn new() -> Self {
            let pair = Self(
                Box::into_raw(Box::new(libc::PTHREAD_COND_INITIALIZER)),
                Box::into_raw(Box::new(libc::PTHREAD_MUTEX_INITIALIZER)),
            );
            // SAFETY: both are there.
            assert_eq!(unsafe { (c::cnd_init(pair.0), c::mtx_init(pair.1, 0)) }, (0, 0));
            pair
        }

        /// Waits so long, by the clock of the wall; what came of it.
        fn wait(self, left: Duration) -> c_int {
            let until = instant(now(CLOCK_REALTIME) + left);
            // SAFETY: both are initialised.
            unsafe {
                c::mtx_lock(self.1);
                let code = c::cnd_timedwait(self.0, self.1, &raw const until);
                c::mtx_unlock(self.1);
                code
            }
        }
    }

    /// A clock that is set back by an hour makes an hour of what is left.
    #[test]
    fn no_wait_outlasts_a_clock_that_is_set_back() {
        let (ended, wait) = channel();
        std::thread::spawn(move || ended.send(Pair::new().wait(HOUR)));
        assert_eq!(wait.recv_timeout(5 * SLICE).unwrap(), SUCCESS);
    }

    #[test]
    fn a_time_that_is_over_is_told() {
        let (begun, left) = (Instant::now(), Duration::from_millis(50));
        assert_eq!(Pair::new().wait(left), TIMEOUT);
        assert!(begun.elapsed() >= left);
        assert_eq!(Pair::new().wait(Duration::ZERO), TIMEOUT);
    }

    #[test]
    fn a_signal_ends_a_wait() {
        let pair = Pair::new();
        let (ended, wait) = channel();
        std::thread::spawn(move || {
            let pair = pair;
            let begun = Instant::now();
            let code = pair.wait(SLICE);
            ended.send((code, begun.elapsed()))
        });
        loop {
            // SAFETY: it is initialised.
            unsafe { c::cnd_signal(pair.0) };
            if let Ok((code, took)) = wait.recv_timeout(Duration::from_millis(5)) {
                assert!(code == SUCCESS && took < SLICE, "{code} after {took:?}");
                break;
            }
        }
    }
}
