# Files of settings, `key: value` a line, as saslauthd.conf has them.
package Settings;
use strict;
use warnings;

# One value a key.
sub read {
    my ($path) = @_;
    open my $file, '<', $path or die "relaykit: the guard cannot read $path: $!\n";
    my %settings = map { /^(\w+):\s*(.*?)\s*$/ ? ($1, $2) : () } <$file>;
    return \%settings;
}

1;
