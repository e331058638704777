//! `async fn main() -> Result` with the attribute.

use actor_tests::mains::{End, Program, Unlucky};

#[actor_core::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let program = Program::start();
    let answer = program.first.twice(21).await?;
    match program.end(answer) {
        End::Return => Ok(()),
        End::Error => Err(Unlucky.into()),
    }
}
