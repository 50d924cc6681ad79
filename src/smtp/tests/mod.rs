//! The client against scripted servers. Nothing here waits for time to pass: a
//! clock that is paused jumps to the next deadline when nobody has work.

mod masks;
mod replies;
mod submission;
mod tls;
