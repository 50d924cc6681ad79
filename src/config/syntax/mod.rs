//! What single values must look like. Each function takes the text of a value
//! and gives its meaning, or the reason why it has none; places and keys are
//! the caller's business.

mod header;
mod host;
mod ldap;
mod master;
mod network;
mod pam;
mod person;
mod size;

pub(super) use header::header_name;
pub(super) use host::{address, domain, hostname, name, next_hop, routed_recipient, routed_sender};
pub(super) use ldap::{account, filter, search_base, server};
pub(super) use master::{parameter_name, service_line, service_name};
pub(super) use network::{can_be_an_engines, network, network_name};
pub(super) use pam::stack;
pub(super) use person::{login_name, password};
pub(super) use size::{show as show_size, size};
