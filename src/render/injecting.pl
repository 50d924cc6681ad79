# Somebody between the relay and the sink: all is passed on as it comes, and a
# reply is added behind the sink's reply to STARTTLS, in the same packet and in
# clear. spawn(8) runs it for each connection, for a minute at most.
use strict;
use warnings;
use IO::Socket::INET;

alarm 60;
my $sink = IO::Socket::INET->new('127.0.0.1:25') or die "the sink: $!\n";
my $child = fork // die "fork: $!\n";
if (!$child) {
    alarm 60;
    pass(\*STDIN, $sink, sub { $_[0] });
    $sink->shutdown(1);
    exit;
}
my $added = 0;
pass($sink, \*STDOUT, sub {
    return $_[0] if $added || $_[0] !~ /^220 2\.0\.0 Ready/;
    $added = 1;
    return "$_[0]INJECTED";
});
kill 'TERM', $child;

sub pass {
    my ($from, $to, $change) = @_;
    while (sysread $from, my $bytes, 65536) {
        $bytes = $change->($bytes);
        while (length $bytes) {
            my $written = syswrite $to, $bytes or return;
            substr $bytes, 0, $written, '';
        }
    }
}
