//! Who checks logins. A backend is a folder beside this file, and one arm in each
//! function here: what it needs in a lab, the relay's files for it, what it lacks for
//! production, and what an operator has to know of it.

use super::ldap::{self, Directory};
use super::users::{self, UsersFile};
use super::{Purpose, StoodIn};
use crate::config::{Missing, Spec, TrustAnchor, User};
use crate::container::{File, Mount, Names, Neighbour, Volume};

/// Who checks logins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// A directory (LDAP).
    Ldap(Box<Directory>),
    /// A users file, by way of PAM.
    Users(UsersFile),
}

impl Backend {
    pub(super) fn of(spec: &Spec, purpose: Purpose, stood_in: &mut Vec<StoodIn>) -> Self {
        match &spec.auth.users {
            None => Self::Ldap(Box::new(Directory::of(spec, purpose, stood_in))),
            Some(users) => Self::Users(UsersFile::of(users, spec, purpose, stood_in)),
        }
    }

    /// The directory, where it is one.
    #[must_use]
    pub fn directory(&self) -> Option<&Directory> {
        match self {
            Self::Ldap(directory) => Some(directory),
            Self::Users(_) => None,
        }
    }

    /// By which of its mechanisms saslauthd asks (`saslauthd -a`); the guard, too, goes
    /// by this word.
    #[must_use]
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Ldap(_) => "ldap",
            Self::Users(_) => "pam",
        }
    }

    /// What the guard is told of it: the settings of logins.conf that name the mechanism
    /// and what it needs, with the reason for them.
    #[must_use]
    pub fn guard(&self) -> String {
        let (why, settings) = match self {
            Self::Ldap(directory) => (ldap::NAMES, directory.guard()),
            Self::Users(file) => (users::NAMES, file.guard()),
        };
        format!("{why}backend: {}\n{settings}", self.mechanism())
    }

    /// The files that the relay has for it: saslauthd's, and what these name.
    #[must_use]
    pub fn files(&self) -> Vec<File> {
        match self {
            Self::Ldap(directory) => directory.files(),
            Self::Users(file) => file.files(),
        }
    }

    /// Who signs the certificate that it shows to the relay, where it shows one.
    #[must_use]
    pub fn anchor(&self) -> Option<&TrustAnchor> {
        match self {
            Self::Ldap(directory) => Some(&directory.anchor),
            Self::Users(_) => None,
        }
    }

    /// The container that a lab has for it, beside the relay.
    #[must_use]
    pub fn neighbour(&self, names: Names<'_>) -> Option<Neighbour> {
        match self {
            Self::Ldap(directory) => directory.neighbour(names),
            Self::Users(_) => None,
        }
    }

    /// The volume that the relay has for it, beside its own.
    #[must_use]
    pub fn storage(&self, names: Names<'_>) -> Option<(Volume, Mount)> {
        match self {
            Self::Ldap(_) => None,
            Self::Users(file) => Some(file.storage(names)),
        }
    }

    pub(super) fn address(&self, user: &User) -> String {
        match self {
            Self::Ldap(directory) => directory.address(user),
            Self::Users(file) => file.address(user),
        }
    }

    /// What the README of a bundle says of it.
    #[must_use]
    pub fn page(&self) -> Page {
        match self {
            Self::Ldap(directory) => directory.page(),
            Self::Users(file) => file.page(),
        }
    }
}

/// Gives the people of a lab the names that they log in with.
pub(super) fn complete_logins(spec: &mut Spec) {
    if spec.auth.users.is_none() {
        for user in &mut spec.lab.users {
            user.name = ldap::login_for(&spec.auth.ldap, &user.name);
        }
    }
}

/// What relay.yaml lacks of the backend for production.
pub(super) fn missing(spec: &Spec) -> Vec<Missing> {
    match &spec.auth.users {
        None => ldap::missing(&spec.auth.ldap),
        Some(users) => users::missing(users),
    }
}

/// What an operator has to know of a backend, in a bundle's README (Markdown, in lines
/// that stand as they are).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// What it means that a login is refused: goes after "Logins fail with `535`: ".
    pub refused: String,
    /// Why nobody could be asked, and how to see it by hand: goes after "Otherwise
    /// nobody could be asked: ".
    pub nobody_asked: String,
    /// Why a sender is not the login's own: goes after "`553 ... not owned by user`: ".
    pub not_owned: String,
    /// What is where: rows of a table with two columns.
    pub places: String,
}
