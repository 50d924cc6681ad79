# What smtpd asks: logins, in the protocol that Postfix has for servers of its own
# (smtpd_sasl_type = dovecot, see SASL_README). A line is a command and its fields,
# with tabs between; https://doc.dovecot.org/ calls it the authentication protocol.
#
# smtpd waits ten seconds for an answer. To hang up is the answer that it turns into
# 454; there is no other.
package Logins;
use strict;
use warnings;

use Connection;
use Log;
use Loop;
use Refusals;

my $LONGEST_LINE     = 16_384;    # bytes; smtpd_sasl_response_limit is 12288
my $LONGEST_NAME     = 255;       # bytes; saslauthd's buffers hold 256
my $LONGEST_PASSWORD = 127;       # bytes; LAK_BUF_LEN of saslauthd/lak.h, less its NUL
my $PATIENCE         = 9;         # seconds until a login is put off, before smtpd gives up
my $HOLD             = 3;         # seconds that one is held that is braked

my $NAME     = 'VXNlcm5hbWU6';    # "Username:", as LOGIN asks
my $PASSWORD = 'UGFzc3dvcmQ6';    # "Password:"

sub serve {
    my ($listener, $settings, $backend, $brake) = @_;
    my @mechanisms = map { uc } split ' ', $settings->{mechanisms};
    my $greeting   = "VERSION\t1\t2\n"
        . join('', map { "MECH\t$_\tplaintext\n" } @mechanisms)
        . "SPID\t$$\nCUID\t1\nCOOKIE\t00000000000000000000000000000000\nDONE\n";
    my $judges = { backend => $backend, brake => $brake, mechanisms => { map { $_ => 1 } @mechanisms } };
    Connection::serve($listener, \&heard, \&over, sub {
        my ($connection) = @_;
        $connection->{judges} = $judges;
        $connection->answer($greeting);
    });
    return;
}

sub heard {
    my ($connection) = @_;
    while ($connection->{handle} && $connection->{unread} =~ s/\A([^\n]*)\n//) {
        command($connection, split /\t/, $1, -1);
    }
    $connection->hang_up if length $connection->{unread} > $LONGEST_LINE;
    return;
}

# smtpd has hung up, or has been hung up on.
sub over {
    my ($connection) = @_;
    my $login = delete $connection->{login};
    end($login) if $login;
    return;
}

