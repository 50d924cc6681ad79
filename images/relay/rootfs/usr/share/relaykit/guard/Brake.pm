# How fast passwords can be guessed. Two buckets of guesses are kept, for each address
# that logins come from and for each name that is tried. A failed login takes one out,
# and they fill again by so many a minute.
#
#   - An address whose bucket is empty is put off, and its passwords are not tried.
#     Who has logged in from there before is not concerned: each such person has
#     a bucket of their own there, so that a guesser behind the same address keeps
#     nobody out who is known.
#   - A name whose bucket is empty is tried by and by, but only where it comes from an
#     address that has failed itself. It is never refused for what others did: nobody
#     can lock anybody out.
#
# Addresses that many people share are named in relay.yaml and are not put off.
package Brake;
use strict;
use warnings;
use Socket qw(inet_pton inet_ntop AF_INET AF_INET6);

use Log;
use Loop;

my $TRUSTED = 24 * 3600;    # seconds that a login speaks for its address
my $SLOWEST = 3;            # seconds that one try of a name is held at the most
my $STEP    = 0.3;          # seconds more for each failure beyond the bucket
my $DEBT    = -20;          # guesses that a name's bucket lacks at the most
my $KNOWN   = 50_000;       # buckets of a kind, which bounds memory
my $LIST    = '/run/saslauthd/unbraked';    # addresses that checks come from, if any
my $EXEMPT  = 600;          # seconds that this list counts
my $AGAIN   = 60;           # seconds between two lines on one address

