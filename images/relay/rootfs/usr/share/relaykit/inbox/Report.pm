# Reports of success (RFC 3461 NOTIFY=SUCCESS), which the last hop of a message owes: in
# the form of RFC 3464, kept in the inbox as all mail, since the sink is everybody's host.
package Report;
use strict;
use warnings;
use POSIX ();

use Clock;
use Log;

my $TITLE = 'Successful Mail Delivery Report';

# Keeps a report for those recipients of an envelope that want one.
sub store {
    my ($store, $envelope, $header) = @_;
    my @wanted = grep { $_->{wants} } @{ $envelope->{recipients} };
    my $sender = $envelope->{sender};
    return if !@wanted || $sender eq '';
    my $message = $store->begin('', [$sender]);
    my $why = $store->add($message, text($envelope, $sender, \@wanted, $header));
    (undef, $why) = $store->keep($message) if !defined $why;
    Log::line("a report cannot be kept: $why") if defined $why;
    return;
}

sub text {
    my ($envelope, $sender, $wanted, $header) = @_;
    my $date = POSIX::strftime('%a, %d %b %Y %H:%M:%S +0000', gmtime);
    my $id   = Clock::stamp();
    my ($fields) = $header =~ /\A(.*?\r\n)(?:\r\n|\z)/s;
    $fields //= '';
    my @status = ('Reporting-MTA: dns; sink');
    push @status, 'Original-Envelope-Id: ' . xtext($envelope->{envelope_id}) if defined $envelope->{envelope_id};
    push @status, "Arrival-Date: $date";
    for my $recipient (@$wanted) {
        my ($kind, $original) = ($recipient->{original} // '') =~ /\A([^;]*);(.*)\z/s;
        push @status, '', "Final-Recipient: rfc822; $recipient->{address}";
        push @status, "Original-Recipient: $kind;" . xtext($original) if defined $original;
        push @status, 'Action: delivered', 'Status: 2.0.0';
    }
    my $boundary = "report-$id";
    my @names    = map { "<$_->{address}>: delivered" } @$wanted;
    my $utf8     = join('', @status) =~ /[^\x00-\x7f]/;
    my $kind     = $utf8 ? 'message/global-delivery-status' : 'message/delivery-status';
    my @lines    = (
        'Received: by sink (Postfix)',
        "\tfor <$sender>; $date",
        "Date: $date",
        'From: MAILER-DAEMON@sink (Mail Delivery System)',
        "Subject: $TITLE",
        "To: $sender",
        'Auto-Submitted: auto-replied',
        'MIME-Version: 1.0',
        "Message-ID: <$id\@sink>",
        'Content-Type: multipart/report; report-type=delivery-status;',
        "\tboundary=\"$boundary\"",
        'Content-Transfer-Encoding: 8bit',
        '',
        "--$boundary",
        'Content-Type: text/plain; charset=utf-8',
        '',
        'The sink of this lab has kept your message for:',
        '',
        @names,
        '',
        "--$boundary",
        "Content-Type: $kind",
        '',
        @status,
        '',
        "--$boundary",
        $header =~ /[^\x00-\x7f]/ ? 'Content-Type: message/global-headers' : 'Content-Type: text/rfc822-headers',
        '',
    );
    return join('', map { "$_\r\n" } @lines) . "$fields\r\n--$boundary--\r\n";
}

# RFC 3461 section 4. What would end the line, or drive a terminal, does not come out.
sub xtext {
    my ($text) = @_;
    $text =~ s/\+([0-9A-F]{2})/chr hex $1/ge;
    $text =~ s/[\x00-\x1f\x7f]/?/g;
    return $text;
}

1;
