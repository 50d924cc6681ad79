//! `outbound.routes`: whose mail takes which way.

use super::Check;
use crate::config::problem::Refusal;
use crate::config::spec::SenderLogin;

const ROUTES: &str = "outbound.routes";

impl Check<'_> {
    pub(super) fn routes(&mut self) {
        if !self.report.sound(&[ROUTES]) {
            return;
        }
        let spec = self.spec;
        let mut seen: Vec<(String, usize)> = Vec::new();
        for (index, route) in spec.outbound.routes.iter().enumerate() {
            match (route.recipients.is_empty(), route.senders.is_empty()) {
                (true, true) => {
                    let why = "neither recipients nor senders: no mail would go this way";
                    let hint = "write recipients: [example.com], or senders: ['@example.com']";
                    self.refuse_route(index, Refusal::new(why).hint(hint));
                }
                (false, false) => {
                    let why = "recipients and senders: a route goes by one of the two";
                    self.refuse_route(index, Refusal::new(why).hint("write two routes"));
                }
                _ => {}
            }
            let (recipients, senders) = (route.recipients.iter(), route.senders.iter());
            let recipients = recipients.map(|of| format!("mail to {}", of.to_lowercase()));
            let senders = senders.map(|of| format!("mail from {}", of.to_lowercase()));
            for whose in recipients.chain(senders) {
                match seen.iter().find(|(other, _)| *other == whose) {
                    Some((_, first)) if *first != index => {
                        let why = format!("{whose} goes the way of {ROUTES}[{first}] already");
                        self.refuse_route(index, Refusal::new(why).hint("take it out of one"));
                    }
                    _ => seen.push((whose, index)),
                }
            }
            let open = spec.relay.sender_login == SenderLogin::Any;
            let trusted = !spec.relay.trusted_networks.is_empty();
            if (open || trusted) && !route.senders.is_empty() && !route.logins.is_empty() {
                let (who, hint) = if open {
                    (
                        "everybody who logs in",
                        "write relay.sender_login: own, if that is not meant",
                    )
                } else {
                    (
                        "each client in relay.trusted_networks",
                        "keep those networks small",
                    )
                };
                let why = format!("{who} may write these senders, and so sends by this login");
                self.warn_route(index, Refusal::new(why).hint(hint));
            }
        }
    }

    fn refuse_route(&mut self, index: usize, why: Refusal) {
        let at = self.root.locate_item(ROUTES, index);
        self.report.refuse(at, &format!("{ROUTES}[{index}]"), why);
    }

    fn warn_route(&mut self, index: usize, why: Refusal) {
        let at = self.root.locate_item(ROUTES, index);
        self.report.warn(at, &format!("{ROUTES}[{index}]"), why);
    }
}
