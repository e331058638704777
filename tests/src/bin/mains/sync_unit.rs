//! `fn main()` with the attribute.

use actor_tests::mains::Program;

#[actor_core::main]
fn main() {
    let program = Program::start();
    let answer = program.first.twice(21).wait().expect("it answers");
    program.end(answer);
}
