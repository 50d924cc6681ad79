//! Actions of access(5), as results of a lookup and as restrictions.

/// What an action does with a message or a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// The list ends, and the request is permitted.
    Permit,
    /// The list goes on.
    Nothing,
    /// Refused, now or for good.
    Refuse,
    /// The rest are as in access(5), with what stands behind the word.
    Hold,
    Discard,
    Filter(String),
    Redirect(String),
    Copy(String),
    Prepend(String),
    Log,
    /// Further restrictions.
    Restrictions(String),
}

impl Action {
    /// What the result of a lookup means (access(5), "ACCEPT ACTIONS" and the rest).
    pub(super) fn read(value: &str) -> Self {
        let (word, rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
        let rest = rest.trim().to_owned();
        let code: Vec<char> = word.chars().take(4).collect();
        let digit = |at: usize| code.get(at).is_some_and(char::is_ascii_digit);
        // 4NN and 5NN refuse, with or without text; other numbers are an OK.
        if matches!(code.first(), Some('4' | '5')) && digit(1) && digit(2) && !digit(3) {
            return Self::Refuse;
        }
        if !value.is_empty() && value.chars().all(|c| c.is_ascii_digit()) {
            return Self::Permit;
        }
        match word.to_ascii_uppercase().as_str() {
            "OK" | "PERMIT" => Self::Permit,
            "" | "DUNNO" => Self::Nothing,
            "REJECT" | "DEFER" | "DEFER_IF_REJECT" | "DEFER_IF_PERMIT" => Self::Refuse,
            "HOLD" => Self::Hold,
            "DISCARD" => Self::Discard,
            "FILTER" => Self::Filter(rest),
            "REDIRECT" => Self::Redirect(rest),
            "BCC" => Self::Copy(rest),
            "PREPEND" => Self::Prepend(rest),
            "WARN" | "INFO" => Self::Log,
            _ => Self::Restrictions(value.to_owned()),
        }
    }
}

/// A restriction of a list, with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Restriction {
    /// In small letters, without `warn_if_reject` before it.
    pub(super) name: String,
    /// The word behind it, where it takes one.
    pub(super) argument: Option<String>,
    /// Whether it is only tried (`warn_if_reject`).
    pub(super) tried: bool,
}

/// Restrictions that take the word behind them.
const WITH_ARGUMENT: [&str; 9] = [
    "check_policy_service",
    "permit_dnswl_client",
    "permit_rhswl_client",
    "reject_rbl_client",
    "reject_rhsbl_client",
    "reject_rhsbl_helo",
    "reject_rhsbl_recipient",
    "reject_rhsbl_reverse_client",
    "reject_rhsbl_sender",
];

/// The restrictions of a list of words.
pub(super) fn restrictions(words: Vec<String>) -> Vec<Restriction> {
    let mut found = Vec::new();
    let mut tried = false;
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let name = word.to_ascii_lowercase();
        if name == "warn_if_reject" {
            tried = true;
            continue;
        }
        let access = name.starts_with("check_") && name.ends_with("_access");
        let takes = access || name == "sleep" || WITH_ARGUMENT.contains(&name.as_str());
        // A table alone is the list's own kind of access table.
        let table = super::table::is_table(&word);
        found.push(Restriction {
            argument: if table {
                Some(word.clone())
            } else if takes {
                words.next()
            } else {
                None
            },
            name: if table { String::new() } else { name },
            tried: std::mem::take(&mut tried),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_those_of_access_5() {
        for (value, action) in [
            ("OK", Action::Permit),
            ("ok", Action::Permit),
            ("permit", Action::Permit),
            ("1234567890", Action::Permit),
            ("550", Action::Refuse),
            ("450 4.7.1 later", Action::Refuse),
            ("REJECT no", Action::Refuse),
            ("dunno", Action::Nothing),
            ("BCC a@b", Action::Copy("a@b".into())),
            ("hold", Action::Hold),
            ("strict", Action::Restrictions("strict".into())),
        ] {
            assert_eq!(Action::read(value), action, "{value}");
        }
    }

    #[test]
    fn restrictions_take_their_arguments() {
        let words = [
            "check_client_access",
            "hash:/x",
            "warn_if_reject",
            "reject",
            "cidr:/y",
        ];
        let found = restrictions(words.map(str::to_owned).to_vec());
        let names: Vec<_> = found.iter().map(|r| (r.name.as_str(), r.tried)).collect();
        assert_eq!(
            names,
            [
                ("check_client_access", false),
                ("reject", true),
                ("", false)
            ]
        );
        assert_eq!(found[2].argument.as_deref(), Some("cidr:/y"));
    }
}
