# Lines of the container's log, in the form that Postfix's have.
package Log;
use strict;
use warnings;
use POSIX ();

my $LONGEST = 300;    # bytes of others' text
my $host;
our $program = 'guard';

sub line {
    my ($text) = @_;
    $host //= host();
    my $time = POSIX::strftime('%b %e %H:%M:%S', localtime);
    my $line = "$time $host relaykit/$program\[$$]: $text\n";
    syswrite STDOUT, $line;
    return;
}

# Text of others, fit for a line.
sub shown {
    my ($text) = @_;
    $text = substr($text, 0, $LONGEST) . '...' if length $text > $LONGEST;
    $text =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ge;
    return $text;
}

sub host {
    open my $file, '<', '/proc/sys/kernel/hostname' or return 'relay';
    my $name = <$file> // 'relay';
    chomp $name;
    return $name =~ s{\..*}{}r;
}

1;
