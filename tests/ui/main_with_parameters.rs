//! The arguments of a program do not come as parameters.
#[actor_core::main]
fn main(arguments: Vec<String>) {
    drop(arguments);
}
