//! Tests of the encrypted stream.
