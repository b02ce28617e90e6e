//! What the operating system and the allocator tell of the process.

/// Memory of the process, bytes; 0 where it is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// What the program asked for and has not given back.
    pub allocated: u64,
    /// Pages that hold any of it.
    pub active: u64,
    /// What the allocator holds of the machine's memory.
    pub resident: u64,
    /// What the process holds of the machine's memory.
    pub rss: u64,
}

impl MemoryUse {
    /// As of now.
    pub fn now() -> MemoryUse {
        let rss = rss_bytes();
        let (allocated, active, resident) = allocator().unwrap_or((rss, rss, rss));
        MemoryUse { allocated, active, resident, rss }
    }
}

/// The name of the allocator, as `INFO` shows it.
pub fn allocator_name() -> &'static str {
    if cfg!(feature = "jemalloc") { "jemalloc" } else { "libc" }
}

#[cfg(feature = "jemalloc")]
fn allocator() -> Option<(u64, u64, u64)> {
    use tikv_jemalloc_ctl::{epoch, stats};
    epoch::advance().ok()?;
    let read = |result: tikv_jemalloc_ctl::Result<usize>| result.ok().map(|bytes| bytes as u64);
    Some((read(stats::allocated::read())?, read(stats::active::read())?, read(stats::resident::read())?))
}

#[cfg(not(feature = "jemalloc"))]
fn allocator() -> Option<(u64, u64, u64)> {
    None
}

/// Asks the allocator to give free pages back to the system.
pub fn purge() {
    #[cfg(all(target_os = "linux", target_env = "gnu", not(feature = "jemalloc")))]
    // SAFETY: a call without arguments that matter, allowed at any time.
    unsafe {
        libc::malloc_trim(0);
    }
    #[cfg(feature = "jemalloc")]
    {
        // 4096 stands for all arenas. A failure leaves the pages where they are.
        // SAFETY: the control takes no value and returns none.
        let _ = unsafe { tikv_jemalloc_ctl::raw::read::<()>(b"arena.4096.purge\0") };
    }
}

/// A number that the allocator knows by this name; none inside if it knows none, none outside if it
/// knows no names.
pub fn allocator_number(name: &[u8]) -> Option<Option<i64>> {
    #[cfg(feature = "jemalloc")]
    {
        use tikv_jemalloc_ctl::raw::read;
        let name: Vec<u8> = name.iter().copied().take_while(|byte| *byte != 0).chain([0]).collect();
        // SAFETY: any bytes are a valid integer, and the call compares the sizes. Reading changes nothing.
        let number = unsafe {
            read::<i64>(&name)
                .or_else(|_| read::<u32>(&name).map(i64::from))
                .or_else(|_| read::<u8>(&name).map(i64::from))
        };
        Some(number.ok())
    }
    #[cfg(not(feature = "jemalloc"))]
    {
        let _ = name;
        None
    }
}

fn rss_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split(' ').nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0).saturating_mul(page_bytes())
}

fn page_bytes() -> u64 {
    // SAFETY: asks for a constant.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// The machine's memory, bytes.
pub fn total_memory() -> u64 {
    // SAFETY: asks for a constant.
    let pages = u64::try_from(unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) }).unwrap_or(0);
    pages.saturating_mul(page_bytes())
}

/// How many processors the process may use.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Seconds of the processors' time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CpuUse {
    pub system_s: f64,
    pub user_s: f64,
}

impl CpuUse {
    /// Of the whole process.
    pub fn of_process() -> CpuUse {
        CpuUse::of(libc::RUSAGE_SELF)
    }

    /// Of the processes it has started and seen the end of.
    pub fn of_children() -> CpuUse {
        CpuUse::of(libc::RUSAGE_CHILDREN)
    }

    fn of(who: libc::c_int) -> CpuUse {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the pointer is to a structure of the type that the call fills; all zero is valid.
        let usage = unsafe {
            libc::getrusage(who, usage.as_mut_ptr());
            usage.assume_init()
        };
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        CpuUse { system_s: seconds(usage.ru_stime), user_s: seconds(usage.ru_utime) }
    }
}

/// The operating system: name, release, machine.
pub fn operating_system() -> String {
    let mut names = std::mem::MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: the pointer is to a structure of the type that the call fills; all zero is valid.
    let names = unsafe {
        libc::uname(names.as_mut_ptr());
        names.assume_init()
    };
    let text = |field: &[libc::c_char]| {
        field.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte as u8)).collect::<String>()
    };
    format!("{} {} {}", text(&names.sysname), text(&names.release), text(&names.machine))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_known() {
        let memory = MemoryUse::now();
        assert!(memory.rss > 1 << 20 && memory.allocated > 0 && memory.rss < total_memory(), "{memory:?}");
        assert!(CpuUse::of_process().user_s >= 0.0);
        assert_eq!(operating_system().split(' ').count(), 3, "{}", operating_system());
        purge();
    }
}
