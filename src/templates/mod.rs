//! The session in templates: a read-only view that shows data and nothing else.

#[cfg(feature = "minijinja-3")]
mod minijinja;
mod view;

#[cfg(feature = "minijinja-3")]
pub use self::minijinja::add_to_environment;
pub use view::SessionView;
