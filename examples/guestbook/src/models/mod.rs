//! What the application knows and does. Nobody passes a session to a model: it asks for the one of its request.

pub(crate) mod cart;
pub(crate) mod devices;
pub(crate) mod guestbook;
pub(crate) mod ticket;
pub(crate) mod visitor;
