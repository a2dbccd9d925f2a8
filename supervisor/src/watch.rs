//! Watched files of a process: a change is reported once the files have been left alone for a moment.
//!
//! Files are looked at. Notifications of the operating system end when a watched directory is replaced, and do not
//! exist on every file system.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use plugbay_manifest::WatcherEntry;
use regex::Regex;

/// The pause after a look is at least this multiple of its duration, so that many files do not take a core.
const PAUSE_PER_LOOK: u32 = 20;
/// The shortest time between two looks.
const INTERVAL_MIN: Duration = Duration::from_millis(50);
/// The number of looks after which a change is reported even if files still change.
const LOOKS_MAX: u32 = 20;
/// The depth to which a directory is watched, and the number of its files.
const DEPTH_MAX: usize = 32;
const FILES_MAX: usize = 20_000;

/// The files that are watched, and which of them count.
#[derive(Clone, Debug)]
pub(crate) struct FileWatch {
    paths: Vec<PathBuf>,
    interval: Duration,
    filter: Filter,
}

#[derive(Clone, Debug)]
struct Filter {
    extensions: Vec<String>,
    matching: Vec<Regex>,
    skip: Vec<Regex>,
}

type Stamps = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

impl FileWatch {
    /// Watches files and directories with everything in them.
    ///
    /// # Errors
    /// The pattern that cannot be read.
    pub(crate) fn new(paths: Vec<PathBuf>, entry: &WatcherEntry) -> Result<Self, String> {
        let patterns = |texts: &[String]| texts.iter().map(|text| pattern(text)).collect::<Result<Vec<_>, _>>();
        let filter = Filter {
            extensions: entry.exts.iter().map(|each| each.trim_start_matches('.').to_ascii_lowercase()).collect(),
            matching: patterns(&entry.matching)?,
            skip: patterns(&entry.skip)?,
        };
        Ok(FileWatch { paths, interval: entry.interval.max(INTERVAL_MIN), filter })
    }

    /// The files and directories that do not exist.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter().map(PathBuf::as_path).filter(|path| !path.exists())
    }

    /// Calls `changed` after each change, until it returns false.
    pub(crate) async fn run(self, mut changed: impl FnMut() -> bool) {
        let begun = Instant::now();
        let mut seen = self.look().await;
        let mut looked_for = begun.elapsed();
        loop {
            tokio::time::sleep(self.interval.max(looked_for * PAUSE_PER_LOOK)).await;
            let begun = Instant::now();
            let mut last = self.look().await;
            looked_for = begun.elapsed();
            if last == seen {
                continue;
            }
            for _ in 0..LOOKS_MAX {
                tokio::time::sleep(self.interval).await;
                let now = self.look().await;
                if std::mem::replace(&mut last, now) == last {
                    break;
                }
            }
            seen = last;
            if !changed() {
                return;
            }
        }
    }

    async fn look(&self) -> Stamps {
        let watch = self.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let mut stamps = Stamps::new();
            watch.paths.iter().for_each(|path| watch.filter.collect(path, 0, &mut stamps));
            stamps
        });
        looked.await.unwrap_or_default()
    }
}

impl Filter {
    /// Adds a file that is named, or the matching files of a directory. Links to directories are not followed.
    fn collect(&self, path: &Path, depth: usize, stamps: &mut Stamps) {
        let Ok(metadata) = path.metadata() else { return };
        if !metadata.is_dir() {
            if depth == 0 || self.fits(path) {
                stamps.insert(path.to_owned(), (metadata.modified().ok(), metadata.len()));
            }
            return;
        }
        let Ok(entries) = path.read_dir() else { return };
        for entry in entries.flatten() {
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let below = entry.path();
            let is_skipped = self.is_skipped(&below) || (is_link && below.is_dir());
            if stamps.len() < FILES_MAX && depth < DEPTH_MAX && !is_skipped {
                self.collect(&below, depth + 1, stamps);
            }
        }
    }

    fn fits(&self, path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        let has_extension = extension.is_some_and(|extension| self.extensions.contains(&extension));
        let text = path.to_string_lossy();
        has_extension && self.matching.iter().any(|pattern| pattern.is_match(&text))
    }

    /// Whether a file, or everything in a directory, is not watched.
    fn is_skipped(&self, path: &Path) -> bool {
        let text = path.to_string_lossy();
        self.skip.iter().any(|pattern| pattern.is_match(&text) || pattern.is_match(&format!("{text}/")))
    }
}

/// A pattern of paths: `*` and `?` within a name, `**` across directories.
fn pattern(text: &str) -> Result<Regex, String> {
    let mut regex = String::from("^");
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (translated, length) = match first {
            '*' if rest.starts_with("**/") => ("(?:.*/)?".to_owned(), 3),
            '*' if rest.starts_with("**") => (".*".to_owned(), 2),
            '*' => ("[^/]*".to_owned(), 1),
            '?' => ("[^/]".to_owned(), 1),
            other => (regex::escape(other.encode_utf8(&mut [0; 4])), other.len_utf8()),
        };
        regex.push_str(&translated);
        rest = &rest[length..];
    }
    regex.push('$');
    Regex::new(&regex).map_err(|_| format!("the pattern `{text}` of watched files is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Path, name: &str) {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("created");
        std::fs::write(path, name).expect("written");
    }

    #[tokio::test]
    async fn only_files_that_fit_are_watched() {
        let directory = tempfile::tempdir().expect("a directory");
        ["a.ts", "b/c.JSON", "b/d.rs", ".git/e.ts", "b/.git/f.ts", "named"]
            .iter()
            .for_each(|name| write(directory.path(), name));
        let paths = vec![directory.path().to_owned(), directory.path().join("named")];
        let watch = FileWatch::new(paths, &WatcherEntry::default()).expect("patterns");
        let stamps = watch.look().await;
        let names: Vec<_> = stamps.keys().map(|path| path.strip_prefix(directory.path()).expect("inside")).collect();
        assert_eq!(names, ["a.ts", "b/c.JSON", "named"].map(Path::new));
    }

    #[tokio::test]
    async fn change_is_reported_until_the_receiver_ends() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().to_owned();
        let watch = FileWatch::new(vec![path.clone()], &WatcherEntry::default()).expect("patterns");
        let watch = FileWatch { interval: INTERVAL_MIN, ..watch };
        let (seen, mut changes) = tokio::sync::mpsc::unbounded_channel();
        let task = tokio::spawn(watch.run(move || seen.send(()).is_ok()));
        // The task may look for the first time after a change, which it then does not see.
        for number in 0.. {
            write(&path, &format!("{number}.ts"));
            if tokio::time::timeout(Duration::from_secs(2), changes.recv()).await.is_ok() {
                break;
            }
        }
        drop(changes);
        write(&path, "last.ts");
        task.await.expect("it ends with its receiver");
    }

    #[test]
    fn patterns_match_names_and_directories() {
        let fits = |text: &str, path: &str| pattern(text).expect("a pattern").is_match(path);
        assert!(fits("**/*.*", "/a/b.c") && fits("**/*.*", "b.c") && !fits("**/*.*", "/a/b"));
        assert!(fits("**/.git/**", "/a/.git/x/y") && !fits("**/.git/**", "/a/.github/x"));
        assert!(
            fits("/src/?.ts", "/src/a.ts") && !fits("/src/?.ts", "/src/ab.ts") && !fits("/src/*.ts", "/src/a/b.ts")
        );
    }
}
