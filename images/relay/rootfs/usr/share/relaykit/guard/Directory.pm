# LDAP: finds the entry of a login as saslauthd would, tells which name it goes by, and
# knows of each server whether it answers.
#
# Each server has connections of the guard's and a saslauthd of its own, so that one
# that is silent costs nobody anything after the first who has met it.
package Directory;
use strict;
use warnings;

use Log;
use Loop;
use Saslauthd;
use Search;
use Settings;

my $PATIENCE = 1;      # seconds after which the next server is asked as well
my $SOON     = 0.5;    # seconds within which a server must answer to be asked again
my $STARTING = 10;     # seconds that the first answer is waited for
my $AGAIN    = 1;      # seconds between two looks at a directory of which nothing answers
my $PROBE    = 2;      # seconds between two looks at a server that is away
my $MANY     = 100;    # owners of one address that are read
my $AT_ONCE  = 2;      # seconds within which saslauthd finds out that a connection has ended
my $FRESH    = 5;      # seconds that a name is remembered of one who has logged in
my $KNOWN    = 1_000;  # such names, which bounds memory

# Result codes (RFC 4511 appendix A) after which nobody knows: the server is busy or
# something about the searching account or its limits is wrong. All others are answers.
my %UNJUDGED = map { $_ => 1 } 1, 2, 3, 7, 8, 11, 13, 14, 48, 49, 50, 51, 52, 53, 80;

sub new {
    my ($class, $settings, $folder, $words) = @_;
    my $self = bless {
        names    => [ split ' ', lc $settings->{names} ],
        servers  => [],
        settings => $settings,
        known    => {},
    }, $class;
    for my $path (sort { length $a <=> length $b || $a cmp $b } glob "$folder/saslauthd*.conf") {
        my ($suffix) = $path =~ m{/saslauthd([^/]*)\.conf\z};
        my $server = Settings::read($path);
        push @{ $self->{servers} }, {
            url       => $server->{ldap_servers},
            filter    => $server->{ldap_filter},
            up        => 1,
            people    => Search->new($server, start($server->{ldap_filter}), 2, @{ $self->{names} }),
            saslauthd => Saslauthd->new("$folder/behind$suffix/mux", $words),
            owners    => defined $settings->{owners}
                ? Search->new($server, start($settings->{owners}), $MANY, @{ $self->{names} })
                : undef,
        };
    }
    die "relaykit: the guard finds no settings of saslauthd in $folder\n" if !@{ $self->{servers} };
    Loop::every($PROBE, sub { $self->probe($_) for grep { !$_->{up} } @{ $self->{servers} } });
    $self->begin(Loop::now() + $STARTING);
    return $self;
}

# Looks at the servers until one answers, and says when logins can come. Directory and
# relay may start together; one that is away does not hold up the relay for long.
sub begin {
    my ($self, $latest) = @_;
    my @servers = @{ $self->{servers} };
    my $silent  = grep { !$_->{saslauthd}->listens } @servers;
    if (!$silent && (Loop::now() > $latest || grep { $_->{answered} } @servers)) {
        Log::line('logins are served');
        return;
    }
    $self->probe($_) for grep { !$_->{answered} } @servers;
    Loop::later(0.1, sub { $self->begin($latest) });
    return;
}

# Every filter has its first `=` before its first token.
sub start {
    my ($filter) = @_;
    return $filter =~ /\A([^=]*=)/ ? $1 : $filter;
}

# Who is meant; see Backend.pm.
sub find {
    my ($self, $login, $trusted, $then) = @_;
    my $ahead = $trusted ? $self->ask_ahead($login) : undef;
    my $known = $ahead ? $self->known($login->{typed}, $ahead->{server}) : undef;
    return $self->find_at($login, {}, $then) if !$known;
    await($ahead, sub {
        my ($verdict) = @_;
        return if $login->{over};
        return $then->({ asked => 1, %$known }) if $verdict->{right};
        delete $self->{known}{ $login->{typed} };
        return $self->find_at($login, {}, $then);
    });
    return;
}

