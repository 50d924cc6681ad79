//! What the relay owes to those whose addresses strangers forge: a recipient of
//! `relay.domains` that the next hop does not take is refused while the stranger is
//! there. Taken and returned later, its mail would go to whomever the stranger named
//! as its sender (backscatter).

use crate::config::Spec;

use super::main_cf::Group;
use super::main_override;
use super::master_cf::Service;
use super::relay_main::networks;

/// Extensions that no listener offers.
pub(super) const NOT_OFFERED: &str = "chunking, etrn, silent-discard";

/// The same, where strangers hand in mail: nobody there is told of a delivery.
const NOT_OFFERED_TO_STRANGERS: &str = "chunking, dsn, etrn, silent-discard";

/// Whether mail is taken from anybody.
pub(super) fn strangers(spec: &Spec) -> bool {
    !spec.relay.domains.is_empty()
}

/// Whether the next hop is asked for its recipients: an operator's own list of them
/// knows better.
fn asks(spec: &Spec) -> bool {
    strangers(spec) && main_override(spec, "relay_recipient_maps").is_none_or(str::is_empty)
}

/// `smtpd_recipient_restrictions` of port 25, where who is `permitted` is not asked
/// about.
pub(super) fn restrictions(spec: &Spec, permitted: &str) -> String {
    if asks(spec) {
        format!("{permitted}, reject_unverified_recipient")
    } else {
        String::new()
    }
}

/// `smtpd_discard_ehlo_keywords` of port 25.
pub(super) fn not_offered(spec: &Spec) -> &'static str {
    if strangers(spec) {
        NOT_OFFERED_TO_STRANGERS
    } else {
        NOT_OFFERED
    }
}

/// main.cf: how recipients are asked for, and what strangers are not offered.
pub(super) fn asked(spec: &Spec) -> Option<Group> {
    if !strangers(spec) {
        return None;
    }
    let mut group = Group::new(
        "Strangers. Mail that the next hop refuses later is returned to a sender whom\n\
         they may have forged. So they ask for no report of a delivery (no DSN on port\n\
         25, but for trusted networks), and a recipient that the next hop does not take\n\
         is refused at RCPT: verify(8) asks there with MAIL FROM:<> and RCPT TO, and\n\
         tells nothing of the client. The first question waits for at most five seconds;\n\
         without an answer, and while the next hop is away, strangers get a 450. A yes\n\
         is asked again after an hour and holds for a month, also while nobody answers.\n\
         A no holds for five minutes: so long are a new mailbox, or one behind\n\
         greylisting, not known. Strangers are not told how the next hop is called.",
    );
    if !spec.relay.trusted_networks.is_empty() {
        group = group.set(
            "smtpd_discard_ehlo_keyword_address_maps",
            trusted_may_ask(spec),
        );
    }
    if asks(spec) {
        group = group
            .set("address_verify_map", "lmdb:${data_directory}/verify_cache")
            .set("address_verify_poll_delay", "1s")
            .set("address_verify_poll_count", "${stress?{1}:{6}}")
            .set("address_verify_positive_refresh_time", "1h")
            .set("address_verify_positive_expire_time", "31d")
            .set("address_verify_negative_refresh_time", "1m")
            .set("address_verify_negative_expire_time", "5m")
            .set("address_verify_cache_cleanup_interval", "1h")
            .set("unverified_recipient_reject_code", "550")
            .set("unverified_recipient_defer_code", "450")
            .set(
                "unverified_recipient_reject_reason",
                "the server behind this relay does not take mail for it",
            );
    }
    Some(group)
}

/// Trusted networks are known senders: they may ask for reports.
fn trusted_may_ask(spec: &Spec) -> String {
    let rows = networks(&spec.relay.trusted_networks)
        .into_iter()
        .map(|network| {
            // cidr_table(5) takes IPv6 networks without brackets.
            let network = network.replace(['[', ']'], "");
            format!("{{ {network} {NOT_OFFERED} }}")
        });
    format!("cidr:{{ {} }}", rows.collect::<Vec<_>>().join(", "))
}

/// master.cf: who asks.
pub(super) fn service(spec: &Spec) -> Option<Service> {
    asks(spec).then(|| {
        Service::unix("verify", ["-", "-", "-", "1"], "verify")
            .why("Asks the next hop whether it takes mail for a recipient, and keeps the answers.")
    })
}
