# Clients of the guard's sockets: what they say is gathered, and what they are told is
# written at once or not at all, since to wait for one would hold up everybody.
package Connection;
use strict;
use warnings;

use Loop;

my $PIECE = 16_384;    # bytes that are read at a time

# Takes clients in. Calls $heard with a connection each time it has said more, which
# then stands in its `unread`, and $ended once when it is over. $met, if there is one,
# is called first.
sub serve {
    my ($listener, $heard, $ended, $met) = @_;
    Loop::watch($listener, sub {
        accept(my $handle, $listener) or return;
        my $self = bless { handle => $handle, unread => '', heard => $heard, ended => $ended }, __PACKAGE__;
        Loop::watch($handle, sub { $self->hear });
        $met->($self) if $met;
    });
    return;
}

sub hear {
    my ($self) = @_;
    my $read = sysread $self->{handle}, $self->{unread}, $PIECE, length $self->{unread};
    return if !defined $read && $!{EAGAIN};
    return $self->hang_up if !$read;
    return $self->{heard}->($self);
}

sub answer {
    my ($self, $text) = @_;
    return if !$self->{handle} || $text eq '';
    my $written = syswrite $self->{handle}, $text;
    $self->hang_up if ($written // 0) != length $text;
    return;
}

sub hang_up {
    my ($self) = @_;
    my $handle = delete $self->{handle} or return;
    Loop::forget($handle);
    close $handle;
    return $self->{ended}->($self);
}

1;
