//! Tests of compiling in both ways. Shell scripts act as misbehaving children.

use super::protocol::Request;
use super::worker::serve;
use super::*;
use crate::code_cache::load;
use crate::engine::{CodeSettings, Memories, Metering, compiling, config};
use crate::hex;

fn engine() -> CodeEngine {
    compiling(Metering::Fuel)
}

fn component() -> Vec<u8> {
    wat::parse_str("(component (core module (func (result i32) i32.const 1)))").expect("the text is valid")
}

/// A component with a valid structure and invalid code: an addition without operands.
fn invalid_component() -> Vec<u8> {
    wat::parse_str("(component (core module (func i32.add drop)))").expect("the text is well-formed")
}

fn request(engine: &CodeEngine, component: &[u8]) -> Vec<u8> {
    let request = Request {
        version: protocol::VERSION,
        settings: engine.settings,
        fingerprint: hex(&engine.fingerprint),
        memory_bytes_max: COMPILE_MEMORY_BYTES_DEFAULT,
        cpu_seconds_max: 60,
        component_bytes: component.len() as u64,
    };
    [request.to_line(), component.to_vec()].concat()
}

fn answer(input: &[u8]) -> Result<MachineCode, CompileError> {
    serve(input, |_| Ok(()))
}

fn worker_error(input: &[u8]) -> String {
    match answer(input).map(|_| ()) {
        Err(CompileError::Worker { message }) => message,
        other => panic!("expected an error of the worker, got {other:?}"),
    }
}

#[tokio::test]
async fn component_compiled_in_process_loads() {
    let compiler = Compiler::new(CompileIsolation::InProcess, CompileLimits::default());
    let engine = engine();
    let code = compiler.compile(&engine, &component()).await.expect("it compiles");
    load(&engine.engine, &code).expect("it loads");
}

