# Tells what is in the inbox: the names of all messages, a line each, an empty line, and
# then an answer to each line that it is told. It starts no other program.
#
#   head NAME     `SIZE LENGTH NAME` and so many bytes: the file up to the end of the
#                 message's header; SIZE is that of the whole file
#   whole NAME    the same with the whole file
#
# `- NAME` where there is no such file. With a socket as the second argument it also says
# `+ NAME` of each message that comes.
use strict;
use Socket;

my ($folder, $socket) = @ARGV;
my $LOOK_AGAIN = 0.5;        # seconds, while the sink itself cannot tell of messages
my $HEADER     = 4 << 20;    # bytes of a file in which its header has to end
-d $folder or mkdir $folder;
chdir $folder or die "$folder: $!\n";
$| = 1;
my %known;
my $connection;
print map({ "$_\n" } unknown()), "\n";
converse();

sub unknown {
    opendir my $open, '.' or die "$folder: $!\n";
    return sort grep { /\.eml\z/ && !($socket && $known{$_}++) } readdir $open;
}

sub converse {
    my ($told, $came) = ('', '');
    while (1) {
        follow() if $socket && !$connection;
        my $wanted = '';
        vec($wanted, fileno $_, 1) = 1 for \*STDIN, $connection // ();
        my $wait = $socket && !$connection ? $LOOK_AGAIN : undef;
        select $wanted, undef, undef, $wait;
        if (vec $wanted, fileno STDIN, 1) {
            sysread STDIN, $told, 65_536, length $told or return;
            answer($1, $2) while $told =~ s/\A(\w+) ([^\n]*)\n//;
        }
        next if !$connection || !vec $wanted, fileno $connection, 1;
        if (!sysread $connection, $came, 65_536, length $came) {
            undef $connection;
            $came = '';
            next;
        }
        while ($came =~ s/\A([^\n]*)\n//) {
            print "+ $1\n" if $1 ne '' && !$known{$1}++;
        }
    }
}

# The sink tells of messages from here on; what came before has to be looked for.
sub follow {
    socket(my $new, PF_UNIX, SOCK_STREAM, 0) or die "no socket: $!\n";
    $connection = $new if connect($new, sockaddr_un($socket)) && sysread $new, my $line, 1;
    print map { "+ $_\n" } unknown();
}

sub answer {
    my ($what, $name) = @_;
    my ($text, $own) = ('', -1);
    open my $file, '<', $name or return print "- $name\n";
    # No more than there is: room for it is made first.
    my $piece = $what eq 'whole' ? 1 + -s $file : 4_096;
    while (sysread $file, $text, $piece, length $text) {
        next if $what eq 'whole';
        $own = index $text, "\n\n" if $own < 0;
        my $end = $own < 0 ? -1 : index $text, "\r\n\r\n", $own;
        $text = substr $text, 0, $end + 4 if $end >= 0;
        last if $end >= 0 || length $text > $HEADER;
    }
    print -s $file, ' ', length $text, " $name\n", $text;
}
