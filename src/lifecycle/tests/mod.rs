//! The acceptance rows C1 to C18 by number, with paused time.

mod components;
mod graphs;
mod halting;
mod kit;
mod model;
mod restarting;
mod supervising;
