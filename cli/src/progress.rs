//! A spinner for steps that take longer than a second, and a bar for transfers, on terminals only.
//!
//! The log shares the terminal with it, so all writes to standard error while a spinner may be shown go through
//! [`suspended`].

use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use plugbay_catalog::network::TransferObserver;

use crate::output::plain;

/// The time after which the spinner appears.
const SHOWN_AFTER: Duration = Duration::from_secs(1);

/// The only spinner, as there is only one terminal.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// A step that may take long. Dropping it removes the spinner.
pub(crate) struct Progress {
    /// Dropping it wakes the thread.
    done: Option<Sender<()>>,
    watcher: Option<thread::JoinHandle<()>>,
}

impl Progress {
    /// Begins a step described by `message`, such as "compiling hello". Shows nothing if standard error is not a
    /// terminal.
    pub(crate) fn start(message: String, quiet: bool) -> Self {
        if quiet || !stderr().is_terminal() {
            return Progress { done: None, watcher: None };
        }
        let (done, finished) = channel::<()>();
        // A thread of its own, because the work may block the executor. If it cannot be started, no spinner is shown.
        let watcher = thread::Builder::new()
            .name("progress".into())
            .spawn(move || {
                if finished.recv_timeout(SHOWN_AFTER) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                show(Some(spinner(message)));
                let _ = finished.recv();
                show(None);
            })
            .ok();
        Progress { done: Some(done), watcher }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

/// A bar for transfers, one after another. Dropping it removes the bar.
pub(crate) struct TransferProgress {
    is_shown: bool,
}

impl TransferProgress {
    /// Shows bars if standard error is a terminal.
    pub(crate) fn new(quiet: bool) -> Self {
        TransferProgress { is_shown: !quiet && stderr().is_terminal() }
    }
}

impl TransferObserver for TransferProgress {
    fn begun(&self, what: &str, bytes: Option<u64>) {
        if self.is_shown {
            show(Some(bar(plain(what).into_owned(), bytes)));
        }
    }

    fn moved(&self, bytes: u64) {
        if let Some(bar) = &*SHOWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
            bar.inc(bytes);
        }
    }

    fn finished(&self) {
        if self.is_shown {
            show(None);
        }
    }
}

impl Drop for TransferProgress {
    fn drop(&mut self) {
        self.finished();
    }
}

fn bar(what: String, bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => {
            (ProgressBar::new(bytes), "{msg} [{wide_bar}] {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}")
        }
        None => (ProgressBar::no_length(), "{spinner} {msg} {bytes} {binary_bytes_per_sec}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.with_message(what)
}

/// Writes to standard error while the spinner is hidden.
pub(crate) fn suspended(write: impl FnOnce()) {
    match &*SHOWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
        Some(spinner) => spinner.suspend(write),
        None => write(),
    }
}

fn show(spinner: Option<ProgressBar>) {
    let mut shown = SHOWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(old) = std::mem::replace(&mut *shown, spinner) {
        old.finish_and_clear();
    }
}

fn spinner(message: String) -> ProgressBar {
    let spinner = ProgressBar::new_spinner().with_elapsed(SHOWN_AFTER).with_message(message);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}
