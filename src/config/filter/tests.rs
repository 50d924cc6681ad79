use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::*;

fn read(text: &str) -> Filter {
    Filter::read(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
}

/// How often each property is tried, from one seed: a failure comes again.
const TRIES: u64 = 3_000;

struct Any(StdRng);

impl Any {
    fn filter(&mut self, depth: u32) -> Filter {
        match self.0.gen_range(0..if depth == 0 { 3 } else { 6 }) {
            3 => Filter::And(self.filters(depth)),
            4 => Filter::Or(self.filters(depth)),
            5 => Filter::Not(Box::new(self.filter(depth - 1))),
            _ => Filter::Test(self.test()),
        }
    }

    fn filters(&mut self, depth: u32) -> Vec<Filter> {
        (0..self.0.gen_range(1..4))
            .map(|_| self.filter(depth - 1))
            .collect()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of.choose(&mut self.0).copied().unwrap_or_default()
    }

    fn test(&mut self) -> Test {
        let attribute = self.one(&["uid", "cn;lang-de", "2.5.4.11", "o", "x-mail-1"]);
        let compare = match self.0.gen_range(0..7) {
            0 => Compare::Equal(self.text(0)),
            1 => Compare::Approximate(self.text(0)),
            2 => Compare::AtLeast(self.text(0)),
            3 => Compare::AtMost(self.text(0)),
            4 => Compare::Present,
            5 => self.parts(),
            _ => Compare::Extensible {
                in_name: self.0.r#gen(),
                rule: Some(
                    self.one(&["1.2.840.113556.1.4.803", "caseExactMatch"])
                        .to_owned(),
                ),
                value: self.text(0),
            },
        };
        Test {
            attribute: attribute.to_owned(),
            compare,
        }
    }

    fn parts(&mut self) -> Compare {
        let some = self.0.gen_range(1..4);
        Compare::Parts {
            initial: (some != 2).then(|| self.text(1)),
            any: (0..self.0.gen_range(0..3)).map(|_| self.text(1)).collect(),
            last: (some > 1).then(|| self.text(1)),
        }
    }

    fn text(&mut self, least: usize) -> Text {
        let mut pieces: Vec<Piece> = Vec::new();
        for _ in 0..self.0.gen_range(least..4.max(least + 1)) {
            let beside_bytes = matches!(pieces.last(), Some(Piece::Bytes(_)));
            if beside_bytes || self.0.r#gen() {
                let letter = self.one(&["u", "U", "d", "s", "r", "R", "1", "9"]);
                let token = letter.chars().next().and_then(Token::of);
                pieces.extend(token.map(Piece::Token));
            } else {
                let odd = [
                    "a", " b ", "(", ")*", "\\2a", "%", "%u", "ü", "=", "\0", "\n", "💌",
                ];
                let mut bytes = self.one(&odd).as_bytes().to_vec();
                if self.0.gen_ratio(1, 4) {
                    bytes.push(0xff);
                }
                pieces.push(Piece::Bytes(bytes));
            }
        }
        Text(pieces)
    }
}

fn any(seed: u64) -> Any {
    Any(StdRng::seed_from_u64(seed))
}

#[test]
fn what_is_written_reads_back() {
    for seed in 0..TRIES {
        let filter = any(seed).filter(3);
        let text = filter.to_string();
        assert_eq!(Filter::read(&text).as_ref(), Ok(&filter), "{text}");
    }
}

/// A filter with a mistake is read or refused at one of its characters, never else.
#[test]
fn mistakes_are_told_where_they_are() {
    for seed in 0..TRIES {
        let mut any = any(seed);
        let mut text: Vec<char> = any.filter(2).to_string().chars().collect();
        let at = any.0.gen_range(0..text.len());
        match any.0.gen_range(0..3) {
            0 => drop(text.remove(at)),
            1 => text.insert(
                at,
                any.one(&["(", ")", "\\", "%", "*", "ä"])
                    .chars()
                    .next()
                    .unwrap(),
            ),
            _ => text.truncate(at),
        }
        let text: String = text.into_iter().collect();
        if let Err(wrong) = Filter::read(&text) {
            assert!(wrong.at >= 1, "{text}: {wrong:?}");
            assert!(wrong.at <= text.chars().count() + 1, "{text}: {wrong:?}");
            assert!(!wrong.what.is_empty());
        }
    }
}