# What was found of one who has just logged in with the same words. Programs log in
# again for each message; whether the password is right is asked each time.
sub known {
    my ($self, $typed, $server) = @_;
    my $known = $self->{known}{$typed} or return;
    return $known if Loop::now() - $known->{when} < $FRESH && $known->{server} == $server;
    delete $self->{known}{$typed};
    return;
}

sub remember {
    my ($self, $typed, $found) = @_;
    return if $self->{known}{$typed};    # not anew: it would never be asked for again
    %{ $self->{known} } = () if keys %{ $self->{known} } >= $KNOWN;
    my ($name, $server, $when) = @$found{qw(name server when)};
    $self->{known}{$typed} = { name => $name, server => $server, when => $when, skip => {} };
    return;
}

# Whether the password is asked of this server already.
sub asked {
    my ($login, $server) = @_;
    return $login->{ahead} && $login->{ahead}{server} == $server ? (asked => 1) : ();
}

# Asks the password while the entry is looked for: together they take no longer than
# saslauthd alone. The answer counts only if that server has the entry.
sub ask_ahead {
    my ($self, $login) = @_;
    my ($server) = grep { $_->{up} } @{ $self->{servers} };
    return if !$server;
    my $ahead = $login->{ahead} = { server => $server };
    ask_password($server, $login, 0, sub {
        $ahead->{verdict} = $_[0];
        $ahead->{then}->($_[0]) if $ahead->{then};
    });
    return $ahead;
}

# Calls $then with the answer, as soon as it is there.
sub await {
    my ($ahead, $then) = @_;
    return $then->($ahead->{verdict}) if $ahead->{verdict};
    $ahead->{then} = $then;
    return;
}

sub ask_password {
    my ($server, $login, $suspect, $then) = @_;
    my $needless = sub { $login->{over} };
    return $server->{saslauthd}->ask($login->{typed}, $login->{password}, $suspect, $needless, $then);
}

# The same at the servers that %$skip does not name.
sub find_at {
    my ($self, $login, $skip, $then) = @_;
    my $typed = $login->{typed};
    $self->ask_servers('people', sub { expanded($_[0]{filter}, $typed) }, $skip, sub {
        my ($answer, $server, $why) = @_;
        return $then->({ away => $why }) if !$answer;
        my @entries = @{ $answer->{entries} };
        my @asked   = asked($login, $server);
        if ($UNJUDGED{ $answer->{code} }) {
            return $then->({ away => "the directory says $answer->{words} ($answer->{code})" });
        }
        return $then->({ @asked, nobody => 'the directory has nobody of that name' }) if !@entries;
        return $then->({ @asked, nobody => 'the directory has several of that name' }) if @entries > 1;
        my $name = $self->name($entries[0]);
        if (!defined $name) {
            my $dn = Log::shown($entries[0]{dn});
            return $then->({ away => "@{ $self->{names} } of $dn cannot be read: the account that searches must be allowed to" });
        }
        return $then->({ @asked, name => $name, server => $server, skip => $skip, when => Loop::now() });
    });
    return;
}

