//! The steps that areas share: sessions with the relay, messages through it,
//! looking into its container, and asking its directory.

pub(super) mod appliance;
pub(super) mod canaries;
pub(super) mod client_hello;
pub(super) mod directory;
pub(super) mod forms;
pub(super) mod haystack;
pub(super) mod lifecycle;
pub(super) mod log;
pub(super) mod lookup;
pub(super) mod mail;
pub(super) mod neighbour;
pub(super) mod networks;
pub(super) mod pairs;
pub(super) mod people;
pub(super) mod played;
pub(super) mod postconf;
pub(super) mod recipients;
pub(super) mod rows;
pub(super) mod secrets;
pub(super) mod server_hello;
pub(super) mod session;
pub(super) mod sockets;
pub(super) mod trace;
pub(super) mod trails;
pub(super) mod unguarded;
pub(super) mod xclient;
