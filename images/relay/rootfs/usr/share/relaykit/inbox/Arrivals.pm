# Tells whoever connects the name of each message that comes from then on, a line each.
# One who does not read is hung up on, and may connect again and look what is there.
package Arrivals;
use strict;
use warnings;

use Connection;

sub serve {
    my ($listener, $store) = @_;
    my %following;
    my $ignored = sub { $_[0]{unread} = '' };
    my $ended   = sub { delete $following{ $_[0] } };
    my $met     = sub {
        my ($connection) = @_;
        $following{$connection} = $connection;
        $connection->answer("\n");    # from here on nothing is missed
    };
    Connection::serve($listener, $ignored, $ended, $met);
    $store->follow(sub {
        my ($name) = @_;
        $_->answer("$name\n") for values %following;
    });
    return;
}

1;
