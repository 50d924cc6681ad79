//! How sure the relay is of single next hops.

use super::super::check::{Change, Check, Sabotage};
use super::super::need::Need;
use super::super::probe::appliance;
use super::super::probe::played::{self, PLAYED};
use super::super::probe::rows;
use super::super::target::Context;
use super::super::verdict::{Judged, PASS, require};
use super::{VERIFIED, make_strangers_certificate};
use crate::config::{OutboundLevel, Says};
use crate::render::next_hops::{AWAY, CLEAR, NAMED, RIGHT, twins};
use crate::report::Severity;

pub(in super::super) static CHECKS: &[Check] = &[
    Check {
        id: "outbound.policies_hold",
        title: "Each next hop must be what tls.outbound.policies says of it, and gets mail if it is",
        citation: "row 10; RFC 3207 section 4; RFC 9525 section 6.1; Postfix smtp_tls_policy_maps",
        severity: Severity::Critical,
        about: "For each next hop with a policy the sink plays four servers of the same name and \
                policy: one without STARTTLS, one with another server's certificate, one with a \
                certificate that nobody vouches for, and a right one. Sends mail to each: those \
                that the level is against must get nothing, and the mail must wait with a reason; \
                the right one must get it.",
        repair: "Write the next hop in tls.outbound.policies just as outbound.next_hop has it; by \
                 hand, smtp_tls_policy_maps with the next hop as relayhost spells it, brackets and \
                 port included: Postfix passes over any other spelling without a word.",
        needs: &[
            Need::Login,
            Need::Lab,
            PLAYED,
            Need::Setting("tls.outbound.policies", Says::Something),
        ],
        long: true,
        sabotages: &[Sabotage {
            name: "no next hop has a policy of its own",
            changes: &[Change::Main("smtp_tls_policy_maps", "")],
            sees: "status=sent",
        }],
        ..Check::by(&policies_hold)
    },
    Check {
        id: "outbound.next_hop_is_asked_by_its_name",
        title: "A next hop of several names is told which one the relay wants to see",
        citation: "RFC 6066 section 3; RFC 8446 section 9.2; Postfix smtp_tls_servername",
        severity: Severity::High,
        about: "Sends mail to a next hop that shows its certificate to who asks for it by name in \
                the handshake (SNI), and another server's to the rest, as the large providers do. \
                The message must be delivered: where names are verified, mail to such a server \
                would else wait for ever.",
        repair: "By hand, smtp_tls_servername = hostname, or servername= in smtp_tls_policy_maps.",
        needs: &[Need::Login, Need::Lab, PLAYED, VERIFIED],
        sabotages: &[Sabotage {
            name: "the relay does not say whom it wants",
            changes: &[Change::Main("smtp_tls_servername", "")],
            sees: "Server certificate not verified",
        }],
        ..Check::by(&next_hop_is_asked_by_its_name)
    },
];

async fn policies_hold(context: Context) -> Judged {
    make_strangers_certificate(&context).await?;
    let next_hop = appliance::resolved(&context)?.next_hop;
    let mut cases = Vec::new();
    for hop in next_hop.all_hops() {
        if let (Some(policy), Some(stand_in)) = (&hop.policy, &hop.stand_in) {
            let of_it = twins(&stand_in.host).filter(|(fault, _)| *fault != AWAY);
            cases.extend(of_it.map(|(fault, domain)| (policy.level, fault, domain)));
        }
    }
    rows::each(
        &context,
        cases,
        |(level, _, domain)| format!("{} at {domain}", level.name()),
        |context, (level, fault, domain)| async move {
            let tolerated = match fault {
                RIGHT => true,
                CLEAR => level < OutboundLevel::Encrypt,
                _ => !level.verifies(),
            };
            if !tolerated {
                let why = if fault == CLEAR {
                    "TLS is required, but was not offered"
                } else {
                    "Server certificate not"
                };
                return played::must_wait(&context, &domain, why).await;
            }
            played::fate(&context, &domain).await?.0.must_be("sent")
        },
    )
    .await
}

async fn next_hop_is_asked_by_its_name(context: Context) -> Judged {
    let (fate, ..) = played::fate(&context, NAMED.domain).await?;
    require(fate.status == "sent", "status=sent", || fate.line.clone())?;
    PASS
}
