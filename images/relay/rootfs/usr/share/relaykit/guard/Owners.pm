# Whose an address is, for smtpd_sender_login_maps: Postfix's socketmap(5), strings
# with their length in front, `name key` and then what was found.
package Owners;
use strict;
use warnings;

use Connection;
use Log;

my $LONGEST = 2_000;    # bytes of a question

sub serve {
    my ($listener, $backend) = @_;
    Connection::serve($listener, sub { heard($_[0], $backend) }, sub { });
    return;
}

sub heard {
    my ($connection, $backend) = @_;
    if ($connection->{unread} =~ /\A(\d{1,4}):/) {
        my ($start, $length) = ($+[0], $1);
        return $connection->hang_up if $length > $LONGEST;
        return if length $connection->{unread} < $start + $length + 1;
        my $question = substr $connection->{unread}, $start, $length;
        substr $connection->{unread}, 0, $start + $length + 1, '';
        return asked($connection, $backend, $question);
    }
    $connection->hang_up if $connection->{unread} !~ /\A\d{0,4}\z/;
    return;
}

sub asked {
    my ($connection, $backend, $question) = @_;
    my (undef, $address) = split / /, $question, 2;
    $backend->owners($address // '', sub {
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
    return $connection->answer(length($text) . ":$text,");
}

1;
