# Knows the one login in @ARGV, and tells smtpd (smtpd_sasl_type = dovecot, SASL_README of
# Postfix; https://doc.dovecot.org/ calls it the authentication protocol).
use strict;
use warnings;
$| = 1;
my ($user, $password) = @ARGV;
print "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t$$\nCUID\t1\n",
    "COOKIE\t00000000000000000000000000000000\nDONE\n";
while (my $line = <STDIN>) {
    chomp $line;
    my ($verb, $id, @fields) = split /\t/, $line;
    next if $verb ne 'AUTH' && $verb ne 'CONT';
    my ($response) = $verb eq 'CONT' ? @fields : map { /^resp=(.*)/s } @fields;
    if (!defined $response) {
        print "CONT\t$id\t\n";
        next;
    }
    my (undef, $name, $secret) = split /\0/, decoded($response), -1;
    my $good = ($name // '') eq $user && ($secret // '') eq $password;
    print $good ? "OK\t$id\tuser=$name\n" : "FAIL\t$id\n";
}

# Base64 (RFC 4648 section 4), with what perl has of itself.
sub decoded {
    my ($text) = @_;
    $text =~ tr{A-Za-z0-9+/}{}cd;
    $text =~ tr{A-Za-z0-9+/}{ -_};
    return join '', map { unpack 'u', chr(32 + int(length($_) * 3 / 4)) . $_ } $text =~ /(.{1,60})/gs;
}
