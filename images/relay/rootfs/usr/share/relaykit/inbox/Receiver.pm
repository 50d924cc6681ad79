# What smtpd says to the inbox: SMTP (RFC 5321) with the parameters of its extensions as
# clients gave them to smtpd, which has judged all of it before. One message a connection is
# the rule; several are no error.
package Receiver;
use strict;
use warnings;

use Connection;
use Log;
use Report;

my $LONGEST = 65_536;    # bytes of a command
my $STRICT  = 998;       # bytes of a line without its end, RFC 5322 section 2.1.1

my %ANSWERS = (
    HELO => \&helo, EHLO => \&ehlo, MAIL => \&mail, RCPT => \&rcpt, DATA => \&data,
    RSET => \&rset, NOOP => sub { $_[0]->answer("250 2.0.0 Ok\r\n") }, QUIT => \&quit,
);

# With $strict, a message with a line over 998 bytes is refused, as Exim does.
sub serve {
    my ($listener, $store, $strict) = @_;
    my $met = sub {
        my ($connection) = @_;
        @$connection{ 'store', 'strict' } = ($store, $strict);
        forget($connection);
        $connection->answer("220 inbox ESMTP\r\n");
    };
    Connection::serve($listener, \&heard, \&forget, $met);
    return;
}

# No message is under way any more.
sub forget {
    my ($self) = @_;
    my $message = delete $self->{message};
    $self->{store}->drop($message) if $message;
    @$self{ 'sender', 'recipients', 'failed' } = (undef, [], undef);
    return;
}

sub heard {
    my ($self) = @_;
    while ($self->{handle}) {
        if ($self->{message}) {
            content($self) or return;
            next;
        }
        if ($self->{unread} !~ s/\A([^\n]*)\n//) {
            $self->hang_up if length $self->{unread} > $LONGEST;
            return;
        }
        my ($verb, $rest) = $1 =~ /\A\s*([A-Za-z]*)\s*(.*?)\r?\z/s;
        my $code = $ANSWERS{ uc $verb };
        $code ? $code->($self, $rest) : $self->answer("500 5.5.1 the inbox does not know that\r\n");
    }
    return;
}

sub helo {
    my ($self) = @_;
    forget($self);
    return $self->answer("250 inbox\r\n");
}

sub ehlo {
    my ($self) = @_;
    forget($self);
    return $self->answer("250-inbox\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN\r\n");
}

sub mail {
    my ($self, $rest) = @_;
    my ($address, $options) = path('FROM', $rest);
    return $self->answer("501 5.5.4 MAIL FROM:<address>\r\n") if !defined $address;
    forget($self);
    $self->{sender}      = $address;
    $self->{envelope_id} = $options->{ENVID};
    return $self->answer("250 2.1.0 Ok\r\n");
}

sub rcpt {
    my ($self, $rest) = @_;
    return $self->answer("503 5.5.1 MAIL comes first\r\n") if !defined $self->{sender};
    my ($address, $options) = path('TO', $rest);
    return $self->answer("501 5.5.4 RCPT TO:<address>\r\n") if !defined $address;
    my $wants = grep { uc $_ eq 'SUCCESS' } split /,/, $options->{NOTIFY} // '';
    push @{ $self->{recipients} }, { address => $address, original => $options->{ORCPT}, wants => $wants };
    return $self->answer("250 2.1.5 Ok\r\n");
}

# The address of `FROM:<address> PARAMETERS`, as it stands there, and its parameters.
sub path {
    my ($word, $text) = @_;
    $text =~ s/\A\Q$word\E:\s*//i or return;
    my $quoted = qr/"(?:\\.|[^"\\])*"/s;
    $text =~ s/\A<((?:$quoted|[^">])*)>// or $text =~ s/\A((?:$quoted|[^"\s<>])+)// or return;
    my $address = $1;
    my %options = map { /\A([^=]+)=(.*)\z/s ? (uc $1, $2) : (uc $_, '') } split ' ', $text;
    return ($address, \%options);
}

sub data {
    my ($self) = @_;
    return $self->answer("503 5.5.1 RCPT comes first\r\n") if !@{ $self->{recipients} };
    my @to = map { $_->{address} } @{ $self->{recipients} };
    @$self{ 'message', 'before', 'line' } = ($self->{store}->begin($self->{sender}, \@to), "\r\n", 0);
    return $self->answer("354 End with a dot\r\n");
}

sub rset {
    my ($self) = @_;
    forget($self);
    return $self->answer("250 2.0.0 Ok\r\n");
}

sub quit {
    my ($self) = @_;
    $self->answer("221 2.0.0 Bye\r\n");
    return $self->hang_up;
}

# Takes what is there of a message, without the dots that are not its own (RFC 5321
# section 4.5.2); true at its end. `before` is the last that was taken, since a line end
# and the dot behind it may come apart.
sub content {
    my ($self) = @_;
    my $text = $self->{before} . $self->{unread};
    my $end  = index $text, "\r\n.\r\n";
    my $rest = '';
    if ($end >= 0) {
        $rest = substr $text, $end + 5;
        $text = substr $text, 0, $end + 2;
    } else {
        return 0 if length $self->{unread} <= 4;
        $rest = substr $text, -4, 4, '';    # it may be the end's beginning
    }
    my $known = length $self->{before};
    $self->{unread} = $rest;
    $self->{before} = substr $text, -2;
    $text =~ s/\r\n\./\r\n/g;
    take($self, substr $text, $known);
    return 0 if $end < 0;
    finish($self);
    return 1;
}

sub take {
    my ($self, $piece) = @_;
    return if defined $self->{failed};
    if ($self->{strict} && too_long($self, $piece)) {
        $self->{failed} = '550 5.6.0 maximum allowed line length is 998 octets';    # Exim's words
    } else {
        my $why = $self->{store}->add($self->{message}, $piece) // return;
        $self->{failed} = not_kept($why);
    }
    return $self->{store}->drop($self->{message});    # what is full may have room again
}

sub too_long {
    my ($self, $piece) = @_;
    for my $part (split /(?<=\n)/, $piece) {
        $self->{line} += length $part =~ s/\r?\n\z//r;
        return 1 if $self->{line} > $STRICT;
        $self->{line} = 0 if $part =~ /\n\z/;
    }
    return 0;
}

sub finish {
    my ($self) = @_;
    my ($message, $failed) = @$self{ 'message', 'failed' };
    my $name;
    if (!defined $failed) {
        ($name, my $why) = $self->{store}->keep($message);
        $failed = not_kept($why) if !defined $name;
    }
    if (!defined $failed) {
        Report::store($self->{store}, $self, $message->{header});
    }
    forget($self);
    # smtpd hands this on, so that the log of the relay and the sink's own have the name.
    return $self->answer(($failed // "250 2.0.0 Ok: stored $name") . "\r\n");
}

# Its sender keeps it, and tries again.
sub not_kept {
    my ($why) = @_;
    Log::line("a message cannot be kept: $why");
    return "452 4.3.1 the inbox cannot keep it: $why";
}

1;
