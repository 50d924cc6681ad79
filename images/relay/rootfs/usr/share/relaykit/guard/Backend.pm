# Who knows people and their passwords. A backend has four questions:
#
#   find($login, $trusted, $then)
#                           who is meant: { name }, { nobody => why }, { away => why };
#                           with { asked } where the password has been asked for from
#                           the beginning, which is done for $trusted alone
#   check($login, $found, $suspect, $then)
#                           the password: { right }, { wrong => why }, { away => why }
#   pretend($login, $suspect, $then)
#                           as much work as `check` for somebody whom nobody knows; tells
#                           whether a password was compared
#   owners($address, $then) the names of those who may send as an address, or undef
#
# Everything that is LDAP's own is in Directory.pm and Search.pm, and all that is a users
# file's in Accounts.pm. The settings name a backend by the mechanism of saslauthd's that
# serves it.
package Backend;
use strict;
use warnings;

use Accounts;
use Directory;

# Of the kind that the settings name.
sub of {
    my ($settings, $folder, $words) = @_;
    my %kinds = (ldap => 'Directory', pam => 'Accounts');
    my $kind = $kinds{ $settings->{backend} }
        or die "relaykit: the guard knows no backend $settings->{backend}\n";
    return $kind->new($settings, $folder, $words);
}

1;
