//! A stored entry is found again; a damaged or planted one is not.

use super::*;
use crate::compiler::{CompileIsolation, CompileLimits, Compiler};
use crate::engine::{CodeSettings, Memories, Metering, compiling, config};

struct Fixture {
    _parent: tempfile::TempDir,
    cache: CodeCache,
    engine: Engine,
    code: MachineCode,
}

impl Fixture {
    async fn new() -> Self {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let cache = CodeCache::open(parent.path().join("deep").join("code")).expect("it is made");
        let engine = compiling(Metering::Fuel);
        let component = wat::parse_str("(component)").expect("the text is valid");
        let compiler = Compiler::new(CompileIsolation::InProcess, CompileLimits::default());
        let code = compiler.compile(&engine, &component).await.expect("it compiles");
        Fixture { _parent: parent, cache, engine: engine.engine, code }
    }

    fn key(&self, number: u8) -> CodeKey {
        CodeKey::new(&fingerprint(&self.engine), &[number; 32])
    }

    fn path(&self, number: u8) -> PathBuf {
        self.cache.path().join(self.key(number).file_name())
    }

    fn put(&self, number: u8) {
        self.cache.put(&self.key(number), &self.code);
        assert!(self.path(number).exists(), "it was not cached");
    }

    fn has(&self, number: u8) -> bool {
        self.cache.get(&self.engine, &self.key(number)).is_some()
    }

    fn set_used(&self, number: u8, ago: Duration) {
        let file = File::options().append(true).open(self.path(number)).expect("it is there");
        file.set_modified(SystemTime::now() - ago).expect("its times can be set");
    }
}

#[tokio::test]
async fn entry_that_was_put_is_got() {
    let fixture = Fixture::new().await;
    assert!(!fixture.has(1));
    fixture.put(1);
    assert!(fixture.has(1));
    assert!(!fixture.has(2), "another component has another key");
}

