//! The program `diskdb`.

#![cfg_attr(not(test), warn(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used))]

#[cfg(all(feature = "server", feature = "jemalloc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Read by jemalloc when the program starts. Huge pages: a table of a hundred megabytes read at
/// random otherwise misses the processor's table of pages nearly every time. (Redis advises against
/// them because it forks; DiskDB does not.)
#[cfg(all(feature = "server", feature = "jemalloc"))]
#[unsafe(export_name = "malloc_conf")]
static MALLOC_CONF: Option<&'static std::ffi::c_char> = {
    const CONF: &std::ffi::CStr = c"thp:always,metadata_thp:always,background_thread:true";
    // SAFETY: a C string has at least its terminating zero byte.
    Some(unsafe { &*CONF.as_ptr() })
};

#[cfg(feature = "server")]
fn main() -> std::process::ExitCode {
    diskdb::cli::run(std::env::args_os().skip(1))
}

#[cfg(not(feature = "server"))]
fn main() {
    eprintln!("this diskdb was built without the feature `server`");
    std::process::exit(1);
}
