//! What people get to read when they make a mistake: a file of `tests/ui` per mistake, with all
//! that the compiler says about it beside it.
//!
//! With `TRYBUILD=overwrite` in the environment the `.stderr` files are written anew; read what
//! changed before you commit it. A mistake gives one error, at the user's token.
//!
//! What only the compiler can find out it says in its own words, around ours where it lets us have
//! some: a type that does not fit, two blocks for one type, a method that nothing has. These words
//! are those of the toolchain that `rust-toolchain.toml` names, and one of them lists all traits that
//! have a `spawn`, those of the versions in `Cargo.lock`.

#[test]
fn a_mistake_is_explained_where_it_was_made() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("ui/*.rs");
}