sub command {
    my ($connection, $verb, @fields) = @_;
    if ($verb eq 'AUTH') {
        begin($connection, @fields);
    } elsif ($verb eq 'CONT') {
        my $login = $connection->{login};
        return if !$login || $login->{id} ne ($fields[0] // '');
        respond($login, $fields[1] // '');
    }
    return;    # VERSION and CPID, and what a newer Postfix may say
}

# A new exchange; one that was not ended has been cancelled by the client.
sub begin {
    my ($connection, $id, $mechanism, @fields) = @_;
    my %field = map { /^([a-z]+)(?:=(.*))?$/s ? ($1, $2 // '') : () } @fields;
    my $login = {
        connection => $connection,
        id         => $id,
        mechanism  => uc($mechanism // ''),
        from       => $field{rip} // '',
        under_tls  => exists $field{secured},
    };
    end($connection->{login}) if $connection->{login};
    $connection->{login} = $login;
    if (!$connection->{judges}{mechanisms}{ $login->{mechanism} }) {
        return refuse_at_once($login);
    }
    return respond($login, $field{resp}) if exists $field{resp};
    return ask_client($login, $login->{mechanism} eq 'PLAIN' ? '' : $NAME);
}

sub respond {
    my ($login, $response) = @_;
    my $text = decoded($response);
    return refuse_at_once($login) if !defined $text;
    if ($login->{mechanism} eq 'PLAIN') {
        # RFC 4616 section 2: to act as, name, password.
        my @parts = split /\0/, $text, -1;
        return refuse_at_once($login) if @parts != 3;
        my ($as, $name, $password) = @parts;
        @$login{qw(typed password)} = ($name, $password);
        $login->{flaw} = 'acting for another is not offered' if $as ne '' && $as ne $name;
        return judge($login);
    }
    if (!defined $login->{typed}) {
        $login->{typed} = $text;
        return ask_client($login, $PASSWORD);
    }
    $login->{password} = $text;
    return judge($login);
}

sub ask_client {
    my ($login, $question) = @_;
    return $login->{connection}->answer("CONT\t$login->{id}\t$question\n");
}

# Name and password are there.
sub judge {
    my ($login) = @_;
    my ($backend, $brake) = @{ $login->{connection}{judges} }{qw(backend brake)};
    $login->{began}  = Loop::now();
    $login->{latest} = $login->{began} + $PATIENCE;
    $login->{late}   = Loop::later($PATIENCE, sub { put_off($login, 'nobody could say in time who it is') });
    my $flaw = flaw($login);
    return refuse($login, $flaw) if defined $flaw;
    $brake->enter($login, sub {
        my ($held) = @_;
        return if $login->{over};
        return held($login, $held) if defined $held;
        $login->{began} = Loop::now();
        $backend->find($login, !$brake->suspects($login), sub { found($login, @_) });
    });
    return;
}

sub found {
    my ($login, $found) = @_;
    my $brake = $login->{connection}{judges}{brake};
    return if $login->{over};
    return put_off($login, $found->{away}) if defined $found->{away};
    # Nobody's name is braked as anybody's, or the brake would tell.
    $login->{person} = $found->{name};
    my $wait = $brake->delay($login);
    return decide($login, $found) if !$wait;
    Loop::later($wait, sub { decide($login, $found) });
    return;
}

sub decide {
    my ($login, $found) = @_;
    my ($backend, $brake) = @{ $login->{connection}{judges} }{qw(backend brake)};
    return if $login->{over};
    $login->{began} = Loop::now() if !$found->{asked};
    if (!defined $found->{name}) {
        $backend->pretend($login, $brake->suspects($login), sub {
            my ($tried) = @_;
            return if $login->{over};
            Refusals::took(Loop::now() - $login->{began}) if $tried;
            $brake->leave($login, 'failed');
            return refuse($login, $found->{nobody}, $tried);
        });
        return;
    }
    $backend->check($login, $found, $brake->suspects($login), sub {
        my ($verdict) = @_;
        return if $login->{over};
        return put_off($login, $verdict->{away}) if defined $verdict->{away};
        Refusals::took(Loop::now() - $login->{began});
        if ($verdict->{right}) {
            $brake->leave($login, 'succeeded');
            return accept_login($login, $found->{name});
        }
        $brake->leave($login, 'failed');
        return refuse($login, $verdict->{wrong}, 1);
    });
    return;
}

# Why nobody is asked at all.
sub flaw {
    my ($login) = @_;
    my ($name, $password) = @$login{qw(typed password)};
    return $login->{flaw} if defined $login->{flaw};
    return 'it came in clear' if !$login->{under_tls};
    return 'no name' if $name eq '';
    return 'no password' if $password eq '';
    return "a name over $LONGEST_NAME bytes" if length $name > $LONGEST_NAME;
    return 'a control character in the name' if $name =~ /[\x00-\x1f\x7f]/;
    return 'a name that is not UTF-8' if !utf8::decode(my $copy = $name);
    return "a password over $LONGEST_PASSWORD bytes" if length $password > $LONGEST_PASSWORD;
    return 'a NUL in the password' if $password =~ /\0/;
    return;
}

sub accept_login {
    my ($login, $name) = @_;
    return finish($login, "OK\t$login->{id}\tuser=$name\n");
}

# Wrong, at the moment that tells nothing; $tried: the password was compared.
sub refuse {
    my ($login, $why, $tried) = @_;
    said($login, "is refused: $why");
    delete $login->{password};
    Loop::cancel($login->{late});
    $login->{late} = Loop::later(patience($login, $tried), sub { fail($login) });
    return;
}

# Seconds until the answer, which smtpd must still be waiting for.
sub patience {
    my ($login, $tried) = @_;
    my $wait = Refusals::wait($login->{began}, $tried);
    my $left = $login->{latest} - Loop::now();
    return $wait < $left ? $wait : $left < 0 ? 0 : $left;
}

# An exchange that nobody is guessed by.
sub refuse_at_once {
    my ($login) = @_;
    return fail($login);
}

sub fail {
    my ($login) = @_;
    my $name = $login->{person} // $login->{typed} // '';
    # Postfix's own line has the name, in the client's words where there is no other.
    $name =~ s/[\x00-\x1f\x7f]/?/g;
    return finish($login, "FAIL\t$login->{id}" . ($name eq '' ? '' : "\tuser=$name") . "\n");
}

# Temporary: Postfix says 454.
sub put_off {
    my ($login, $why) = @_;
    return if $login->{over};
    said($login, "is put off: $why");
    return give_up($login);
}

# Braked: after a while, so that to try again fast is of no use.
sub held {
    my ($login, $why) = @_;
    said($login, "is put off: $why") if $why ne '';
    delete $login->{password};
    Loop::cancel($login->{late});
    $login->{late} = Loop::later($HOLD, sub { give_up($login) });
    return;
}

sub give_up {
    my ($login) = @_;
    my $connection = $login->{connection};
    finish($login, '');
    return $connection->hang_up;
}

sub finish {
    my ($login, $text) = @_;
    my $connection = $login->{connection};
    return if !end($login);
    delete $connection->{login} if ($connection->{login} // 0) == $login;
    return $connection->answer($text);
}

sub said {
    my ($login, $what) = @_;
    my $typed = $login->{typed} // '';
    my $name  = $login->{person} // $typed;
    my $as    = $name eq $typed ? '' : ' (typed ' . Log::shown("\"$typed\"") . ')';
    Log::line('login of ' . Log::shown("\"$name\"") . "$as from $login->{from} $what");
    return;
}

# Whether this was its end, and not one before.
sub end {
    my ($login) = @_;
    return 0 if $login->{over};
    $login->{over} = 1;
    delete $login->{password};
    Loop::cancel($login->{late});
    $login->{connection}{judges}{brake}->leave($login, 'unjudged');
    return 1;
}

# Base64 (RFC 4648 section 4), nothing else; `=` alone is nothing (RFC 4954 section 4).
sub decoded {
    my ($text) = @_;
    return '' if $text eq '' || $text eq '=';
    return if length($text) % 4 || $text !~ m{\A[A-Za-z0-9+/]+={0,2}\z};
    my $length = 3 * length($text) / 4 - ($text =~ tr/=//);
    $text =~ tr{A-Za-z0-9+/=}{ -_`};
    my $plain = '';
    while ($text =~ /(.{1,60})/gs) {
        $plain .= unpack 'u', chr(32 + 3 * length($1) / 4) . $1;
    }
    return substr $plain, 0, $length;
}

1;