sub new {
    my ($class, $settings) = @_;
    my $rate = $settings->{failed_logins_per_minute} || 0;
    my $self = bless {
        rate      => $rate / 60,
        burst     => 2 * $rate,
        shared    => [ map { network($_) } split ' ', $settings->{shared_addresses} // '' ],
        unbraked  => [ split(' ', $settings->{unbraked} // ''), $LIST ],
        addresses => {},
        names     => {},
        trusted   => {},
    }, $class;
    Loop::every(60, sub { $self->tidy });
    return $self;
}

# Calls $then with nothing when the login may be judged, or with why it is held ('':
# that has been said).
sub enter {
    my ($self, $login, $then) = @_;
    return $then->() if !$self->{rate} || $login->{from} eq '';
    my $place = place($login->{from});
    return $then->() if is_in($place, map { listed($_) } @{ $self->{unbraked} });
    $login->{place} = $place;
    if (my $own = $self->trusted($place, key($login->{typed}))) {
        $login->{bucket} = $own;
        return $then->(full($self, $own) >= 1 ? undef : $self->words($own, $login));
    }
    my $bucket = $self->{addresses}{$place} //= $self->bucket;
    $login->{bucket} = $bucket;
    return $then->() if is_in($place, @{ $self->{shared} });
    # Of those that come at once, no more are judged together than may fail.
    push @{ $bucket->{waiting} }, [ $login, $then ];
    $self->go_on($bucket);
    return;
}

sub go_on {
    my ($self, $bucket) = @_;
    while (@{ $bucket->{waiting} }) {
        my ($login, $then) = @{ $bucket->{waiting}[0] };
        my $over = $login->{over};
        my $left = full($self, $bucket);
        last if !$over && $left >= 1 && $bucket->{judged} >= $left;
        shift @{ $bucket->{waiting} };
        next if $over;
        if ($left < 1) {
            $then->($self->words($bucket, $login));
        } else {
            $bucket->{judged}++;
            $login->{judged} = 1;
            $then->();
        }
    }
    return;
}

# A login has 'failed' or 'succeeded', or ended 'unjudged'. Only the first time counts.
sub leave {
    my ($self, $login, $how) = @_;
    my $bucket = delete $login->{bucket} or return;
    my $name   = key($login->{person} // $login->{typed});
    if ($how eq 'failed') {
        full($self, $bucket);
        $bucket->{left}--;
        my $tried = $self->{names}{$name} //= $self->bucket;
        full($self, $tried);
        $tried->{left}-- if $tried->{left} > $DEBT;
    } elsif ($how eq 'succeeded') {
        for my $as ($name, key($login->{typed})) {
            my $own = $self->{trusted}{ $login->{place} }{$as} //= $self->bucket;
            $own->{when} = Loop::now();
        }
    }
    if (delete $login->{judged}) {
        $bucket->{judged}--;
        $self->go_on($bucket);
    }
    return;
}

# Seconds that a try of this name is held.
sub delay {
    my ($self, $login) = @_;
    return 0 if !$self->suspects($login);
    my $tried = $self->{names}{ key($login->{person} // $login->{typed}) } or return 0;
    my $lacks = 1 - full($self, $tried);
    return 0 if $lacks <= 0;
    my $wait = $lacks * $STEP;
    return $wait < $SLOWEST ? $wait : $SLOWEST;
}

# Whether it comes from where guesses came from lately.
sub suspects {
    my ($self, $login) = @_;
    return 0 if !$login->{place};
    return 0 if $self->trusted($login->{place}, key($login->{person} // $login->{typed}));
    my $bucket = $self->{addresses}{ $login->{place} } or return 0;
    return full($self, $bucket) < $self->{burst} - 2;
}

sub trusted {
    my ($self, $place, $name) = @_;
    my $own = ($self->{trusted}{$place} // {})->{$name} or return;
    return if Loop::now() - $own->{when} > $TRUSTED;
    return $own;
}

# Once in a while why an address is held, otherwise ''.
sub words {
    my ($self, $bucket, $login) = @_;
    my $now  = Loop::now();
    my $more = $bucket->{untold}++;
    return '' if defined $bucket->{told} && $now - $bucket->{told} < $AGAIN;
    @$bucket{qw(told untold)} = ($now, 0);
    return 'too many logins from there have failed' . ($more ? ", $more more were put off" : '');
}

sub bucket {
    my ($self) = @_;
    return { left => $self->{burst}, at => Loop::now(), judged => 0, waiting => [] };
}

# How many guesses are left in a bucket now.
sub full {
    my ($self, $bucket) = @_;
    my $now = Loop::now();
    $bucket->{left} += ($now - $bucket->{at}) * $self->{rate};
    $bucket->{left} = $self->{burst} if $bucket->{left} > $self->{burst};
    $bucket->{at} = $now;
    return $bucket->{left};
}

# One spelling of a name, so that an unknown one cannot be tried under many.
sub key {
    my ($name) = @_;
    $name =~ s/[[:space:]]+/ /g;
    $name =~ s/\A | \z//g;
    return lc $name;
}

# Where a client sits: an IPv4 address, or the half of an IPv6 address that a
# provider gives to one customer (RFC 6177).
sub place {
    my ($address) = @_;
    $address =~ s/\A::ffff:(?=\d+\.)//i;
    my $bytes = $address =~ /:/ ? inet_pton(AF_INET6, $address) : undef;
    return $address if !defined $bytes;
    return inet_ntop(AF_INET6, substr($bytes, 0, 8) . "\0" x 8) . '/64';
}

sub is_in {
    my ($place, @networks) = @_;
    return 0 if !@networks;
    (my $address = $place) =~ s{/64\z}{};
    my $bits = bits($address) or return 0;
    return scalar grep { index($bits, $_) == 0 } @networks;
}

# The addresses in a file of a lab that is checked: all the clients there are one.
sub listed {
    my ($path) = @_;
    my $written = (stat $path)[9] // return;
    return if $path eq $LIST && time - $written > $EXEMPT;
    open my $file, '<', $path or return;
    return map { network($_) } map { split ' ' } <$file>;
}

# The bits that a network's addresses begin with, of IPv6.
sub network {
    my ($text) = @_;
    my ($address, $length) = split m{/}, $text =~ tr/[]//dr, 2;
    my $bits = bits($address) // return;
    $length = $address =~ /:/ ? 128 : 32 if !defined $length || $length !~ /^\d+$/;
    $length += 96 if $address !~ /:/;
    return substr $bits, 0, $length;
}

sub bits {
    my ($address) = @_;
    $address = "::ffff:$address" if $address !~ /:/;
    my $bytes = inet_pton(AF_INET6, $address) // return;
    return unpack 'B128', $bytes;
}

# Forgets what is as if it had never been, and bounds what is left.
sub tidy {
    my ($self) = @_;
    for my $kind (qw(addresses names)) {
        my $buckets = $self->{$kind};
        for my $key (keys %$buckets) {
            my $bucket = $buckets->{$key};
            next if $bucket->{judged} || @{ $bucket->{waiting} };
            delete $buckets->{$key} if full($self, $bucket) >= $self->{burst};
        }
        my $surplus = keys(%$buckets) - $KNOWN;
        for my $key (keys %$buckets) {
            last if $surplus-- <= 0;
            delete $buckets->{$key};
        }
    }
    my $places = $self->{trusted};
    for my $place (keys %$places) {
        my $people = $places->{$place};
        for my $name (keys %$people) {
            delete $people->{$name} if Loop::now() - $people->{$name}{when} > $TRUSTED;
        }
        delete $places->{$place} if !%$people;
    }
    return;
}

1;
