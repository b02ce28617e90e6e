//! Every directive once: name, type, default, bounds, whether it can be changed at run time, and
//! its documentation. A leaf: knows nothing of what the directives steer.

/// The values of all directives.
#[derive(Debug, Clone)]
pub struct Settings {
    pub databases: u32,
    pub requirepass: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { databases: 16, requirepass: String::new() }
    }
}
