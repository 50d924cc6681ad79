# The files of the inbox, one a message.
#
# The file: lines of its own that end in LF, an empty one, and from there the
# message byte for byte, CRLF line ends, the sink's own `Received:` first.
#
#   relaykit-inbox: 1
#   received: SECONDS.NANOSECONDS        since 1970, UTC: when the last byte was there
#   from: <ENVELOPE SENDER>              <> for the null sender
#   to: <ENVELOPE RECIPIENT>             one line each
#
# Its name is that time, and no two have the same: names sort by arrival, and each is
# after all that were there before. It is written in tmp and comes to new when it is
# whole, as in a maildir: whoever reads new never meets half a message.
#
# Where this process dies between that and its answer, the message is sent again and is
# there twice, as with every server of SMTP (RFC 1047); it is never lost.
package Store;
use strict;
use warnings;
use Fcntl;

use Clock;

my $PIECE  = 65_536;    # bytes of a message that are held before they are written
my $HEADER = 65_536;    # bytes of its beginning that a report can have

sub new {
    my ($class, $folder) = @_;
    chdir $folder or die "relaykit: $folder: $!\n";
    for my $part ('new', 'tmp') {
        -d $part or mkdir $part or -d $part or die "relaykit: $folder/$part: $!\n";
    }
    my $self = bless { number => 0, followers => [] }, $class;
    # Halves of a process that died: who sent them has got no answer, and sends again.
    unlink map { "tmp/$_" } names('tmp');
    # Where the clock was put back, names go on from the last one.
    my ($last) = sort { $b cmp $a } grep { /\A\d{10}\.\d{9}/ } names('new');
    Clock::not_before($1, $2) if defined $last && $last =~ /\A(\d+)\.(\d{9})/;
    return $self;
}

sub names {
    my ($part) = @_;
    opendir my $folder, $part or die "relaykit: /var/mail/inbox/$part: $!\n";
    return grep { !/\A\./ } readdir $folder;
}

# Calls $code with the name of each message from now on, once it is there.
sub follow {
    my ($self, $code) = @_;
    push @{ $self->{followers} }, $code;
    return;
}

# Begins a message.
sub begin {
    my ($self, $sender, $recipients) = @_;
    my $head = "relaykit-inbox: 1\nreceived: ";
    my $time = length $head;
    $head .= '0000000000.000000000' . "\nfrom: <$sender>\n";
    $head .= join '', map { "to: <$_>\n" } @$recipients;
    return { text => "$head\n", time => $time, begins => 1 + length $head, header => '' };
}

# A piece of it; undef, or why it cannot be kept.
sub add {
    my ($self, $message, $piece) = @_;
    $message->{text} .= $piece;
    if (length $message->{header} < $HEADER) {
        $message->{header} .= substr $piece, 0, $HEADER - length $message->{header};
    }
    return if length $message->{text} < $PIECE;
    return $self->put($message);
}

# All of it is there: its name, or undef and why it cannot be kept.
sub keep {
    my ($self, $message) = @_;
    my $received = Clock::stamp();
    if (!defined $message->{file}) {
        substr $message->{text}, $message->{time}, length $received, $received;
    }
    my $written = defined $message->{file};
    my $why = $self->put($message);
    if (!defined $why && $written) {
        $why = $! if !sysseek $message->{file}, $message->{time}, 0;
        $why //= write_all($message->{file}, $received);
    }
    if (!defined $why && !close delete $message->{file}) {
        $why = $!;
    }
    my $name = "$received.eml";
    if (!defined $why && !rename $message->{tmp}, "new/$name") {
        $why = $!;
    }
    if (defined $why) {
        $self->drop($message);
        return (undef, $why);
    }
    $_->($name) for @{ $self->{followers} };
    return $name;
}

# Nothing comes of it.
sub drop {
    my ($self, $message) = @_;
    close delete $message->{file} if defined $message->{file};
    unlink delete $message->{tmp} if defined $message->{tmp};
    $message->{text} = '';
    return;
}

sub put {
    my ($self, $message) = @_;
    if (!defined $message->{file}) {
        my $tmp = 'tmp/' . $self->{number}++;
        sysopen my $file, $tmp, O_WRONLY | O_CREAT | O_TRUNC, 0600 or return $!;
        @$message{ 'file', 'tmp' } = ($file, $tmp);
    }
    my $why = write_all($message->{file}, $message->{text});
    $message->{text} = '';
    return $why;
}

sub write_all {
    my ($file, $text) = @_;
    my $from = 0;
    while ($from < length $text) {
        my $wrote = syswrite $file, $text, length($text) - $from, $from;
        return $! if !defined $wrote;
        $from += $wrote;
    }
    return;
}

1;
