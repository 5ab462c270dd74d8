//! Two and more switches in one process, over pipes and with tokio's paused clock.

mod kit;

mod attacks;
mod dialing;
mod duplicates;
mod events;
mod guarantees;
mod notifees;
mod sessions;
mod steering;
