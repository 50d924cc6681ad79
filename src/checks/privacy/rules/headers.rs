//! Trace headers of every form, and what is to become of each.

use crate::render::MARK;

/// What becomes of a header.
pub(super) enum Fate {
    /// It is left as it is.
    Stays,
    /// The client is taken off; the login, what stands behind `by HOST (Postfix)`.
    Rewritten(&'static str, String),
    /// Nothing is kept but this date.
    Dated(&'static str),
    /// It stays whole under the relay's usual name; in full.
    Kept(String),
    /// The message is refused.
    Refused,
    /// It goes.
    Goes,
}

/// A header and what becomes of it.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) header: String,
    pub(super) fate: Fate,
}

pub(super) const CLIENT: &str = "from canary-helo.example (canary-host.example [192.0.2.77])";
pub(super) const TLS: &str = "\n\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\
    \n\t key-exchange X25519 server-signature ECDSA (prime256v1) server-digest SHA256\
    \n\t client-signature ECDSA (prime256v1) client-digest SHA256)\
    \n\t(Client CN \"canary\", Issuer \"canary\" (verified OK))";
pub(super) const WITH: &str = " with ESMTPSA id 4jddYT2Fk9zNBbJ";
pub(super) const FOR: &str = "\n\tfor <bob@example.org>; ";
pub(super) const DATE: &str = "Mon, 30 Nov 2026 22:12:29 +0000 (UTC)";

/// Of `hostname`'s own headers, what stands behind the name decides.
pub(super) struct Own<'a> {
    pub(super) hostname: &'a str,
}

