use super::entry::Entry;
use super::*;
use crate::config;
use crate::config::filter::Login;
use crate::secret::Secret;

fn spec(filter: &str, people: &[&str]) -> Spec {
    let mut spec = config::built_in();
    filter.clone_into(&mut spec.auth.ldap.filter);
    let user = |name: &&str| User {
        name: (*name).to_owned(),
        password: Secret::new("wonderland"),
    };
    spec.lab.users = people.iter().map(user).collect();
    spec
}

fn directory(filter: &str, people: &[&str]) -> Directory {
    let resolved = super::super::Resolved::new(spec(filter, people), Purpose::Lab);
    resolved.backend.directory().unwrap().clone()
}

fn shown(entry: &Entry) -> String {
    let attributes = entry.attributes.iter();
    let attributes = attributes.map(|(name, values)| format!("{name}={}", values.join("|")));
    format!(
        "{}: {}",
        entry.classes.last().unwrap(),
        attributes.collect::<Vec<_>>().join(" ")
    )
}

#[test]
fn a_value_is_judged_as_slapd_judges_it() {
    let all_bits = "(userAccountControl:1.2.840.113556.1.4.803:=514)";
    let any_bit = "(userAccountControl:1.2.840.113556.1.4.804:=48)";
    for (term, value, found) in [
        ("(uidNumber>=1000)", "1000", true),
        ("(uidNumber>=1000)", "999", false),
        // As numbers, not as words.
        ("(uidNumber>=1000)", "20000", true),
        ("(uidNumber>=1000)", "3", false),
        ("(gidNumber<=200)", "200", true),
        ("(gidNumber<=200)", "30", true),
        ("(gidNumber<=200)", "1000", false),
        ("(cn=a*i*e)", "Alice", true),
        ("(cn=a*i*e)", "Alicia", false),
        (all_bits, "515", true),
        (all_bits, "512", false),
        (any_bit, "16", true),
        (any_bit, "15", false),
        ("(departmentNumber:caseExactMatch:=IT)", "it", false),
    ] {
        let filter = spec(term, &[]).auth.ldap.parsed().unwrap();
        let [(test, _)] = filter.tests()[..] else {
            panic!("{term} is one term");
        };
        let entry = Entry {
            attributes: vec![(test.attribute.clone(), vec![value.to_owned()])],
            ..Entry::default()
        };
        let schema = schema::Schema::of(&[&filter]);
        let passes = entry.passes(&filter, &Login::new("alice"), &schema);
        assert_eq!(passes, Some(found), "{term} of {value}");
    }
}

/// Filters as operators have them: who logs in, and what keeps those out who nearly would.
#[test]
fn people_are_as_the_filter_wants_them() {
    for (filter, login, nearly) in [
        ("(uid=%u)", "alice", &[][..]),
        ("(mail=%u)", "alice@relaykit.test", &[]),
        ("(userPrincipalName=%u)", "alice@relaykit.test", &[]),
        ("(|(uid=%u)(mail=%u))", "alice", &[]),
        ("(&(uid=%U)(o=%d))", "alice@relaykit.test", &[]),
        ("(proxyAddresses=smtp:%u)", "alice@relaykit.test", &[]),
        (
            "(&(objectCategory=person)(sAMAccountName=%u)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
            "alice",
            &[
                "(objectCategory=person)",
                "(!(userAccountControl:1.2.840.113556.1.4.803:=2))",
            ],
        ),
        (
            "(&(uid=%u)(memberOf=cn=mail,ou=groups,dc=relaykit,dc=test))",
            "alice",
            &["(memberOf=cn=mail,ou=groups,dc=relaykit,dc=test)"],
        ),
        (
            "(&(objectClass=posixAccount)(uid=%U))",
            "alice",
            &["(objectClass=posixAccount)"],
        ),
        (
            "(&(objectClass=inetOrgPerson)(mailEnabled=TRUE)(mail=%u))",
            "alice@relaykit.test",
            &["(objectClass=inetOrgPerson)", "(mailEnabled=TRUE)"],
        ),
        (
            "(&(objectClass=user)(|(memberOf=cn=a,dc=x)(memberOf=cn=b,dc=x))(uid=%u))",
            "alice",
            &["(objectClass=user)", "(memberOf=cn=a,dc=x)"],
        ),
        (
            "(&(uid=%u)(!(pwdAccountLockedTime=*))(accountStatus=active)(!(loginDisabled=TRUE)))",
            "alice",
            &[
                "(!(pwdAccountLockedTime=*))",
                "(accountStatus=active)",
                "(!(loginDisabled=TRUE))",
            ],
        ),
        (
            "(&(uid=%u)(userAccountControl:1.2.840.113556.1.4.804:=48)(!(userAccountControl:1.2.840.113556.1.4.803:=2)))",
            "alice",
            &[
                "(userAccountControl:1.2.840.113556.1.4.804:=48)",
                "(!(userAccountControl:1.2.840.113556.1.4.803:=2))",
            ],
        ),
        (
            "(&(uid=%u)(uidNumber>=1000)(gidNumber<=200)(cn=a*i*e)(title~=boss)(ou:dn:=People)(shadowLastChange=*))",
            "alice",
            &[
                "(uidNumber>=1000)",
                "(gidNumber<=200)",
                "(cn=a*i*e)",
                "(title~=boss)",
                "(shadowLastChange=*)",
            ],
        ),
        (
            "(&(objectClass=account)(host=mx\\2a)(uid=%u)(departmentNumber:caseExactMatch:=IT)(cn;lang-de=Chef))",
            "alice",
            &[
                "(objectClass=account)",
                "(host=mx\\2a)",
                "(departmentNumber:caseExactMatch:=IT)",
                "(cn;lang-de=Chef)",
            ],
        ),
    ] {
        let directory = directory(filter, &["alice", "bob"]);
        assert_eq!(directory.impossible(), None, "{filter}");
        let own = directory.own.as_ref().unwrap();
        assert_eq!(own.people[0].name, login, "{filter}");
        let terms: Vec<&str> = directory.nearly().iter().map(|n| n.term.as_str()).collect();
        assert_eq!(terms, nearly, "{filter}");
        let parsed = directory.settings.parsed().unwrap();
        let finds = |entry: &Entry, login: &str| {
            entry.passes(&parsed, &Login::new(login), &own.schema) == Some(true)
        };
        for (user, entry) in own.people.iter().zip(&own.population.people) {
            assert!(finds(entry, &user.name), "{filter}: {}", shown(entry));
        }
        for nearly in directory.nearly() {
            assert!(
                !finds(&nearly.entry, &nearly.name),
                "{filter}: {}",
                shown(&nearly.entry)
            );
        }
        // A person goes by the name that they type.
        let first = &own.population.people[0].dn[0];
        assert_eq!(first.value, login, "{filter}");
    }
}

