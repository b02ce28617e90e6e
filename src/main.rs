//! The program `diskdb`.

#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used))]

#[cfg(all(feature = "server", feature = "jemalloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[cfg(feature = "server")]
fn main() -> std::process::ExitCode {
    diskdb::cli::run(std::env::args_os().skip(1))
}

#[cfg(not(feature = "server"))]
fn main() {
    eprintln!("this diskdb was built without the feature `server`");
    std::process::exit(1);
}
