//! What the application knows and does. Nobody passes a session to a model: it asks for the one of its request.

pub mod cart;
pub mod devices;
pub mod guestbook;
pub mod ticket;
pub mod visitor;
