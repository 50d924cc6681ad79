use super::*;

fn now() -> Timestamp {
    "2026-11-23T03:00:00Z".parse().unwrap()
}

fn text(head: &str) -> String {
    let digest = "ab".repeat(32);
    format!(
        "Origin: Debian\n{head}\nMD5Sum:\n {} 1 main/binary-amd64/Packages.xz\n\
         SHA256:\n {digest} 10 main/binary-amd64/Packages.xz\n {digest} 20 main/binary-all/Packages.xz\n",
        "0".repeat(32)
    )
}

const HEAD: &str =
    "Codename: trixie\nDate: Sat, 12 Sep 2026 07:55:41 UTC\nArchitectures: all amd64 arm64";

#[test]
fn finds_the_package_lists_by_name_or_by_hash() {
    let plain = Release::parse(
        &text(&format!(
            "{HEAD}\nNo-Support-for-Architecture-all: Packages"
        )),
        "trixie",
        now(),
    );
    let files = plain.unwrap().packages("amd64").unwrap();
    assert_eq!(
        (files.len(), files[0].path.as_str()),
        (1, "main/binary-amd64/Packages.xz")
    );

    let by_hash = Release::parse(
        &text(&format!("{HEAD}\nAcquire-By-Hash: yes")),
        "trixie",
        now(),
    );
    let files = by_hash.unwrap().packages("amd64").unwrap();
    let sizes: Vec<_> = files.iter().map(|file| file.size).collect();
    assert_eq!(sizes, [10, 20]);
    assert_eq!(
        files[1].path,
        format!("main/binary-all/by-hash/SHA256/{}", "ab".repeat(32))
    );
}

#[test]
fn an_architecture_that_is_not_there_is_named() {
    let release = Release::parse(&text(HEAD), "trixie", now()).unwrap();
    assert!(
        release
            .packages("arm64")
            .unwrap_err()
            .contains("main/binary-arm64")
    );
}

#[test]
fn an_index_that_is_not_the_one_wanted_is_refused() {
    for (head, suite, reason) in [
        (HEAD.to_owned(), "trixie-security", "not of"),
        (
            HEAD.replace("Sat, 12 Sep 2026", "Sun, 12 Sep 2027"),
            "trixie",
            "future",
        ),
        (HEAD.replace("Date: ", "Day: "), "trixie", "no Date"),
        (HEAD.replace("07:55:41", "soon"), "trixie", "is no date"),
        (
            format!("{HEAD}\nValid-Until: Sun, 22 Nov 2026 02:10:46 UTC"),
            "trixie",
            "expired",
        ),
        (
            format!("{HEAD}\n\nCodename: other"),
            "trixie",
            "one paragraph",
        ),
    ] {
        let error = Release::parse(&text(&head), suite, now()).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
    let valid = format!("{HEAD}\nValid-Until: Sat, 28 Nov 2026 02:10:46 UTC");
    assert!(Release::parse(&text(&valid), "trixie", now()).is_ok());
}

#[test]
fn an_index_without_sha256_is_refused() {
    let only_md5 = text(HEAD).split("SHA256:").next().unwrap().to_owned();
    assert!(Release::parse(&only_md5, "trixie", now()).is_err());
    let broken = text(HEAD).replace(&"ab".repeat(32), "abcd");
    assert!(Release::parse(&broken, "trixie", now()).is_err());
}

#[test]
fn a_file_must_be_what_is_listed_byte_for_byte() {
    let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let listed = Listed {
        path: "x".into(),
        sha256: digest.into(),
        size: 3,
    };
    assert!(
        listed
            .check("x.deb", "http://m.example/x.deb", b"abc")
            .is_ok()
    );
    for bytes in [&b"abd"[..], b"ab", b"abcd", b""] {
        let error = listed
            .check("x.deb", "http://m.example/x.deb", bytes)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("x.deb from http://m.example/x.deb"),
            "{error}"
        );
        assert!(
            error.contains(digest) && error.contains("try again"),
            "{error}"
        );
    }
}
