//! The program against nodes of its own.
