# A connection to one server of the directory that is kept: an ldapsearch(1) that
# reads one search after another (`-f -`) and ends when the connection does.
#
# It takes the first half of each filter from its command line and the other half
# from a line of its input. Searches are answered in their order.
package Search;
use strict;
use warnings;
use Fcntl;

use Log;
use Loop;

my $LONGEST = 3;    # seconds for an answer, connecting and TLS included
my $CODE    = qr/\((-?\d+)\)/;

# %server: saslauthd's settings for it. $start: what all filters begin with, up to
# the first `=`. @attributes: what to read.
sub new {
    my ($class, $server, $start, $most, @attributes) = @_;
    return bless {
        server  => $server,
        start   => $start,
        command => [ command($server, "$start%s", $most, @attributes) ],
        asked   => [],
    }, $class;
}

# Calls $then with { entries, code, words } as the server has answered, or { away }.
sub ask {
    my ($self, $filter, $then) = @_;
    die "another filter\n" if index($filter, $self->{start}) != 0;
    my $question = { rest => substr($filter, length $self->{start}), then => $then, tries => 0 };
    return $self->put($question);
}

sub put {
    my ($self, $question) = @_;
    if (!$self->{pid} && !$self->run) {
        return $question->{then}->({ away => "ldapsearch cannot be run: $!" });
    }
    $question->{tries}++;
    push @{ $self->{asked} }, $question;
    my $line    = "$question->{rest}\n";
    my $written = syswrite $self->{to}, $line;
    # A full pipe: it has not read for long. To wait for it would hold up everybody.
    return $self->end('it does not keep up') if ($written // 0) != length $line;
    $self->{timer} //= Loop::later($LONGEST, sub { $self->late });
    return;
}

# Begins anew with the next question, on a new connection.
sub restart {
    my ($self) = @_;
    $self->end('begun anew') if $self->{pid};
    return;
}

sub command {
    my ($server, $pattern, $most, @attributes) = @_;
    my @command = (
        'stdbuf', '-oL', 'ldapsearch', '-x', '-c', '-H', $server->{ldap_servers},
        '-b', $server->{ldap_search_base} =~ s/%%/%/gr, '-s', $server->{ldap_scope}, '-z', $most,
        '-o', "nettimeout=$LONGEST", '-o', 'ldif_wrap=no', '-l', $LONGEST,
    );
    push @command, '-ZZ' if $server->{ldap_start_tls} eq 'yes';
    return @command, ['-D'], '-f', '-', $pattern, @attributes;
}

sub run {
    my ($self) = @_;
    my $server = $self->{server};
    pipe(my $in, my $to) && pipe(my $from, my $out) && pipe(my $secret, my $tell) or return 0;
    my $pid = fork // return 0;
    if (!$pid) {
        fcntl $secret, F_SETFD, 0;
        my @bind = $server->{ldap_bind_dn} ? ('-D', $server->{ldap_bind_dn}, '-y', '/dev/fd/' . fileno $secret) : ();
        my @words = map { ref ? @bind : $_ } @{ $self->{command} };
        open STDIN,  '<&', $in;
        open STDOUT, '>&', $out;
        open STDERR, '>&', $out;
        $ENV{LDAPTLS_CACERT}  = $server->{ldap_tls_cacert_file};
        $ENV{LDAPTLS_REQCERT} = $server->{ldap_tls_check_peer} eq 'yes' ? 'demand' : 'never';
        { exec @words };
        POSIX::_exit(127);
    }
    close $_ for $in, $out, $secret;
    syswrite $tell, $server->{ldap_password} // '';
    close $tell;
    fcntl $to, F_SETFD, FD_CLOEXEC;
    fcntl $to, F_SETFL, O_WRONLY | O_NONBLOCK;
    @$self{qw(pid to from unread words entry entries answered)} = ($pid, $to, $from, '', '', undef, [], 0);
    Loop::watch($from, sub { $self->heard });
    return 1;
}

sub heard {
    my ($self) = @_;
    my $read = sysread $self->{from}, $self->{unread}, 65_536, length $self->{unread};
    return if !defined $read && $!{EAGAIN};
    return $self->end($self->{words} || 'the connection has ended') if !$read;
    while ($self->{pid} && $self->{unread} =~ s/\A([^\n]*)\n//) {
        $self->line($1);
    }
    return;
}

sub line {
    my ($self, $line) = @_;
    if ($line eq '') {
        undef $self->{entry};
    } elsif ($line =~ /^#/) {
        return;
    } elsif ($line =~ /^dn:(:?) ?(.*)/) {
        $self->{entry} = { dn => value($1, $2) };
        push @{ $self->{entries} }, $self->{entry};
    } elsif ($self->{entry}) {
        my ($attribute, $coded, $text) = $line =~ /^([^:;]+)[^:]*:(:?) ?(.*)/ or return;
        push @{ $self->{entry}{ lc $attribute } }, value($coded, $text);
    } elsif ($line =~ /^result: (\d+) ?(.*)/) {
        $self->answered($1, $2);
    } elsif ($line =~ /^ldap_search_ext: .*$CODE/ && $1 == -7) {
        $self->answered($1, 'no filter');
    } elsif ($line =~ /^ldap_\w+.*$CODE/) {
        $self->{words} = $line;
        $self->end($line) if $self->{answered};
    } elsif ($self->{words} && $line =~ /^\s+\S/) {
        $self->{words} .= $line =~ s/^\s+/ /r;
    } elsif (!$self->{answered} && $line !~ /^(?:search|ref|text|matchedDN|control): /) {
        $self->{words} = $line;    # of stdbuf or the loader
    }
    return;
}

sub answered {
    my ($self, $code, $words) = @_;
    my $question = shift @{ $self->{asked} };
    my $entries  = $self->{entries};
    $self->{entries}  = [];
    $self->{answered} = 1;
    Loop::cancel(delete $self->{timer});
    $self->{timer} = Loop::later($LONGEST, sub { $self->late }) if @{ $self->{asked} };
    $question->{then}->({ code => $code, words => $words, entries => $entries }) if $question;
    return;
}

sub late {
    my ($self) = @_;
    delete $self->{timer};
    $_->{tries}++ for @{ $self->{asked} };    # waiting twice would be too long
    return $self->end("no answer in $LONGEST s");
}

# The connection is over. A server may end one that is idle: what was asked on an old
# one is asked once more on a new one.
sub end {
    my ($self, $why) = @_;
    my $asked = $self->{asked};
    $self->{asked} = [];
    Loop::cancel(delete $self->{timer});
    Loop::forget($self->{from});
    close $self->{$_} for qw(from to);
    kill KILL => $self->{pid};
    my $old = $self->{answered};
    delete @$self{qw(pid from to)};
    for my $question (@$asked) {
        if ($old && $question->{tries} < 2) {
            $self->put($question);
        } else {
            $question->{then}->({ away => Log::shown($why) });
        }
    }
    return;
}

sub value {
    my ($coded, $text) = @_;
    return $coded ? Logins::decoded($text) // '' : $text;
}

1;
