# Who knows people and their passwords. A backend has three questions:
#
#   find($login, $trusted, $then)
#                           who is meant: { name }, { nobody => why }, { away => why };
#                           with { asked } where the password has been asked for from
#                           the beginning, which is done for $trusted alone
#   check($login, $found, $suspect, $then)
#                           the password: { right }, { wrong => why }, { away => why }
#   owners($address, $then) the names of those who may send as an address, or undef
#
# Everything that is LDAP's own is in Directory.pm and Search.pm.
package Backend;
use strict;
use warnings;

use Directory;

# Of the kind that the settings name.
sub of {
    my ($settings, $folder, $words) = @_;
    my %kinds = (ldap => \&Directory::new);
    my $new = $kinds{ $settings->{backend} }
        or die "relaykit: the guard knows no backend $settings->{backend}\n";
    return $new->('Directory', $settings, $folder, $words);
}

1;
