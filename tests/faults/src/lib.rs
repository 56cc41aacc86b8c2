//! Faults to put between processes, for tests.
//!
//! [`proxy`] is a TCP proxy that is slow, lossy or silent on demand; [`probe`] speaks HTTP/2 frame
//! by frame, the wrong ones included.

pub mod probe;
pub mod proxy;
