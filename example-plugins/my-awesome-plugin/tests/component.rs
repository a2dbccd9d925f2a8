//! The declared tests of the component.

#[test]
fn declared_tests_pass() {
    plugbay_testing::assert_test_files_pass(env!("CARGO_MANIFEST_DIR"));
}