/// The resident bytes of the mapping that begins here.
#[cfg(target_os = "linux")]
fn resident_bytes(start: *const u8) -> u64 {
    let maps = std::fs::read_to_string("/proc/self/smaps").expect("it is readable");
    let (_, mapping) = maps.split_once(&format!("{:x}-", start.addr())).expect("it is mapped");
    let line = mapping.lines().find_map(|line| line.strip_prefix("Rss:")).expect("a size");
    line.trim_end_matches("kB").trim().parse::<u64>().expect("a number") << 10
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn released_code_is_not_resident_and_is_read_again() {
    let fixture = Fixture::new().await;
    fixture.put(1);
    let component = fixture.cache.get(&fixture.engine, &fixture.key(1)).expect("it is cached");
    let start = component.image_range().start;
    let code = component.serialize().expect("its image is read");
    assert!(resident_bytes(start) > 0);
    MappedCode::new(&component).release();
    assert_eq!(resident_bytes(start), 0);
    assert!(component.serialize().expect("its image is read") == code, "the pages come back");
    assert!(resident_bytes(start) > 0);
}

#[test]
fn keys_differ_by_engine_and_not_by_pool() {
    let engine = |metering, memories, pooled| {
        let mut config = config(CodeSettings { metering, memories });
        if pooled {
            let mut pool = wasmtime::PoolingAllocationConfig::default();
            pool.total_component_instances(2).total_core_instances(2).total_memories(2).total_tables(2).total_stacks(2);
            config.allocation_strategy(pool);
        }
        Engine::new(&config).expect("the settings are right")
    };
    let key = |engine: &Engine| CodeKey::new(&fingerprint(engine), &[1; 32]);
    let fuel = key(&engine(Metering::Fuel, Memories::Pooled, false));
    assert_eq!(fuel, key(&engine(Metering::Fuel, Memories::Pooled, true)));
    assert_ne!(fuel, key(&engine(Metering::Epoch, Memories::Pooled, false)));
    assert_ne!(fuel, key(&engine(Metering::Fuel, Memories::OnDemand, false)));
}

#[tokio::test]
async fn damaged_entries_are_removed_and_not_used() {
    let fixture = Fixture::new().await;
    fixture.put(1);
    let whole = std::fs::read(fixture.path(1)).expect("it is there");
    let mut damaged = vec![Vec::new(), b"\0asm\x0d\0\x01\0".to_vec(), [&whole[..], b"more"].concat()];
    damaged.extend((1..64).map(|part| whole[..whole.len() * part / 64].to_vec()));
    damaged.extend((0..64).map(|part| {
        let mut flipped = whole.clone();
        flipped[whole.len() * part / 64] ^= 1 << (part % 8);
        flipped
    }));
    // Flips each byte of the trailer as well.
    damaged.extend((1..=20).map(|from_end| {
        let mut flipped = whole.clone();
        let at = whole.len() - from_end;
        flipped[at] ^= 0x40;
        flipped
    }));
    for bytes in damaged {
        std::fs::write(fixture.path(1), &bytes).expect("it is writable");
        assert!(!fixture.has(1), "an entry of {} bytes was used", bytes.len());
        assert!(!fixture.path(1).exists(), "it was left there");
    }
    fixture.put(1);
    assert!(fixture.has(1));
}

#[tokio::test]
async fn entry_of_another_engine_under_this_name_is_removed_and_not_used() {
    let fixture = Fixture::new().await;
    fixture.put(1);
    let other = compiling(Metering::Epoch).engine;
    let key = CodeKey::new(&fingerprint(&other), &[1; 32]);
    let path = fixture.cache.path().join(key.file_name());
    std::fs::rename(fixture.path(1), &path).expect("it can be renamed");
    assert!(fixture.cache.get(&other, &key).is_none());
    assert!(!path.exists());
}

#[tokio::test]
async fn full_cache_forgets_what_was_used_least_recently() {
    let mut fixture = Fixture::new().await;
    fixture.put(1);
    let size = std::fs::metadata(fixture.path(1)).expect("it is there").len();
    fixture.cache = fixture.cache.with_bytes_max(size * 7 / 2);
    fixture.put(2);
    fixture.put(3);
    let hour = Duration::from_secs(3_600);
    for (number, hours) in [(1, 9), (2, 8), (3, 7)] {
        fixture.set_used(number, hour * hours);
    }
    assert!(fixture.has(1), "and now it was used last");
    fixture.put(4);
    let left: Vec<bool> = (1..=4).map(|number| fixture.path(number).exists()).collect();
    assert_eq!(left, [true, false, true, true]);
}

#[tokio::test]
async fn code_larger_than_the_cache_is_not_cached() {
    let mut fixture = Fixture::new().await;
    fixture.cache = fixture.cache.with_bytes_max(1_000);
    fixture.cache.put(&fixture.key(1), &fixture.code);
    assert!(!fixture.path(1).exists());
}

#[tokio::test]
async fn abandoned_file_is_removed_and_a_fresh_one_is_not() {
    let fixture = Fixture::new().await;
    let [old, fresh] = ["old", "fresh"].map(|name| fixture.cache.path().join(format!("{UNFINISHED_PREFIX}{name}")));
    for path in [&old, &fresh] {
        std::fs::write(path, b"half").expect("the directory is writable");
    }
    let file = File::options().append(true).open(&old).expect("it is there");
    file.set_modified(SystemTime::now() - ABANDONED_AFTER * 2).expect("its times can be set");
    fixture.put(1);
    assert!(!old.exists());
    assert!(fresh.exists());
}

#[tokio::test]
async fn readers_and_writers_of_one_key_never_see_half_an_entry() {
    let fixture = Fixture::new().await;
    fixture.put(1);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| fixture.put(1)));
            scope.spawn(|| (0..50).for_each(|_| assert!(fixture.has(1))));
        }
    });
}

