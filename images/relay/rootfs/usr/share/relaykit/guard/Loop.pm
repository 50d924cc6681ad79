# Waits for many descriptors and times at once, in one process.
package Loop;
use strict;
use warnings;
use Fcntl;
use POSIX ();

my %readers;      # descriptor number => code
my %last;         # those of them that the others are called before
my $wanted = '';  # the same as bits for select
my %timers;       # number => [time, code]
my $number = 0;
my $soonest;      # no timer is due before that; one that was may have been cancelled
my $time;

# Seconds since some moment, in steps of a hundredth: time of day can jump. It is looked
# at once a turn; what is called in one turn is called at the same time.
sub now {
    return $time // look_at_clock();
}

sub look_at_clock {
    $time = (POSIX::times())[0] / 100;
    return $time;
}

# Calls $code when $handle has something to read, or has ended; with $last after the
# others of a turn, for what nobody waits for.
sub watch {
    my ($handle, $code, $last) = @_;
    fcntl $handle, F_SETFL, O_NONBLOCK;    # Perl itself closes it on exec
    $readers{ fileno $handle } = $code;
    $last{ fileno $handle } = 1 if $last;
    vec($wanted, fileno $handle, 1) = 1;
    return;
}

# Before the handle is closed.
sub forget {
    my ($handle) = @_;
    delete $readers{ fileno $handle };
    delete $last{ fileno $handle };
    vec($wanted, fileno $handle, 1) = 0;
    return;
}

# Calls $code once, $seconds from now; the number is for `cancel`.
sub later {
    my ($seconds, $code) = @_;
    $number++;
    my $when = now() + $seconds;
    $timers{$number} = [ $when, $code ];
    $soonest = $when if !defined $soonest || $when < $soonest;
    return $number;
}

sub cancel {
    my ($timer) = @_;
    delete $timers{$timer} if defined $timer;
    return;
}

# Calls $code every $seconds from now on.
sub every {
    my ($seconds, $code) = @_;
    later($seconds, sub { every($seconds, $code); $code->() });
    return;
}

sub run {
    while (1) {
        look_at_clock();
        my $wait = defined $soonest ? $soonest - $time : 60;
        $wait = 0 if $wait < 0;
        my $ready = $wanted;
        my $found = select $ready, undef, undef, $wait;
        look_at_clock();
        call_readers($ready) if $found > 0;
        call_timers()        if defined $soonest && $soonest <= $time;
    }
}

sub call_readers {
    my ($ready) = @_;
    my @last;
    while ($ready =~ /[^\0]/g) {
        my $first = 8 * (pos($ready) - 1);
        for my $descriptor ($first .. $first + 7) {
            next if !vec $ready, $descriptor, 1;
            if ($last{$descriptor}) {
                push @last, $descriptor;
                next;
            }
            # One that was called before may have closed it.
            my $code = $readers{$descriptor} or next;
            $code->();
        }
    }
    for my $descriptor (@last) {
        my $code = $readers{$descriptor} or next;
        $code->();
    }
    return;
}

sub call_timers {
    my @due = grep { $timers{$_}[0] <= $time } keys %timers;
    for my $timer (sort { $timers{$a}[0] <=> $timers{$b}[0] || $a <=> $b } @due) {
        # One that was called before may have cancelled it.
        my $due = delete $timers{$timer} or next;
        $due->[1]->();
    }
    undef $soonest;
    for my $timer (values %timers) {
        $soonest = $timer->[0] if !defined $soonest || $timer->[0] < $soonest;
    }
    return;
}

1;
