# Whether a certificate with its chain and key can be shown to clients (RFC 5280, RFC 9525),
# by openssl(1). The same is asked of relay.yaml's files before there is a relay
# (src/config/certificate.rs).
package Judge;
use strict;
use warnings;

my $PATH = '/etc/ssl/certs';

# What is wrong with a pair, in words, or nothing. It is written into $folder for a look.
# A chain may end at somebody unknown if that of $current, the pair in use, does.
sub fault {
    my ($pair, $folder, $hostname, $current) = @_;
    my @chain = $pair->{chain} =~ /(-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n)/gs;
    return 'the file has no certificate in it' if !@chain;
    my %paths = map { $_ => "$folder/$_.pem" } qw(own chain last key);
    write_to($paths{own}, $chain[0]) && write_to($paths{chain}, join '', @chain)
        && write_to($paths{last}, $chain[-1]) && write_to($paths{key}, $pair->{key})
        or return "it cannot be looked at: $!";
    my $fault = judged(\%paths, scalar @chain, $hostname, $current);
    unlink values %paths;
    return $fault;
}

sub judged {
    my ($paths, $length, $hostname, $current) = @_;
    my ($read, $own) = openssl('x509', '-in', $paths->{own}, '-noout', '-pubkey');
    return 'the certificate is damaged' if !$read;
    my ($open, $public) = openssl('pkey', '-in', $paths->{key}, '-pubout', '-passin', 'pass:');
    return 'the private key is damaged or has a passphrase' if !$open;
    return 'the private key does not belong to the certificate' if $own ne $public;

    my (undef, $names) = openssl('x509', '-in', $paths->{own}, '-noout', '-ext', 'subjectAltName');
    my @names = $names =~ /DNS:([^,\s]+)/g;
    return "it is not for $hostname: its names are " . (join(', ', @names) || 'none')
        if !grep { covers($_, $hostname) } @names;

    my ($right, $said) = openssl('verify', '-purpose', 'sslserver', '-auth_level', '2', '-partial_chain',
        '-trusted', $paths->{last}, '-untrusted', $paths->{chain}, $paths->{own});
    if (!$right) {
        my ($depth, $why) = $said =~ /^error \d+ at (\d+) depth lookup: (.*)$/m;
        return 'OpenSSL refuses it' if !defined $why;
        my $whose = $depth ? 'certificate ' . ($depth + 1) . ' of its chain' : 'the certificate';
        return "$whose: $why (" . lifetime($paths->{own}) . ')';
    }
    my $end = issuer($paths->{last});
    return if $end eq subject($paths->{last}) || ends_known($paths, $end, $current);
    return "the chain ends at $end, which is unknown here: append the certificates of whoever signed it";
}

# Whether clients that know the public authorities, or trusted the pair in use, can follow
# the chain to its end.
sub ends_known {
    my ($paths, $end, $current) = @_;
    my ($known) = openssl('verify', '-CApath', $PATH, '-untrusted', $paths->{chain}, $paths->{own});
    return 1 if $known || !defined $current;
    open my $file, '<', $current or return 0;
    local $/;
    my @chain = <$file> =~ /(-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n)/gs;
    return 0 if !@chain || !write_to($paths->{last}, $chain[-1]);
    return issuer($paths->{last}) eq $end;
}

# A star is one whole label (RFC 9525 6.3).
sub covers {
    my ($name, $host) = map { lc } @_;
    return $name eq $host if $name !~ s/\A\*\.//;
    my (undef, $rest) = split /\./, $host, 2;
    return defined $rest && $rest eq $name;
}

# Whose a certificate is, until when, and its SHA-256.
sub summary {
    my ($path) = @_;
    my (undef, $text) = openssl('x509', '-in', $path, '-noout', '-fingerprint', '-sha256');
    my ($digest) = $text =~ /=([0-9A-F:]+)/;
    return subject($path) . ', ' . lifetime($path) . ', SHA-256 ' . ($digest // 'unknown');
}

sub lifetime {
    my ($path) = @_;
    my (undef, $text) = openssl('x509', '-in', $path, '-noout', '-startdate', '-enddate', '-dateopt', 'iso_8601');
    my ($from)  = $text =~ /^notBefore=(\S+)/m;
    my ($until) = $text =~ /^notAfter=(\S+)/m;
    return 'valid from ' . ($from // '?') . ' until ' . ($until // '?');
}

# The day on which it ends, if that is so soon.
sub ends_within {
    my ($path, $seconds) = @_;
    my ($longer) = openssl('x509', '-in', $path, '-noout', '-checkend', $seconds);
    return if $longer;
    my ($day) = lifetime($path) =~ /until (\S+)/;
    return $day;
}

sub subject { return name('subject', @_) }
sub issuer  { return name('issuer',  @_) }

sub name {
    my ($which, $path) = @_;
    my (undef, $text) = openssl('x509', '-in', $path, '-noout', "-$which", '-nameopt', 'RFC2253,-esc_msb');
    my ($name) = $text =~ /^$which=(.*)$/m;
    $name //= '?';
    $name =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ge;
    return $name;
}

# Whether it ends well, and what it says.
sub openssl {
    my @arguments = @_;
    my $pid = open(my $said, '-|') // return (0, "$!");
    if (!$pid) {
        open STDERR, '>&', \*STDOUT;
        exec 'openssl', @arguments or exit 127;
    }
    local $/;
    my $text = <$said> // '';
    return (close $said, $text);
}

sub write_to {
    my ($path, $text) = @_;
    open my $file, '>', $path or return 0;
    print {$file} $text;
    return close $file;
}

1;
