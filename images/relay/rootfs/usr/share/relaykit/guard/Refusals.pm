# When a refusal is said. A directory compares a password only where there is a
# name to it, and slowly; so the answer waits for a moment that is the same for all:
# longer after the beginning than comparing has lately taken.
package Refusals;
use strict;
use warnings;

use Loop;

my @BEATS  = (0.3, 0.6, 1.2, 2.4, 4.8);    # seconds
my $COLD   = 1.2;                          # before anything is known; slower than most hashes
my $MARGIN = 1.25;                         # times the slowest comparison, plus
my $SPARE  = 0.05;                         # seconds
my $KNOWN  = 64;                           # comparisons that are remembered
my $RECENT = 600;                          # seconds that one counts
my $LEAST  = 8;                            # comparisons that count however old

my @took;                                  # [when, seconds], the newest last

# A comparison took so long.
sub took {
    my ($seconds) = @_;
    push @took, [ Loop::now(), $seconds ];
    shift @took if @took > $KNOWN;
    return;
}

# Seconds from now until a refusal of what began at $began; $tried: a password was
# compared. Where a comparison takes longer than the beat all the same, a name that
# nobody has takes as long as one of those that were.
sub wait {
    my ($began, $tried) = @_;
    my $now    = Loop::now();
    my $passed = $now - $began;
    my $beat   = beat();
    my $own    = $tried ? $passed : @took ? $took[ rand @took ][1] : 0;
    my $until  = $beat;
    $until += $BEATS[0] while $until < $own;
    return $until > $passed ? $until - $passed : 0;
}

sub beat {
    return $COLD if !@took;
    my $oldest  = Loop::now() - $RECENT;
    my $slowest = 0;
    for my $index (0 .. $#took) {
        my ($when, $seconds) = @{ $took[$index] };
        next if $when < $oldest && $index <= $#took - $LEAST;
        $slowest = $seconds if $seconds > $slowest;
    }
    for my $beat (@BEATS) {
        return $beat if $slowest * $MARGIN + $SPARE <= $beat;
    }
    return $BEATS[-1];
}

1;
