# The time of day in nanoseconds, each later than the one before. perl-base has no module
# for it, so that the system is asked itself: clock_gettime(2).
package Clock;
use strict;
use warnings;
use POSIX ();

my %CALL = (x86_64 => 228, aarch64 => 113, riscv64 => 113, loongarch64 => 113, ppc64le => 246, s390x => 260);
my $REALTIME = 0;    # CLOCK_REALTIME
my $NEXT     = 1_000;    # nanoseconds between two stamps of one moment

# Another system has seconds, and the order of its messages all the same.
my $call = length pack('l!', 0) == 8 ? $CALL{ (POSIX::uname())[4] } : undef;
my ($seconds, $nanoseconds) = (0, 0);

# `SECONDS.NANOSECONDS` since 1970, UTC; of one length for centuries.
sub stamp {
    my ($now, $part) = now();
    if ($now < $seconds || $now == $seconds && $part <= $nanoseconds) {
        ($now, $part) = ($seconds, $nanoseconds + $NEXT);
        ($now, $part) = ($now + 1, 0) if $part >= 1_000_000_000;
    }
    ($seconds, $nanoseconds) = ($now, $part);
    return sprintf '%010d.%09d', $seconds, $nanoseconds;
}

# All stamps are later than this.
sub not_before {
    ($seconds, $nanoseconds) = @_;
    return;
}

sub now {
    if (defined $call) {
        my $time = pack 'l!2', 0, 0;
        return unpack 'l!2', $time if syscall($call, $REALTIME, $time) == 0;
    }
    return (time, 0);
}

1;
