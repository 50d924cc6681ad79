//! The program of the relay's image that smtpd is started by.

use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

const BECOMES_SMTPD: &str = include_str!("../../../images/relay/rootfs/usr/lib/postfix/sbin/smtpd");

/// What master(8) does: sockets from the sixth descriptor on, and the program by its path.
const MASTER: &str = r"
    $^F = 1023;
    use Socket;
    use POSIX;
    for my $descriptor (6, 7) {
        socket my $socket, PF_INET, SOCK_STREAM, 0 or die $!;
        listen $socket, 1 or die $!;
        POSIX::dup2(fileno $socket, 20 + $descriptor);
        close $socket;
    }
    POSIX::dup2(20 + $_, $_), POSIX::close(20 + $_) for 6, 7;
    exec @ARGV or die $!;
";

/// The package's smtpd, played: its name, its arguments, and `TCP_NODELAY` of each socket.
const SMTPD: &str = r#"#!/usr/bin/perl
    $^F = 1023;
    print "@ARGV";
    for my $descriptor (6 .. 8) {
        open my $socket, '+<&=', $descriptor or last;
        print ' ', unpack('i', getsockopt $socket, 6, 1) ? 'nodelay' : 'nagle';
    }
"#;

fn program(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_smtpd_accepts_waits_for_no_acknowledgement() {
    let perl = Command::new("/usr/bin/perl")
        .args(["-MPOSIX", "-MSocket", "-e", "1"])
        .stderr(Stdio::null())
        .status();
    if !perl.is_ok_and(|status| status.success()) {
        // Past the test's captured output: what was not tested must be seen.
        #[allow(clippy::explicit_write, reason = "tests capture what eprintln! writes")]
        writeln!(
            io::stderr(),
            "\nNOT TESTED: how smtpd is started; install perl for it"
        )
        .unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let sbin = folder.path().join("sbin/smtpd");
    program(&sbin, BECOMES_SMTPD);
    program(&folder.path().join("distrib/smtpd"), SMTPD);
    let output = Command::new("/usr/bin/perl")
        .args(["-e", MASTER])
        .arg(&sbin)
        .args(["-n", "submission", "-s", "2"])
        .output()
        .unwrap();
    assert_eq!(
        (
            String::from_utf8_lossy(&output.stdout).as_ref(),
            String::from_utf8_lossy(&output.stderr).as_ref()
        ),
        ("-n submission -s 2 nodelay nodelay", "")
    );
}