#[tokio::test]
async fn cache_that_cannot_be_written_is_no_error() {
    let fixture = Fixture::new().await;
    std::fs::remove_dir_all(fixture.cache.path()).expect("it is ours");
    fixture.cache.put(&fixture.key(1), &fixture.code);
    assert!(!fixture.has(1));
}

#[cfg(unix)]
mod ownership {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
    }

    #[tokio::test]
    async fn directory_and_entries_are_for_this_user_alone() {
        let fixture = Fixture::new().await;
        fixture.put(1);
        let mode = |path: &Path| std::fs::metadata(path).expect("it is there").mode() & 0o777;
        assert_eq!(mode(fixture.cache.path()), 0o700);
        assert_eq!(mode(&fixture.path(1)), 0o600);
    }

    #[test]
    fn link_and_file_are_refused() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let (link, dangling, file) =
            (parent.path().join("link"), parent.path().join("dangling"), parent.path().join("file"));
        symlink(parent.path(), &link).expect("it can be made");
        symlink("nowhere", &dangling).expect("it can be made");
        std::fs::write(&file, b"").expect("it can be made");
        for path in [link, dangling, file] {
            let error = CodeCache::open(&path).expect_err("it is not a directory");
            assert!(matches!(error, CodeCacheError::NotDirectory { .. }), "{error}");
        }
    }

    #[test]
    fn directory_that_others_may_write_is_refused_with_what_to_do() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        for mode in [0o770, 0o720, 0o702, 0o777, 0o1777] {
            set_mode(parent.path(), mode);
            let error = CodeCache::open(parent.path()).expect_err("others may write");
            assert!(matches!(error, CodeCacheError::WritableByOthers { mode: told, .. } if told == mode), "{error}");
            assert!(error.to_string().contains("chmod 700"));
        }
        set_mode(parent.path(), 0o755);
        CodeCache::open(parent.path()).expect("others may only read");
    }

    #[test]
    fn directory_of_somebody_else_is_refused() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        // Root can give a directory away; for other users, the root directory belongs to another user.
        let foreign = if chown(parent.path(), Some(1), None).is_ok() { parent.path() } else { Path::new("/") };
        let error = CodeCache::open(foreign).expect_err("it is not ours");
        assert!(matches!(error, CodeCacheError::ForeignOwner { .. }), "{error}");
    }

    #[tokio::test]
    async fn entry_that_others_may_write_is_removed_and_not_used() {
        let fixture = Fixture::new().await;
        fixture.put(1);
        set_mode(&fixture.path(1), 0o666);
        assert!(!fixture.has(1));
        assert!(!fixture.path(1).exists());
    }

    #[tokio::test]
    async fn entry_that_is_a_link_is_removed_and_not_followed() {
        let fixture = Fixture::new().await;
        fixture.put(1);
        let elsewhere = fixture.cache.path().join("elsewhere");
        std::fs::rename(fixture.path(1), &elsewhere).expect("it is ours");
        symlink(&elsewhere, fixture.path(1)).expect("it can be made");
        assert!(!fixture.has(1));
        assert!(std::fs::symlink_metadata(fixture.path(1)).is_err(), "the link was left there");
        assert!(elsewhere.exists());
    }

    #[tokio::test]
    async fn directory_put_in_the_place_of_the_opened_one_is_not_read() {
        let fixture = Fixture::new().await;
        fixture.put(1);
        let moved = fixture.cache.path().with_extension("moved");
        std::fs::rename(fixture.cache.path(), &moved).expect("it is ours");
        std::fs::create_dir(fixture.cache.path()).expect("it can be made");
        std::fs::write(fixture.path(1), b"planted").expect("it can be made");
        assert!(fixture.has(1), "the entry is found in the directory that was opened");
        assert_eq!(std::fs::read(fixture.path(1)).expect("it was not touched"), b"planted");
    }
}
