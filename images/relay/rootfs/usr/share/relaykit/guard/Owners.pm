# Whose an address is, for smtpd_sender_login_maps: Postfix's socketmap(5), strings
# with their length in front, `name key` and then what was found.
package Owners;
use strict;
use warnings;

use Log;
use Loop;

my $LONGEST = 2_000;    # bytes of a question

sub serve {
    my ($listener, $backend) = @_;
    Loop::watch($listener, sub {
        accept(my $client, $listener) or return;
        my $connection = { handle => $client, unread => '', backend => $backend };
        Loop::watch($client, sub { heard($connection) });
    });
    return;
}

sub heard {
    my ($connection) = @_;
    my $read = sysread $connection->{handle}, $connection->{unread}, $LONGEST, length $connection->{unread};
    return if !defined $read && $!{EAGAIN};
    return hang_up($connection) if !$read;
    if ($connection->{unread} =~ /\A(\d{1,4}):/) {
        my ($start, $length) = ($+[0], $1);
        return hang_up($connection) if $length > $LONGEST;
        return if length $connection->{unread} < $start + $length + 1;
        my $question = substr $connection->{unread}, $start, $length;
        substr $connection->{unread}, 0, $start + $length + 1, '';
        return asked($connection, $question);
    }
    hang_up($connection) if $connection->{unread} !~ /\A\d{0,4}\z/;
    return;
}

sub asked {
    my ($connection, $question) = @_;
    my (undef, $address) = split / /, $question, 2;
    $connection->{backend}->owners($address // '', sub {
        my ($names, $why) = @_;
        if (!$names) {
            Log::line('nobody can say whose ' . Log::shown("<$address>") . " is: $why");
            return answer($connection, 'TEMP the directory cannot be asked');
        }
        # Postfix takes the list apart at blanks and commas: a name with one of them
        # would be several others'.
        my @fit = grep { !/[\s,]/ } @$names;
        if (@fit < @$names) {
            my @others = map { Log::shown("\"$_\"") } grep { /[\s,]/ } @$names;
            Log::line("@others cannot send as <" . Log::shown($address) . '>: a name with blanks or commas owns no address');
        }
        return answer($connection, @fit ? 'OK ' . join ', ', @fit : 'NOTFOUND ');
    });
    return;
}

sub answer {
    my ($connection, $text) = @_;
    my $handle = $connection->{handle} or return;
    my $string = length($text) . ":$text,";
    my $written = syswrite $handle, $string;
    hang_up($connection) if ($written // 0) != length $string;
    return;
}

sub hang_up {
    my ($connection) = @_;
    my $handle = delete $connection->{handle} or return;
    Loop::forget($handle);
    close $handle;
    return;
}

1;
