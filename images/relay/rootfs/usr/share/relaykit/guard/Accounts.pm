# A users file: names, hashes, and the addresses that each may send from. PAM compares
# the passwords (pam_pwdfile(8), asked by saslauthd); this tells whose a name and an
# address are. Before each answer the program `accounts` is asked for what the file says
# now.
package Accounts;
use strict;
use warnings;
use Fcntl;
use Socket;

use Log;
use Loop;
use Saslauthd;

my $SOCKET   = '/run/accounts/socket';
my $PATIENCE = 2;      # seconds for `accounts`
my $ABSENT   = 2;      # seconds that it is waited for while it is being started
my $STARTING = 5;      # seconds until it is said what the beginning lacks

# As in `accounts`.
my $NOBODY = 'nobody of that name';

sub new {
    my ($class, $settings, $folder, $words) = @_;
    my $self = bless {
        copy      => "$folder/accounts",
        saslauthd => Saslauthd->new("$folder/behind/mux", $words),
        people    => {},
        owners    => {},
        waiting   => [],
    }, $class;
    $self->begin(Loop::now() + $STARTING);
    return $self;
}

# Says when logins can come.
sub begin {
    my ($self, $latest) = @_;
    $self->now_as_it_is(sub {
        my ($why) = @_;
        if ($self->{saslauthd}->listens && (!defined $why || Loop::now() > $latest)) {
            Log::line("nobody can log in: $why") if defined $why;
            Log::line('logins are served');
            return;
        }
        Loop::later(0.1, sub { $self->begin($latest) });
    });
    return;
}

# Who is meant; see Backend.pm.
sub find {
    my ($self, $login, $trusted, $then) = @_;
    $self->now_as_it_is(sub {
        my ($why) = @_;
        return $then->({ away => $why }) if defined $why;
        my $name = $self->{people}{ key($login->{typed}) };
        return $then->({ nobody => 'the users file has nobody of that name' }) if !defined $name;
        return $then->({ name => $name });
    });
    return;
}

# Whether the password is right; see Backend.pm.
sub check {
    my ($self, $login, $found, $suspect, $then) = @_;
    $self->{saslauthd}->ask($found->{name}, $login->{password}, $suspect, sub { $login->{over} }, sub {
        my ($verdict) = @_;
        return $then->({ away => 'saslauthd does not say why' }) if $verdict->{no};
        return $then->($verdict);
    });
    return;
}

# As much work as for somebody; see Backend.pm.
sub pretend {
    my ($self, $login, $suspect, $then) = @_;
    return $then->(0) if !%{ $self->{people} };
    $self->{saslauthd}->ask($NOBODY, $login->{password}, $suspect, sub { $login->{over} }, sub { $then->(1) });
    return;
}

# Whose an address is; see Backend.pm. Of an address that nobody has, the owners of its
# whole domain (`@domain`) are, as in Postfix's own tables.
sub owners {
    my ($self, $address, $then) = @_;
    $self->now_as_it_is(sub {
        my ($why) = @_;
        return $then->(undef, $why) if defined $why;
        my ($domain) = $address =~ /(@[^@]+)\z/s;
        for my $owned (grep { defined } $address, $domain) {
            my $names = $self->{owners}{ key($owned) } or next;
            return $then->($names);
        }
        return $then->([]);
    });
    return;
}

# Names and addresses are the same in small letters and large ones.
sub key {
    my ($text) = @_;
    return $text =~ tr/A-Z/a-z/r;
}

# Calls $then once what is known is what the file says, or with why it is not. Who asks
# while an answer is on its way is told the next one: that one may be too old for them.
sub now_as_it_is {
    my ($self, $then) = @_;
    push @{ $self->{waiting} }, $then;
    $self->ask_accounts if !$self->{asking};
    return;
}

sub ask_accounts {
    my ($self) = @_;
    $self->{asking} = { began => Loop::now(), heard => '', whom => delete $self->{waiting} };
    $self->{waiting} = [];
    return $self->connect_to($self->{asking});
}

sub connect_to {
    my ($self, $asking) = @_;
    socket(my $handle, PF_UNIX, SOCK_STREAM, 0) or return $self->told($asking, "away no socket: $!");
    if (!connect $handle, sockaddr_un($SOCKET)) {
        return $self->told($asking, 'away the users file: nobody reads it')
            if Loop::now() - $asking->{began} >= $ABSENT;
        Loop::later(0.1, sub { $self->connect_to($asking) });
        return;
    }
    $asking->{handle} = $handle;
    $asking->{timer}  = Loop::later($PATIENCE, sub { $self->told($asking, 'away the users file: no answer') });
    Loop::watch($handle, sub {
        my $read = sysread $handle, $asking->{heard}, 1_024, length $asking->{heard};
        return if !defined $read && $!{EAGAIN};
        return $self->told($asking, $asking->{heard} || 'away the users file: no answer') if !$read;
    });
    return;
}

sub told {
    my ($self, $asking, $answer) = @_;
    return if !$asking->{whom};
    if (my $handle = delete $asking->{handle}) {
        Loop::cancel($asking->{timer});
        Loop::forget($handle);
        close $handle;
    }
    my ($why) = $answer =~ /\Aaway (.*?)\s*\z/s;
    $why //= $self->read_copy if $answer =~ /\Anew/ || !$self->{read};
    $why = Log::shown($why) if defined $why;
    my $whom = delete $asking->{whom};
    delete $self->{asking};
    $_->($why) for @$whom;
    $self->ask_accounts if @{ $self->{waiting} } && !$self->{asking};
    return;
}

# Why it cannot be read, or undef.
sub read_copy {
    my ($self) = @_;
    $self->{read} = 0;
    open my $file, '<', $self->{copy} or return "the users file: $!";
    my (%people, %owners);
    while (my $line = <$file>) {
        chomp $line;
        my ($name, undef, $addresses) = split /:/, $line;
        next if $name eq $NOBODY;
        $people{ key($name) } //= $name;
        push @{ $owners{ key($_) } }, $name for split /,/, $addresses // '';
    }
    @$self{qw(people owners read)} = (\%people, \%owners, 1);
    return;
}

1;
