//! Where a claim comes from, as something to follow.

/// The manual pages of Postfix that are cited by name; every other name in
/// small letters is a parameter.
const PAGES: [(&str, u8); 14] = [
    ("access", 5),
    ("bounce", 5),
    ("canonical", 5),
    ("generic", 5),
    ("header_checks", 5),
    ("master", 5),
    ("postconf", 5),
    ("transport", 5),
    ("virtual", 5),
    ("cleanup", 8),
    ("pipe", 8),
    ("qmgr", 8),
    ("smtp", 8),
    ("smtpd", 8),
];

/// The parts of a citation, each with the address of what it cites, where that
/// is public.
pub(super) fn sources(citation: &str) -> impl Iterator<Item = (&str, Option<String>)> {
    citation.split("; ").map(|source| (source, address(source)))
}

fn address(source: &str) -> Option<String> {
    let plain = |word: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !word.is_empty() && word.chars().all(allowed)
    };
    let words: Vec<&str> = source.split(' ').collect();
    if !words.iter().all(|word| plain(word)) {
        return None;
    }
    match words.as_slice() {
        ["RFC", number, "section", section] => Some(format!(
            "https://www.rfc-editor.org/rfc/rfc{number}#section-{section}"
        )),
        ["RFC", number] => Some(format!("https://www.rfc-editor.org/rfc/rfc{number}")),
        ["Postfix", page] => Some(postfix(page)),
        [cve] if cve.starts_with("CVE-") => Some(format!("https://www.cve.org/CVERecord?id={cve}")),
        _ => None,
    }
}

fn postfix(page: &str) -> String {
    const SITE: &str = "https://www.postfix.org";
    if page.ends_with("_README") || page == "OVERVIEW" {
        return format!("{SITE}/{page}.html");
    }
    match PAGES.iter().find(|(name, _)| *name == page) {
        Some((name, section)) => format!("{SITE}/{name}.{section}.html"),
        None => format!("{SITE}/postconf.5.html#{page}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_leads_to_what_it_cites() {
        let all = "row 16; RFC 4954 section 4; CVE-2011-0411; Postfix mynetworks; Postfix master; Postfix TLS_README";
        let found: Vec<_> = sources(all).map(|(_, to)| to.unwrap_or_default()).collect();
        assert_eq!(
            found,
            [
                "",
                "https://www.rfc-editor.org/rfc/rfc4954#section-4",
                "https://www.cve.org/CVERecord?id=CVE-2011-0411",
                "https://www.postfix.org/postconf.5.html#mynetworks",
                "https://www.postfix.org/master.5.html",
                "https://www.postfix.org/TLS_README.html",
            ]
        );
    }

    #[test]
    fn nothing_odd_becomes_an_address() {
        assert_eq!(address("Postfix a\"b"), None);
        assert_eq!(address("Cyrus saslauthd(8)"), None);
    }
}
