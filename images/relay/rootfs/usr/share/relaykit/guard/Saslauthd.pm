# The saslauthd of one server: is this password right? A question is name, password,
# service and realm, each after its length in two bytes, network order; the answer
# one such string that begins with OK or NO (saslauthd/ipc_unix.c of Cyrus SASL 2.1).
#
# NO may mean that the password is wrong or that nobody could be asked. Which of them
# it was saslauthd tells to syslog alone, just before it answers; that is read here.
package Saslauthd;
use strict;
use warnings;
use Fcntl;
use Socket;

use Log;
use Loop;

my $COUNTED   = '/run/saslauthd/processes';    # saslauthd -n, as init has it
my $SUSPECTS  = 2;    # of them for those who have failed before
my $HUNG      = 6;    # seconds; its own LDAP time-outs end before that
my $ABSENT    = 2;    # seconds that one who is being restarted is waited for

my $processes;        # how many of it there are
my $words;            # the socket that syslog of all of them leads to
my $LATE      = 15;   # seconds that words of a question are awaited that was given up
my %asked;            # login as saslauthd writes it => how many questions wait for an answer
my %given_up;         # the same => [when a question was given up, ...]
my %failed;           # the same => [why, ...] of those that wait
my %last;             # process id => what it said last

sub new {
    my ($class, $socket, $from) = @_;
    $processes //= counted();
    if (!$words) {
        $words = $from;
        # Where an answer needs them, they are read before it is given.
        Loop::watch($words, \&listen_to_words, 'last');
    }
    return bless { socket => $socket, waiting => [ [], [] ], under_way => [ 0, 0 ], flying => {} }, $class;
}

# How many logins it judges at once.
sub processes {
    return $processes;
}

