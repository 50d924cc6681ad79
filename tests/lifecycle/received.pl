# What SpamAssassin's parser reads in the trace headers of the message on standard
# input: one line for each hop, and one with the number that it could not read.
use strict;
use warnings;
use Mail::SpamAssassin;
use Mail::SpamAssassin::PerMsgStatus;

local $/;
my $assassin = Mail::SpamAssassin->new({
    map({ $_ => '/nonexistent' } qw(rules_filename site_rules_filename userprefs_filename)),
    dont_copy_prefs  => 1,
    local_tests_only => 1,
    config_text      => "dns_available no\n",
});
my $mail = $assassin->parse(scalar <STDIN>);
$mail->extract_message_metadata(Mail::SpamAssassin::PerMsgStatus->new($assassin, $mail));
for my $kind (qw(Trusted Untrusted)) {
    my $hops = $mail->get_metadata("X-Spam-Relays-$kind");
    print "$_\n" for grep { /\S/ } split /(?<=\]) ?/, $hops // '';
}
print 'unparseable: ', $mail->{metadata}{num_relays_unparseable} || 0, "\n";
