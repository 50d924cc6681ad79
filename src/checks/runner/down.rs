//! Ports that are down, told once for a whole run.

use super::super::knocking;
use super::super::target::Context;
use super::Run;
use crate::report::{Down, Event, Fact};

impl<F: FnMut(&Event) + Send> Run<'_, F> {
    /// Tells of ports that are down, but for what was told of another lab.
    pub(super) fn tell_down(&mut self, down: Vec<Down>) {
        for down in down {
            if !self.down.contains(&down) {
                self.down.push(down.clone());
                self.tell(Fact::PortDown { down });
            }
        }
    }

    /// Looks again at a port that a check could not talk to: whether it is down from now on.
    pub(super) async fn look_again(&mut self, context: &Context) {
        let target = context.shared_target();
        let Some((listener, why)) = context.lost() else {
            return;
        };
        if target.ports.why(listener).is_some() {
            return;
        }
        let down = if target.is_stranger() {
            // It had answered before, and was given a minute.
            vec![target.ports.give_up(listener, why, Vec::new())]
        } else {
            knocking::find_down(target, |_| knocking::PATIENCE).await
        };
        self.tell_down(down);
    }
}