sub counted {
    open my $file, '<', $COUNTED or die "relaykit: $COUNTED: $!\n";
    my ($number) = (<$file> // '') =~ /\A(\d+)\n\z/ or die "relaykit: $COUNTED has no number\n";
    return $number;
}

# Whether it has its socket.
sub listens {
    my ($self) = @_;
    return -S $self->{socket};
}

# Calls $then with { right }, { wrong }, { away } or, where it does not say which, { no };
# not at all where $needless is true when its turn comes.
sub ask {
    my ($self, $name, $password, $suspect, $needless, $then) = @_;
    # As libsasl would: the realm beside the name, where there are both.
    my ($user, $realm) = $name =~ /\A(.+)@([^@]+)\z/s ? ($1, $2) : ($name, '');
    my $question = {
        text => pack('(n/a*)4', $user, $password, 'smtp', $realm),
        # With -r the name is whole again, and stands before the realm.
        mark => $realm eq '' ? $name : "$name/$realm",
        kind     => $suspect ? 1 : 0,
        needless => $needless,
        then     => $then,
    };
    push @{ $self->{waiting}[ $question->{kind} ] }, $question;
    return $self->go_on;
}

sub go_on {
    my ($self) = @_;
    for my $kind (0, 1) {
        while (@{ $self->{waiting}[$kind] }) {
            my ($calm, $suspect) = @{ $self->{under_way} };
            last if $calm + $suspect >= $processes || $kind && $suspect >= $SUSPECTS;
            my $question = shift @{ $self->{waiting}[$kind] };
            next if $question->{needless}->();
            $self->{under_way}[$kind]++;
            $self->put($question);
        }
    }
    return;
}

sub put {
    my ($self, $question) = @_;
    $question->{began} = Loop::now();
    $self->{flying}{$question} = $question;
    $asked{ $question->{mark} }++;
    return $self->connect_to($question);
}

sub connect_to {
    my ($self, $question) = @_;
    socket(my $handle, PF_UNIX, SOCK_STREAM, 0) or return $self->done($question, { away => "no socket: $!" });
    if (!connect $handle, sockaddr_un($self->{socket})) {
        if (Loop::now() - $question->{began} >= $ABSENT) {
            return $self->done($question, { away => 'saslauthd does not answer' });
        }
        Loop::later(0.1, sub { $self->connect_to($question) });
        return;
    }
    $question->{handle} = $handle;
    $question->{heard}  = '';
    Loop::watch($handle, sub { $self->heard($question) });
    $question->{timer} = Loop::later($HUNG, sub { $self->hung($question) });
    syswrite $handle, delete $question->{text};
    return;
}

sub heard {
    my ($self, $question) = @_;
    my $read = sysread $question->{handle}, $question->{heard}, 1_024, length $question->{heard};
    return if !defined $read && $!{EAGAIN};
    return $self->done($question, { away => 'saslauthd hung up' }) if !$read;
    return if length $question->{heard} < 2;
    my ($length, $answer) = unpack 'n a*', $question->{heard};
    return if length $answer < $length;
    $self->{answered} = Loop::now();
    return $self->done($question, $answer =~ /^OK/ ? { right => 1 } : $self->reason($question));
}

# It answered nobody for so long: s6-supervise starts another.
sub hung {
    my ($self, $question) = @_;
    if (Loop::now() - ($self->{answered} // 0) >= $HUNG) {
        my $ended = 0;
        for my $path (glob '/proc/[0-9]*/cmdline') {
            open my $file, '<', $path or next;
            my $line = <$file> // next;
            my ($program, @arguments) = split /\0/, $line;
            next if $program ne 'saslauthd' || !grep { "$_/mux" eq $self->{socket} } @arguments;
            $ended += kill KILL => (split m{/}, $path)[2];
        }
        Log::line("saslauthd answered nobody for $HUNG s and is replaced") if $ended;
        return $self->done($question, { away => "saslauthd has not answered in $HUNG s" }) if $ended;
    }
    push @{ $given_up{ $question->{mark} } }, Loop::now();
    %given_up = () if keys %given_up > 1_000;    # of those that came right in the end
    return $self->done($question, { away => "saslauthd has not answered in $HUNG s" });
}

sub done {
    my ($self, $question, $verdict) = @_;
    return if !delete $self->{flying}{$question};
    if (!--$asked{ $question->{mark} }) {
        delete $asked{ $question->{mark} };
        delete $failed{ $question->{mark} };
    }
    Loop::cancel($question->{timer});
    if (my $handle = delete $question->{handle}) {
        Loop::forget($handle);
        close $handle;
    }
    $self->{under_way}[ $question->{kind} ]--;
    $question->{then}->($verdict);
    return $self->go_on;
}

# Why it said NO. Where several of one name are asked at once, their reasons cannot be
# told apart: then the password is wrong only if all say so.
sub reason {
    my ($self, $question) = @_;
    listen_to_words();
    my $reasons = $failed{ $question->{mark} } or return { no => 1 };
    my @away    = grep { $_->{away} } @$reasons;
    my $own     = shift @$reasons;
    delete $failed{ $question->{mark} } if !@$reasons;
    return $away[0] // $own // { no => 1 };
}

sub listen_to_words {
    while (defined recv $words, my $text, 8_192, 0) {
        # What it is busy with, four times a login.
        next if $text =~ /\]: \w+ +: / && index($text, 'failed') < 0;
        # <priority>Mon dd hh:mm:ss saslauthd[process]: text
        my ($process, $said) = $text =~ /\A(?:<\d+>)?\w+ +\d+ [\d:]+ \w+\[(\d+)\]: (.*)/s or next;
        $said =~ s/[\0\n]+\z//;
        heard_words($process, $said);
    }
    return;
}

# Keeps a reason for the question that it is of: none that was given up, whose words
# come late, and would tell of an outage that is over.
sub hold {
    my ($mark, $reason) = @_;
    my $late = $given_up{$mark} // [];
    shift @$late while @$late && Loop::now() - $late->[0] > $LATE;
    my $is_late = shift @$late;
    delete $given_up{$mark} if !@$late;
    push @{ $failed{$mark} }, $reason if !defined $is_late && $asked{$mark};
    return;
}

sub heard_words {
    my ($process, $said) = @_;
    if ($said =~ /\AAuthentication failed for (.*): ([^:]+) \((-?\d+)\)\z/s) {
        my ($mark, $why, $code) = ($1, $2, $3);
        my ($words, $result) = @{ delete $last{$process} // [] };
        my $reason;
        if ($code == -7 || $code == -4) {
            $reason = { wrong => $code == -7 ? 'wrong password' : 'not in the group' };
        } elsif (defined $result && $result > 0 && !grep { $result == $_ } 3, 51, 52) {
            $reason = { wrong => "the directory says $words" };    # an answer, whatever its code
        } else {
            $reason = { away => 'saslauthd could not ask: ' . Log::shown($words // $why) };
        }
        hold($mark, $reason);
    } elsif ($said =~ /\A *: auth failure: \[user=(.*)\] \[service=smtp\] \[realm=([^]]*)\] \[mech=pam\]/s) {
        # What PAM said to it came before (pam_strerror(3)).
        my $mark = $2 eq '' ? $1 : "$1/$2";
        my ($words) = @{ delete $last{$process} // [] };
        my %wrong = ('Authentication failure' => 'wrong password',
            'User not known to the underlying authentication module' => 'nobody of that name',
            # What a stack of the operator's own may say (pam_acct_mgmt(3)).
            'Permission denied'        => 'PAM denies it',
            'User account has expired' => 'PAM says that the account has expired');
        my $wrong = $wrong{ $words // '' };
        hold($mark, defined $wrong ? { wrong => $wrong } : { away => 'PAM says ' . Log::shown($words // 'nothing') });
    } elsif ($said =~ /\Apam_pwdfile\(smtp:auth\): wrong password for user /) {
        return;    # the guard's own line tells
    } elsif ($said =~ /failed:? (?:(-?\d+) \()?(.*?)\)?\.?\z/) {
        $last{$process} = [ $2, $1 ];
        %last = () if keys %last > 1_000;
    } elsif ($said !~ /\A(?: *:|:|\w+ *:|Retrying authentication|Entry not found|Duplicate entries)/) {
        Log::line('saslauthd says: ' . Log::shown($said));
    }
    return;
}

1;