#[test]
fn a_mistake_has_its_place() {
    for (text, at, what) in [
        ("uid=%u", 1, "no parentheses"),
        ("(uid=%u", 8, "a `)` is missing at the end"),
        ("(&(uid=%u)(mail=ä(b))", 18, "a `(` inside a value"),
        ("(&(uid=%u)(mail))", 12, "`mail` has no `=`"),
        ("(&(uid=%u)x)", 11, "a `)` is missing before `x)`"),
        ("(uid=ä%x)", 7, "`%x`, which saslauthd replaces by nothing"),
        ("(uid=a\\2)", 7, "hexadecimal digits"),
        ("(uid=%u) x", 10, "`x` follows its end"),
        ("(uid>=a*)", 8, "an `*`"),
        ("(uid:dn:a:b:=%u)", 2, "`b` is no matching rule"),
        ("(uid:caseExactMatch=%u)", 2, "no matching rule"),
        ("(:dn:=%u)", 2, "`` is no attribute"),
        ("(&)", 3, "nothing after `&`"),
        ("(!uid=%u)", 3, "a `(` is missing"),
    ] {
        let wrong = Filter::read(text).expect_err(text);
        assert_eq!(wrong.at, at, "{text}: {wrong:?}");
        assert!(wrong.what.contains(what), "{text}: {wrong:?}");
    }
}

/// As libldap takes them: a filter of several lines in relay.yaml has blanks there.
#[test]
fn blanks_around_terms_are_nothing() {
    let spread = read(" (& ( uid=%u) (!  (a=b) ) (| (c=d)\n(e= f )) ) ");
    assert_eq!(spread.to_string(), "(&(uid=%u)(!(a=b))(|(c=d)(e= f )))");
}

#[test]
fn each_kind_of_term_is_told_from_the_others() {
    let compared = |text: &str| match read(text) {
        Filter::Test(test) => test.compare,
        other => panic!("{other:?}"),
    };
    let text = |text: &str| Text::of(text.as_bytes());
    assert_eq!(compared("(a=*)"), Compare::Present);
    assert_eq!(compared("(a=\\2a)"), Compare::Equal(text("*")));
    assert_eq!(compared("(a=)"), Compare::Equal(Text::default()));
    assert_eq!(compared("(a~=b)"), Compare::Approximate(text("b")));
    assert_eq!(compared("(a>=b)"), Compare::AtLeast(text("b")));
    assert_eq!(compared("(a<=b=c)"), Compare::AtMost(text("b=c")));
    let parts = Compare::Parts {
        initial: Some(text("smtp:")),
        any: vec![Text(vec![Piece::Token(Token::Before)])],
        last: None,
    };
    assert_eq!(compared("(a=smtp:*%U*)"), parts);
    let rule = "1.2.840.113556.1.4.803";
    let bits = Compare::Extensible {
        in_name: false,
        rule: Some(rule.to_owned()),
        value: text("2"),
    };
    assert_eq!(compared(&format!("(a:{rule}:=2)")), bits);
    let in_name = Compare::Extensible {
        in_name: true,
        rule: None,
        value: text("x%"),
    };
    assert_eq!(compared("(ou:DN:=x%%)"), in_name);
}

#[test]
fn a_login_is_taken_apart_as_saslauthd_does() {
    let parts = |typed: &str| {
        let login = Login::new(typed);
        let tokens = ["u", "U", "d", "r", "R", "1", "2", "3"];
        tokens.map(|token| login.part(Token::of(token.chars().next().unwrap()).unwrap()))
    };
    assert_eq!(parts("al"), ["al", "al", "", "", "", "", "", ""]);
    let whole = ["a@mx.example.org", "a", "mx.example.org", "mx.example.org"];
    let labels = ["@mx.example.org", "org", "example", "mx"];
    assert_eq!(parts("a@mx.example.org"), [whole, labels].concat()[..]);
    assert_eq!(
        parts("a@b@c"),
        ["a@b@c", "a", "b@c", "c", "@c", "b@c", "", ""]
    );
}

#[test]
fn a_person_goes_by_what_is_compared_with_the_login() {
    for (text, attributes) in [
        ("(uid=%u)", "uid"),
        ("(&(a=b)(|(uid=%u)(mail=%U@%d)(uid=%U)))", "uid mail"),
        (
            "(|(proxyAddresses=smtp:%u)(mail=%u))",
            "mail proxyAddresses",
        ),
        ("(&(!(&(x=%u)))(uid=%u))", "uid"),
        ("(!(!(x=%u)))", "x"),
        ("(&(uid>=%u)(a:rule:=%u@b)(o=%d)(cn;lang-de=%u))", "cn"),
    ] {
        assert_eq!(
            read(text).login_attributes().join(" "),
            attributes,
            "{text}"
        );
    }
}