impl Own<'_> {
    /// A header with these lines before the login, this login, and this behind the mark.
    pub(super) fn header(&self, lines: &str, login: &str, behind: &str) -> String {
        let host = self.hostname;
        format!(
            "Received: {CLIENT}{lines}\n\t(Authenticated sender: {login})\n\tby {host} ({MARK}){behind}"
        )
    }

    fn rewritten(&self, name: &str, lines: &str, behind: &str) -> Row {
        Row {
            name: name.to_owned(),
            header: self.header(lines, "alice", behind),
            fate: Fate::Rewritten("alice", behind.to_owned()),
        }
    }

    fn dated(&self, name: &str, lines: &str, behind: &str) -> Row {
        Row {
            name: name.to_owned(),
            header: self.header(lines, "alice", &format!("{behind}{DATE}")),
            fate: Fate::Dated(DATE),
        }
    }

    /// With a date that is none for the second rule, and without a login for the first.
    fn odd_date(&self, date: &'static str, is_date: bool) -> Row {
        let host = self.hostname;
        Row {
            name: format!("no login, and the date {date:?}"),
            header: format!("Received: {CLIENT}\n\tby {host} ({MARK}){WITH};\n\t{date}"),
            fate: if is_date {
                Fate::Dated(date)
            } else {
                Fate::Goes
            },
        }
    }

    /// Those of logins, of others, and of nobody known.
    pub(super) fn rows(&self) -> Vec<Row> {
        let usual = format!("{WITH}{FOR}{DATE}");
        let mut rows = vec![
            self.rewritten("no TLS", "", &usual),
            self.rewritten("TLS with a certificate", TLS, &usual),
            self.rewritten("eight lines before the login", &"\n\tx".repeat(8), &usual),
            self.dated(
                "nine lines before the login",
                &"\n\tx".repeat(9),
                &format!("{WITH}{FOR}"),
            ),
            self.rewritten("no queue id", TLS, &format!(" with SMTP{FOR}{DATE}")),
            self.rewritten("several recipients", TLS, &format!("{WITH};\n\t{DATE}")),
            self.rewritten("UTF-8", TLS, &format!(" with UTF8SMTPSA id 4jd{FOR}{DATE}")),
            self.dated(
                "words behind the protocol",
                "",
                &format!(" with ESMTPSA canary id 4jd{FOR}"),
            ),
            self.dated(
                "words behind the queue id",
                "",
                &format!("{WITH} canary{FOR}"),
            ),
            self.dated("words behind the mark", "", &format!(" canary{WITH}{FOR}")),
            self.dated(
                "a recipient of two lines",
                "",
                &format!("{WITH}\n\tfor <a@b.example>\n\tcanary>; "),
            ),
            self.dated(
                "words behind the recipient",
                "",
                &format!("{WITH}\n\tfor <a@b.example> canary; "),
            ),
        ];
        for length in [960, 961] {
            let login = "a".repeat(length);
            let login: &'static str = login.leak();
            rows.push(Row {
                name: format!("a login of {length} octets"),
                header: self.header("", login, &usual),
                fate: if length > 960 {
                    Fate::Dated(DATE)
                } else {
                    Fate::Rewritten(login, usual.clone())
                },
            });
        }
        rows.push(Row {
            name: "a login of two lines".to_owned(),
            header: self.header("", "alice)\n\t(canary", &usual),
            fate: Fate::Dated(DATE),
        });
        let added = format!("{usual}\n\tcanary by itself");
        rows.push(self.rewritten("a first chunk that goes on", "", &added));
        rows.push(Row {
            name: "a first chunk with the mark".to_owned(),
            header: self.header("", "alice", &format!("{usual}\n\tby x ({MARK})")),
            fate: Fate::Rewritten("alice", usual.clone()),
        });
        rows.extend(self.of_others(&usual));
        for date in [
            "Sun,  1 Nov 2026 01:02:03 -0330 (NST)",
            "Tue, 17 Feb 2026 23:59:60 +1245 (+124500AB)",
        ] {
            rows.push(self.odd_date(date, true));
        }
        for date in [
            "M0n, 30 Nov 2026 22:12:29 +0000 (UTC)",
            "Mon, 3x Nov 2026 22:12:29 +0000 (UTC)",
            "Mon, 030 Nov 2026 22:12:29 +0000 (UTC)",
            "Mon, 30 N0v 2026 22:12:29 +0000 (UTC)",
            "Mon, 30 Nov 2O26 22:12:29 +0000 (UTC)",
            "Mon, 30 Nov 2026 22.12.29 +0000 (UTC)",
            "Mon, 30 Nov 2026 22:12:29 *0000 (UTC)",
            "Mon, 30 Nov 2026 22:12:29 +OOOO (UTC)",
            "Mon, 30 Nov 2026 22:12:29 +0000 (can.ary)",
            "Mon, 30 Nov 2026 22:12:29 +0000 (ABCDEFGHIJ)",
            "Mon, 30 Nov 2026 22:12:29 +0000 (UTC)\n\tcanary",
            "canaryMon, 30 Nov 2026 22:12:29 +0000 (UTC)",
            "canary",
        ] {
            rows.push(self.odd_date(date, false));
        }
        rows
    }

    /// Those of clients that have not logged in.
    pub(super) fn without_login(&self) -> Vec<Row> {
        let host = self.hostname;
        let with = |protocol: &str| format!(" with {protocol} id 4jddYT2Fk9zNBbJ{FOR}{DATE}");
        let header = |from: &str, lines: &str, name: &str, behind: &str| {
            format!("Received: {from}{lines}\n\tby {host} ({name}){behind}")
        };
        let mut rows = Vec::new();
        let mut add = |name: &str, header: String, fate: Fate| {
            rows.push(Row {
                name: format!("no login, and {name}"),
                header,
                fate,
            });
        };
        let mut kept = |name: &str, lines: &str, behind: &str, stays: &str| {
            let fate = Fate::Kept(header(CLIENT, lines, "Postfix", stays));
            add(name, header(CLIENT, lines, MARK, behind), fate);
        };
        let usual = with("ESMTP");
        let added = format!("{usual}\n\tcanary by itself");
        let marked = format!("{usual}\n\tby x ({MARK})");
        kept("no TLS", "", &usual, &usual);
        kept("TLS", TLS, &with("ESMTPS"), &with("ESMTPS"));
        kept("a first chunk that goes on", "", &added, &added);
        kept("a first chunk with the mark", "", &marked, &usual);
        for protocol in ["ESMTPSA", "ESMTPX"] {
            add(
                &format!("a protocol that says so, {protocol}"),
                header(CLIENT, TLS, MARK, &with(protocol)),
                Fate::Dated(DATE),
            );
        }
        let long = format!("from {} ([192.0.2.77])", "canary-".repeat(143));
        add(
            "a line of over 998 octets",
            header(&long, "", MARK, &usual),
            Fate::Refused,
        );
        add(
            "such a line with a protocol that says so",
            header(&long, "", MARK, &with("ESMTPSA")),
            Fate::Dated(DATE),
        );
        rows
    }

    /// Headers that are not this relay's, or not trace headers.
    fn of_others(&self, usual: &str) -> Vec<Row> {
        let own = self.header("", "alice", usual);
        let mut rows = vec![
            Row {
                name: "another header that quotes it".to_owned(),
                header: format!("X-Was: {own}"),
                fate: Fate::Stays,
            },
            Row {
                name: "an earlier relay's trace".to_owned(),
                header: format!("Received: {CLIENT}\n\tby mx.example.org (Postfix){usual}"),
                fate: Fate::Stays,
            },
            Row {
                name: "a subject".to_owned(),
                header: format!("Subject: {MARK}; {DATE}"),
                fate: Fate::Stays,
            },
        ];
        // A dot in an expression fits anything, where it is not escaped.
        for (at, _) in self.hostname.match_indices('.') {
            let mut other = self.hostname.to_owned();
            other.replace_range(at..=at, "x");
            let header = own.replace(&format!("by {}", self.hostname), &format!("by {other}"));
            rows.push(Row {
                name: format!("another host, {other}"),
                header,
                fate: Fate::Dated(DATE),
            });
        }
        rows
    }
}
