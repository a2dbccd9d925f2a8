//! The signals that end the command: SIGINT, SIGTERM and SIGHUP on Unix, Ctrl-C elsewhere.
//!
//! By default they end a process in the middle of a call, without unloading its plugins. Process 1 of a container does
//! not receive them at all, because the kernel delivers only signals that it handles. With [`EndSignals`], the command
//! waits for the first signal alongside its work, and unloads its plugins before it ends. A second signal ends it at
//! once. A server reads its settings again at SIGHUP instead, unless its terminal was closed.

use std::io;

use crate::exit::Exit;

/// The signal that ended the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndSignal {
    /// From a terminal: Ctrl-C.
    Interrupt,
    /// From a supervisor: `kill`, systemd, `docker stop`.
    #[cfg_attr(not(unix), allow(dead_code))]
    Terminate,
    /// The terminal was closed.
    #[cfg_attr(not(unix), allow(dead_code))]
    HangUp,
}

impl EndSignal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            EndSignal::Interrupt => "SIGINT",
            EndSignal::Terminate => "SIGTERM",
            EndSignal::HangUp => "SIGHUP",
        }
    }

    /// The exit code: 128 plus the signal's number, as in shells.
    pub(crate) fn exit(self) -> Exit {
        match self {
            EndSignal::Interrupt => Exit::Interrupted,
            EndSignal::Terminate => Exit::Terminated,
            EndSignal::HangUp => Exit::HungUp,
        }
    }
}

#[cfg(unix)]
pub(crate) use unix::{EndSignals, ignore_file_size_signal};

#[cfg(unix)]
mod unix {
    use super::{EndSignal, io};
    use std::future::poll_fn;
    use std::task::Poll;

    use rustix::process::Signal as Number;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// Receives the signals that end the command, from its creation on.
    pub(crate) struct EndSignals {
        signals: Vec<(EndSignal, Signal)>,
        has_terminal: bool,
    }

    impl EndSignals {
        /// Starts handling the signals. Needs an executor with IO. SIGHUP stays ignored in a process that was started
        /// with it ignored, as by `nohup`.
        ///
        /// # Errors
        /// An error of the operating system.
        pub(crate) fn listen() -> io::Result<Self> {
            let mut signals = vec![
                (EndSignal::Interrupt, signal(SignalKind::interrupt())?),
                (EndSignal::Terminate, signal(SignalKind::terminate())?),
            ];
            if !is_ignored(Number::HUP) {
                signals.push((EndSignal::HangUp, signal(SignalKind::hangup())?));
            }
            Ok(EndSignals { signals, has_terminal: is_terminal_open() })
        }

        /// Waits for the next signal.
        pub(crate) async fn next(&mut self) -> EndSignal {
            poll_fn(|context| {
                let received = self.signals.iter_mut().find_map(|(which, signal)| match signal.poll_recv(context) {
                    Poll::Ready(Some(())) => Some(*which),
                    _ => None,
                });
                received.map_or(Poll::Pending, Poll::Ready)
            })
            .await
        }
    }

    impl EndSignals {
        /// Whether a signal asks a server to read its settings again: SIGHUP, unless the system sent it because the
        /// terminal of this process was closed.
        pub(crate) fn is_reload(&self, signal: EndSignal) -> bool {
            signal == EndSignal::HangUp && (!self.has_terminal || is_terminal_open())
        }

        /// Waits for the next signal that ends a server.
        pub(crate) async fn next_end(&mut self) -> EndSignal {
            loop {
                let signal = self.next().await;
                if !self.is_reload(signal) {
                    return signal;
                }
            }
        }
    }

    /// Whether this process has a terminal. It has none any more once that was closed.
    fn is_terminal_open() -> bool {
        std::fs::File::open("/dev/tty").is_ok()
    }

    /// Whether this process was started with the signal ignored. Without unsafe code, this is known only on Linux.
    fn is_ignored(number: Number) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
        mask >> (number.as_raw() - 1) & 1 == 1
    }

    /// Handles SIGXFSZ, which would end the process, so that a write beyond `ulimit -f` fails with an error instead.
    /// Needs an executor with IO.
    pub(crate) fn ignore_file_size_signal() -> io::Result<()> {
        // The handler stays when the stream of its signals is dropped.
        signal(SignalKind::from_raw(Number::XFSZ.as_raw())).map(drop)
    }
}

#[cfg(not(unix))]
pub(crate) use elsewhere::{EndSignals, ignore_file_size_signal};

#[cfg(not(unix))]
mod elsewhere {
    use super::{EndSignal, io};

    /// Receives Ctrl-C.
    pub(crate) struct EndSignals;

    impl EndSignals {
        /// # Errors
        /// None.
        pub(crate) fn listen() -> io::Result<Self> {
            Ok(EndSignals)
        }

        /// Waits for the next Ctrl-C.
        pub(crate) async fn next(&mut self) -> EndSignal {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            EndSignal::Interrupt
        }
    }

    impl EndSignals {
        /// No signal asks a server to read its settings again.
        pub(crate) fn is_reload(&self, _: EndSignal) -> bool {
            false
        }

        /// Waits for the next Ctrl-C.
        pub(crate) async fn next_end(&mut self) -> EndSignal {
            self.next().await
        }
    }

    pub(crate) fn ignore_file_size_signal() -> io::Result<()> {
        Ok(())
    }
}
