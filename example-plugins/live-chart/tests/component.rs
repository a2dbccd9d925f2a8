//! The declared tests of the component.

use plugbay_testing::assert_test_files_pass;

#[test]
fn declared_tests_pass() {
    assert_test_files_pass(env!("CARGO_MANIFEST_DIR"));
}