# Whether the password is right; see Backend.pm.
sub check {
    my ($self, $login, $found, $suspect, $then) = @_;
    my $server = $found->{server};
    my $judge  = sub {
        my ($verdict) = @_;
        return if $login->{over};
        $self->remember($login->{typed}, $found) if $verdict->{right};
        return $then->($verdict) if $verdict->{right} || defined $verdict->{wrong};
        # What saslauthd could not do may be impossible on new connections only.
        $server->{people}->restart;
        if ($verdict->{no}) {
            $server->{people}->ask(expanded($server->{filter}, $login->{typed}), sub {
                my ($answer) = @_;
                my $same = defined $answer->{code} && $answer->{code} == 0 && @{ $answer->{entries} } == 1;
                return $then->({ wrong => 'wrong password' }) if $same;
                return $self->elsewhere($login, $found, $suspect, $answer->{away} // $answer->{words}, $then);
            });
            return;
        }
        # Each of its processes may hold a connection that ended with a directory that
        # is back by now, and makes a new one after that. It says so at once. Where nobody
        # else is left, one more try costs nothing that is not lost without it.
        my $tries = $found->{tries} // 0;
        my $at_once = $tries < Saslauthd::processes() && Loop::now() - $login->{began} < $AT_ONCE;
        if ($server->{up} && ($at_once || !$tries && !$self->others($found))) {
            return $self->check($login, { %$found, asked => 0, tries => $tries + 1 }, $suspect, $then);
        }
        return $self->elsewhere($login, $found, $suspect, $verdict->{away}, $then);
    };
    my $ahead = delete $login->{ahead};
    return ask_password($server, $login, $suspect, $judge) if !$found->{asked};
    return await($ahead, $judge);
}

# A directory compares no password where there is no name to it, and nor do we; see
# Backend.pm. The moment of the answer does not tell (Refusals.pm).
sub pretend {
    my ($self, $login, $suspect, $then) = @_;
    return $then->(0);
}

# The same at the servers that are left.
sub elsewhere {
    my ($self, $login, $found, $suspect, $why, $then) = @_;
    my %skip = (%{ $found->{skip} }, $found->{server}{url} => 1);
    $self->probe($found->{server});
    return $then->({ away => $why }) if !$self->others($found);
    $self->find_at($login, \%skip, sub {
        my ($other) = @_;
        return if $login->{over};
        return $then->({ away => $why }) if !defined $other->{name};
        return $self->check($login, $other, $suspect, $then);
    });
    return;
}

# How many servers have not been asked yet.
sub others {
    my ($self, $found) = @_;
    return grep { $_ != $found->{server} && !$found->{skip}{ $_->{url} } } @{ $self->{servers} };
}

# Whose an address is; see Backend.pm. Of an address that nobody has, the owners of its
# whole domain (`@domain`) are, as in Postfix's own tables.
sub owners {
    my ($self, $address, $then) = @_;
    my ($domain) = $address =~ /.(@[^@]+)\z/s;
    return $self->owners_of($address, $then) if !defined $domain;
    $self->owners_of($address, sub {
        my ($names, $why) = @_;
        return $then->($names, $why) if !$names || @$names;
        return $self->owners_of($domain, $then);
    });
    return;
}

sub owners_of {
    my ($self, $address, $then) = @_;
    my $filter = $self->{settings}{owners} // return $then->([]);
    $filter =~ s/%a/escaped($address)/ge;
    $self->ask_servers('owners', sub { $filter }, {}, sub {
        my ($answer, undef, $why) = @_;
        return $then->(undef, $why) if !$answer;
        return $then->(undef, "the directory says $answer->{words}") if $UNJUDGED{ $answer->{code} };
        return $then->([ grep { defined } map { $self->name($_) } @{ $answer->{entries} } ]);
    });
    return;
}

# Asks the first server that answers. Where none is known to, all are asked at once.
# Calls $then with the answer and its server, or with nothing, nothing and why.
sub ask_servers {
    my ($self, $kind, $filter, $skip, $then) = @_;
    my @left  = grep { !$skip->{ $_->{url} } } @{ $self->{servers} };
    my @up    = grep { $_->{up} } @left;
    my $order = @up ? [@up] : [@left];
    my $search = { kind => $kind, filter => $filter, order => $order, asked => [], whys => [], then => $then };
    if (@up) {
        return $self->ask_next($search);
    }
    # Somebody has just looked.
    my @fresh = grep { defined $_->{failed} && Loop::now() - $_->{failed} < $AGAIN } @left;
    if (@fresh == @left) {
        return $then->(undef, undef, join '; ', map { "$_->{url}: $_->{why}" } @fresh);
    }
    $self->ask_next($search) while @{ $search->{order} };
    return;
}

sub ask_next {
    my ($self, $search) = @_;
    my $server = shift @{ $search->{order} };
    push @{ $search->{asked} }, $server;
    my $timer = Loop::later($PATIENCE, sub {
        $self->ask_next($search) if !$search->{done} && @{ $search->{order} };
    });
    $server->{ $search->{kind} }->ask($search->{filter}->($server), sub {
        my ($answer) = @_;
        Loop::cancel($timer);
        if (defined $answer->{away}) {
            $self->is_away($server, $answer->{away});
            return if $search->{done};
            push @{ $search->{whys} }, "$server->{url}: $answer->{away}";
            return $self->ask_next($search) if @{ $search->{order} };
            return if @{ $search->{whys} } < @{ $search->{asked} };
            $search->{done} = 1;
            return $search->{then}->(undef, undef, join '; ', @{ $search->{whys} });
        }
        return if $search->{done};
        $search->{done} = 1;
        $self->answers($server) if !$server->{up};
        for my $slow (@{ $search->{asked} }) {
            last if $slow == $server;
            $self->is_away($slow, "no answer in $PATIENCE s") if $slow->{up};
        }
        return $search->{then}->($answer, $server);
    });
    return;
}

# Looks whether a server answers, and soon.
sub probe {
    my ($self, $server) = @_;
    return if $server->{probed};
    $server->{probed} = 1;
    my $began = Loop::now();
    # Nobody's name: finding nobody is an answer.
    $server->{people}->ask(expanded($server->{filter}, 'relaykit-guard'), sub {
        my ($answer) = @_;
        $server->{probed} = 0;
        return $self->is_away($server, $answer->{away}) if defined $answer->{away};
        if (!$server->{answered}++ && !$server->{up}) {
            return $self->answers($server);
        }
        $self->answers($server) if !$server->{up} && Loop::now() - $began < $SOON;
    });
    return;
}

sub is_away {
    my ($self, $server, $why) = @_;
    @$server{qw(why failed)} = ($why, Loop::now());
    return if !$server->{up};
    $server->{up} = 0;
    Log::line("the directory $server->{url} cannot be asked: $why");
    return;
}

sub answers {
    my ($self, $server) = @_;
    $server->{up} = 1;
    Log::line("the directory $server->{url} answers again");
    return;
}

# The one name of an entry: of the first attribute that it has, the value in its
# distinguished name, or else the first in order.
sub name {
    my ($self, $entry) = @_;
    my ($type, $value) = first_rdn($entry->{dn});
    for my $attribute (@{ $self->{names} }) {
        my $name = $type eq $attribute ? $value : (sort @{ $entry->{$attribute} // [] })[0];
        return $name if defined $name && $name ne '' && $name !~ /[\x00-\x1f\x7f]/;
    }
    return;
}

# The first attribute of a distinguished name (RFC 4514) and its value.
sub first_rdn {
    my ($dn) = @_;
    my ($type, $text) = $dn =~ /\A\s*([A-Za-z0-9.-]+)=((?:[^\\,+]|\\.)*)/s or return ('', '');
    $text =~ s/\\([0-9A-Fa-f]{2}|.)/length $1 == 2 ? chr hex $1 : $1/ges;
    return (lc $type, $text);
}

# A filter with saslauthd's tokens replaced (its LDAP_SASLAUTHD document).
sub expanded {
    my ($filter, $typed) = @_;
    my ($user, $domain) = split /@/, $typed, 2;
    my $realm = $typed =~ /.@([^@]+)\z/s ? $1 : '';
    my @labels = reverse split /\./, length($domain // '') ? $domain : $realm;
    my %token = (
        '%' => '%',
        u   => escaped($typed),
        U   => escaped($user // ''),
        d   => escaped($domain // ''),
        r   => escaped($realm),
        R   => $realm eq '' ? '' : '@' . escaped($realm),
        s   => 'smtp',
        map { $_ => escaped($labels[ $_ - 1 ] // '') } 1 .. 9,
    );
    return $filter =~ s/%(.)/$token{$1} \/\/ ''/gser;
}

# RFC 4515 section 3.
sub escaped {
    my ($text) = @_;
    return $text =~ s/([^A-Za-z0-9])/sprintf '\\%02x', ord $1/ger;
}

1;
