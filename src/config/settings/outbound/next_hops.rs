//! One next hop, or several in order.

use crate::config::decode::{Decoder, Field};
use crate::config::next_hop::NextHop;
use crate::config::problem::Refusal;
use crate::config::setting::{Kind, Value};
use crate::config::shown::Shown;
use crate::config::syntax;

/// One, or a list in order.
pub(super) struct NextHops<P>(pub(super) fn(&mut P) -> &mut Vec<NextHop>);

impl<P> Value<P> for NextHops<P> {
    fn kind(&self) -> Kind {
        Kind::Several(Box::new(Kind::Text("a next hop")))
    }

    fn read(&self, decoder: &mut Decoder<'_>, field: &Field<'_>, place: &mut P) {
        let items = field.items();
        if field.is_empty_list() || items.len() == 1 && !decoder.adding {
            // Whoever forgets the quotes of '[host]' has written a list of one.
            let why = format!(
                "found a list of {}, expected a next hop or a list of several",
                items.len()
            );
            let hint = "a value that begins with `[` needs quotes, such as '[host]:587'";
            return decoder.refuse(field, Refusal::new(why).hint(hint));
        }
        let mut next_hops = if decoder.adding {
            std::mem::take((self.0)(place))
        } else {
            Vec::new()
        };
        if !field.is_null() && !field.is_list() {
            next_hops.extend(decoder.read(field, syntax::next_hop));
        }
        for item in &items {
            next_hops.extend(decoder.read(item, syntax::next_hop));
        }
        *(self.0)(place) = next_hops;
    }

    fn show(&self, place: &mut P) -> Shown {
        match (self.0)(place).as_slice() {
            [] => Shown::Null,
            [only] => Shown::text(only),
            all => Shown::List(all.iter().map(Shown::text).collect()),
        }
    }
}