#[tokio::test]
async fn invalid_component_is_refused_with_what_and_where() {
    let compiler = Compiler::new(CompileIsolation::InProcess, CompileLimits::default());
    match compiler.compile(&engine(), &invalid_component()).await.map(|_| ()) {
        Err(error @ CompileError::Invalid { offset: Some(offset), .. }) => {
            assert!(offset > 8 && offset < invalid_component().len() as u64, "{offset}");
            assert!(error.to_string().contains("type mismatch"), "{error}");
            assert_eq!(error.code(), "invalid_component");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn compilation_over_its_deadline_is_told_and_still_takes_its_turn() {
    let limits = CompileLimits { timeout: Duration::from_millis(20), ..CompileLimits::default() };
    let compiler = Compiler::new(CompileIsolation::InProcess, limits.clone());
    // 60,000 functions take some seconds of processor time.
    let slow = wat::parse_str(format!("(component (core module {}))", "(func)".repeat(60_000))).expect("valid text");
    let engine = engine();
    let compile = || compiler.compile(&engine, &slow);
    let (one, two) = tokio::join!(compile(), compile());
    for compiled in [one, two] {
        let error = compiled.map(|_| ()).expect_err("it takes longer than its deadline");
        assert!(matches!(error, CompileError::Timeout { allowed, .. } if allowed == limits.timeout), "{error}");
    }
    let error = compile().await.map(|_| ()).expect_err("both turns are taken");
    assert_eq!(error, CompileError::Busy { allowed: COMPILATIONS_MAX, waited: limits.timeout });
}

#[test]
fn worker_compiles_code_that_its_host_loads() {
    let engine = engine();
    let code = answer(&request(&engine, &component())).expect("it compiles");
    load(&engine.engine, &code).expect("the host's engine has the same settings");
}

#[test]
fn worker_compiles_for_an_engine_without_a_pool() {
    let settings = CodeSettings { memories: Memories::OnDemand, ..engine().settings };
    let engine = CodeEngine::new(Engine::new(&config(settings)).expect("the settings are right"), settings);
    let code = answer(&request(&engine, &component())).expect("it compiles");
    load(&engine.engine, &code).expect("the host's engine has the same settings");
}

#[test]
fn worker_of_another_build_refuses() {
    let settings = engine().settings;
    let mut other = config(settings);
    other.cranelift_opt_level(wasmtime::OptLevel::None);
    let other = CodeEngine::new(Engine::new(&other).expect("the settings are right"), settings);
    assert!(worker_error(&request(&other, &component())).contains("another build"));
}

#[test]
fn request_that_is_not_valid_is_refused() {
    assert!(worker_error(b"").contains("not valid"));
    assert!(worker_error(b"{}\n").contains("not valid"));
    assert!(worker_error(&[b'{'; 1 << 20]).contains("not valid"));
    let component = component();
    let whole = request(&engine(), &component);
    assert!(worker_error(&whole[..whole.len() - 1]).contains("it ends after"));
    let later = String::from_utf8_lossy(&whole).replacen("\"version\":2", "\"version\":3", 1);
    assert!(worker_error(later.as_bytes()).contains("version 3"));
}

#[test]
fn worker_is_bounded_before_it_reads_the_component() {
    let mut bounded = None;
    let input = request(&engine(), b"");
    let _ = serve(&input[..], |request| {
        bounded = Some(request.memory_bytes_max);
        Err("that is far enough".to_owned())
    });
    assert_eq!(bounded, Some(COMPILE_MEMORY_BYTES_DEFAULT));
}

#[cfg(unix)]
mod scripted {
    use super::*;

    async fn compile_by(script: &str, limits: CompileLimits) -> Result<MachineCode, CompileError> {
        let command = WorkerCommand::new("/bin/sh", ["-c", script]);
        let compiler = Compiler::new(CompileIsolation::ChildProcess(command), limits);
        compiler.compile(&engine(), &component()).await
    }

    async fn refused_by(script: &str) -> CompileError {
        compile_by(script, CompileLimits::default()).await.map(|_| ()).expect_err("it must be refused")
    }

    /// The script writes a worker's output from a file.
    #[tokio::test]
    async fn code_of_a_child_loads() {
        let engine = engine();
        let code = answer(&request(&engine, &component())).expect("it compiles");
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        protocol::write_code(&mut file, code.as_bytes()).expect("it is written");
        let script = format!("cat >/dev/null; cat {}", file.path().display());
        let code = compile_by(&script, CompileLimits::default()).await.expect("it is whole");
        load(&engine.engine, &code).expect("it loads");
    }

    #[tokio::test]
    async fn child_gets_the_whole_request() {
        let script =
            "read -r line; bytes=$(wc -c); echo \"{\\\"Worker\\\":{\\\"message\\\":\\\"$bytes\\\"}}\" >&2; exit 1";
        match refused_by(script).await {
            CompileError::Worker { message } => assert_eq!(message.trim(), component().len().to_string()),
            other => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn child_has_no_environment_but_its_threads_and_its_task() {
        // The shell sets `PWD`, `SHLVL` and `_`.
        let error = refused_by("/usr/bin/env | grep -vE '^(PWD|SHLVL|OLDPWD|_)=' | sort >&2; exit 1").await;
        match error {
            CompileError::Crashed { output, .. } => {
                assert_eq!(output, format!("PLUGBAY_COMPILE_WORKER=1\nRAYON_NUM_THREADS={}", worker_threads()));
            }
            other => panic!("{other}"),
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn files_of_the_host_are_not_open_in_the_child() {
        let open = tempfile::NamedTempFile::new().expect("a temporary file");
        let name = open.path().file_name().expect("it has a name").to_string_lossy().into_owned();
        match refused_by("ls -l /proc/$$/fd >&2; exit 1").await {
            CompileError::Crashed { output, .. } => {
                assert!(output.contains("pipe:"), "the list must be one: {output}");
                assert!(!output.contains(&name), "{output}");
            }
            other => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn error_of_a_child_is_told_as_it_is() {
        let error = CompileError::Invalid { message: "wrong".to_owned(), offset: Some(7) };
        let line = serde_json::to_string(&error).expect("it is JSON");
        assert_eq!(refused_by(&format!("echo noise >&2; echo '{line}' >&2; exit 1")).await, error);
    }

    #[tokio::test]
    async fn child_that_crashes_is_told_with_its_signal_and_last_words() {
        let error = refused_by("echo last words >&2; kill -SEGV $$").await;
        assert_eq!(error.code(), "compiler_crashed");
        assert!(error.to_string().contains("signal: 11"), "{error}");
        assert!(error.to_string().contains("last words"), "{error}");
    }

    #[tokio::test]
    async fn child_that_runs_out_of_memory_is_told_as_the_memory_limit() {
        let error = refused_by("echo memory allocation of 12 bytes failed >&2; kill -ABRT $$").await;
        assert_eq!(error, CompileError::Memory { allowed: COMPILE_MEMORY_BYTES_DEFAULT, observed: 12 });
    }

    #[tokio::test]
    async fn child_out_of_processor_time_is_told_as_the_deadline() {
        assert_eq!(refused_by("kill -XCPU $$").await.code(), "compile_timeout");
    }

    #[tokio::test]
    async fn child_that_writes_nothing_or_too_little_is_no_worker() {
        for script in
            ["exit 0", "cat >/dev/null", "printf 12345678abc", "cat >/dev/null; printf '\\004\\0\\0\\0\\0\\0\\0\\0abc'"]
        {
            let error = refused_by(script).await;
            assert!(error.to_string().contains("is it a compile worker?"), "{script}: {error}");
        }
    }

    #[tokio::test]
    async fn program_that_is_not_there_is_told_by_name() {
        let command = WorkerCommand::new("/nonexistent/worker", [""; 0]);
        let compiler = Compiler::new(CompileIsolation::ChildProcess(command), CompileLimits::default());
        let error = compiler.compile(&engine(), &component()).await.map(|_| ()).expect_err("not there");
        assert!(error.to_string().contains("/nonexistent/worker"), "{error}");
    }

    /// Waits for the process id that a script writes.
    async fn pid_in(path: &Path) -> rustix::process::Pid {
        for _ in 0..6_000 {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            if let Some(pid) = text.strip_suffix('\n').and_then(|pid| pid.parse().ok()) {
                return rustix::process::Pid::from_raw(pid).expect("a process has a positive identifier");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the script did not write its identifier");
    }

    async fn is_gone(pid: rustix::process::Pid) -> bool {
        for _ in 0..6_000 {
            if rustix::process::test_kill_process(pid).is_err() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    #[tokio::test]
    async fn child_over_its_deadline_is_killed_and_waited_for() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("pid");
        let limits = CompileLimits { timeout: Duration::from_secs(5), ..CompileLimits::default() };
        let script = format!("echo $$ > {}; exec sleep 100", file.display());
        let error = compile_by(&script, limits).await.map(|_| ()).expect_err("it sleeps");
        assert!(matches!(error, CompileError::Timeout { .. }), "{error}");
        let pid = pid_in(&file).await;
        assert!(rustix::process::test_kill_process(pid).is_err(), "the child is there when the error is");
    }

    #[tokio::test]
    async fn child_is_killed_when_nobody_waits_for_it_any_more() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("pid");
        let script = format!("echo $$ > {}; exec sleep 100", file.display());
        let compiling = tokio::spawn(async move { compile_by(&script, CompileLimits::default()).await.map(|_| ()) });
        let pid = pid_in(&file).await;
        compiling.abort();
        assert!(is_gone(pid).await);
    }
}

/// Two inner components with a memory each, one of which calls the other: wasmtime makes an adapter with both memories.
#[tokio::test]
async fn inner_components_that_call_each_other_compile() {
    let component = wat::parse_str(
        r#"(component
            (component $callee
                (core module $code
                    (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
                    (func (export "take") (param i32 i32)))
                (core instance $code (instantiate $code))
                (alias core export $code "memory" (core memory $memory))
                (alias core export $code "realloc" (core func $realloc))
                (alias core export $code "take" (core func $take))
                (func (export "take") (param "text" string)
                    (canon lift (core func $take) (memory $memory) (realloc $realloc))))
            (component $caller
                (import "take" (func $take (param "text" string)))
                (core module $owner (memory (export "memory") 1))
                (core instance $owner (instantiate $owner))
                (alias core export $owner "memory" (core memory $memory))
                (core func $lowered (canon lower (func $take) (memory $memory)))
                (core module $code (import "callee" "take" (func (param i32 i32))))
                (core instance (instantiate $code (with "callee" (instance (export "take" (func $lowered)))))))
            (instance $callee (instantiate $callee))
            (alias export $callee "take" (func $take))
            (instance (instantiate $caller (with "take" (func $take)))))"#,
    )
    .expect("the text is valid");
    let compiler = Compiler::new(CompileIsolation::InProcess, CompileLimits::default());
    compiler.compile(&engine(), &component).await.expect("it compiles");
}