#[test]
fn what_cannot_be_made_is_told_with_its_term() {
    for (filter, people, why) in [
        (
            "(&(uid=%u)(createTimestamp>=20260101000000Z))",
            "alice",
            "(createTimestamp>=20260101000000Z) lets nobody of a lab log in: the lab's OpenLDAP keeps",
        ),
        (
            "(&(uid=%u)(mail=x@y.example)(!(mail=X@y.example)))",
            "alice",
            "(mail=x@y.example) lets nobody of a lab log in: another term asks for the opposite",
        ),
        (
            "(&(uid=%u)(uidNumber=many))",
            "alice",
            "many is no whole number",
        ),
        (
            "(&(uid=%u)(memberOf=cn=mail*))",
            "alice",
            "(memberOf=cn=mail*) lets nobody of a lab log in: the lab's OpenLDAP cannot compare",
        ),
        (
            "(&(uid=%u)(1.2.3.4=x))",
            "alice",
            "(1.2.3.4=x) lets nobody of a lab log in: the lab's OpenLDAP does not know",
        ),
        (
            "(&(uid=%u)(:caseExactMatch:=x))",
            "alice",
            "it names a rule and no attribute",
        ),
        ("(&(uid=%u)(cn:1.2.3:=x))", "alice", "cannot compare"),
        (
            "(&(uid=%u)(objectClass=account)(objectClass=person))",
            "alice",
            "not account as well",
        ),
        ("(mail=%u)", "Zoë", "Zoë@relaykit.test is not in ASCII"),
        (
            "(uid=%U)",
            "a@x.example a@y.example",
            "a@x.example is 2 of the people",
        ),
        (
            "(&(uid=%u)(sn=a)(!(sn=*)))",
            "alice",
            "another term asks for the opposite",
        ),
    ] {
        let people: Vec<&str> = people.split(' ').collect();
        let told = directory(filter, &people).impossible();
        let told = told.unwrap_or_else(|| panic!("{filter} is possible"));
        assert!(told.contains(why), "{filter}: {told}");
    }
}

/// What Active Directory takes and slapd does not: a lab has the like of it.
#[test]
fn a_lab_stands_in_for_active_directorys_names_and_rule() {
    let filter =
        "(&(sAMAccountName=%u)(memberOf:1.2.840.113556.1.4.1941:=cn=mail,dc=corp,dc=example))";
    for (name, dn) in [
        ("relay@corp.example", "cn=relay,dc=relaykit,dc=test"),
        ("CORP\\svc, relay", "cn=svc\\, relay,dc=relaykit,dc=test"),
        (
            "cn=relay,dc=relaykit,dc=test",
            "cn=relay,dc=relaykit,dc=test",
        ),
    ] {
        let mut spec = spec(filter, &["alice"]);
        spec.auth.ldap.bind = Some(crate::config::Bind {
            dn: name.to_owned(),
            password: Secret::new("secret"),
            password_file: "/secret".into(),
        });
        let lab = super::super::Resolved::new(spec.clone(), Purpose::Lab);
        let directory = lab.backend.directory().unwrap();
        assert_eq!(directory.settings.bind.as_ref().unwrap().dn, dn);
        assert_eq!(
            directory.settings.filter,
            "(&(sAMAccountName=%u)(memberOf=cn=mail,dc=corp,dc=example))"
        );
        let told = lab.stood_in_words().unwrap();
        assert_eq!(told.contains("auth.ldap.bind.dn"), dn != name, "{told}");
        assert!(
            told.contains("groups without groups in them; not used here"),
            "{told}"
        );
        assert_eq!(directory.nearly().len(), 1);
        let production = super::super::Resolved::new(spec.clone(), Purpose::Production);
        let directory = production.backend.directory().unwrap();
        assert_eq!(directory.settings, spec.auth.ldap);
    }
}
