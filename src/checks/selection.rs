//! Which checks a person's filters mean.

use super::check::Check;

/// The filters name nothing: exit code 11.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no check is selected by {}{}\n  `relaykit test --list` shows all", .filters.join(" "), suggestion(.nearest.as_deref()))]
pub struct NoneSelected {
    /// As they were typed.
    pub filters: Vec<String>,
    /// The registered id or area that is most like one of them.
    pub nearest: Option<String>,
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |id| format!("; did you mean {id}?"))
}

/// The checks of `registry`, in its order, that at least one filter means: an
/// exact id means that check, the name of an area that area, and anything else
/// every check whose id contains it. Without filters: all.
///
/// # Errors
/// A filter that means no check, so that a typing mistake cannot turn a test off.
pub fn select<'a>(
    registry: impl IntoIterator<Item = &'a Check> + Clone,
    filters: &[String],
) -> Result<Vec<&'a Check>, NoneSelected> {
    let all: Vec<&Check> = registry.into_iter().collect();
    if filters.is_empty() {
        return Ok(all);
    }
    let mut chosen = vec![false; all.len()];
    let mut idle = Vec::new();
    for filter in filters {
        let means = meaning(&all, filter);
        let mut any = false;
        for (index, check) in all.iter().enumerate() {
            if means.covers(check, filter) {
                chosen[index] = true;
                any = true;
            }
        }
        if !any {
            idle.push(filter.clone());
        }
    }
    if !idle.is_empty() {
        let nearest = nearest(&all, &idle);
        return Err(NoneSelected {
            filters: idle,
            nearest,
        });
    }
    Ok(all
        .into_iter()
        .zip(chosen)
        .filter_map(|(check, chosen)| chosen.then_some(check))
        .collect())
}

#[derive(Clone, Copy)]
enum Meaning {
    Id,
    Area,
    Part,
}

fn meaning(all: &[&Check], filter: &str) -> Meaning {
    if all.iter().any(|check| check.id == filter) {
        Meaning::Id
    } else if all.iter().any(|check| check.area() == filter) {
        Meaning::Area
    } else {
        Meaning::Part
    }
}

impl Meaning {
    fn covers(self, check: &Check, filter: &str) -> bool {
        match self {
            Self::Id => check.id == filter,
            Self::Area => check.area() == filter,
            Self::Part => check.id.contains(filter),
        }
    }
}

fn nearest(all: &[&Check], idle: &[String]) -> Option<String> {
    let names = all.iter().flat_map(|check| [check.id, check.area()]);
    names
        .flat_map(|name| idle.iter().map(move |filter| (name, filter)))
        .map(|(name, filter)| (strsim::jaro_winkler(name, filter), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.75)
        .map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    fn ids(filters: &[&str]) -> Result<Vec<&'static str>, NoneSelected> {
        let registry: &'static [Check] = Box::leak(Box::new([
            check("auth.plain"),
            check("auth.plain_twice"),
            check("tls.auth_after_tls"),
        ]));
        let filters: Vec<_> = filters.iter().map(|f| (*f).to_owned()).collect();
        Ok(select(registry, &filters)?.iter().map(|c| c.id).collect())
    }

    #[test]
    fn without_filters_all_are_meant() {
        assert_eq!(ids(&[]).unwrap().len(), 3);
    }

    #[test]
    fn an_exact_id_means_one_check() {
        assert_eq!(ids(&["auth.plain"]).unwrap(), ["auth.plain"]);
    }

    #[test]
    fn an_area_does_not_mean_ids_that_contain_its_name() {
        assert_eq!(ids(&["auth"]).unwrap(), ["auth.plain", "auth.plain_twice"]);
    }

    #[test]
    fn several_filters_keep_the_order_of_the_registry_and_count_once() {
        let several = ids(&["tls", "plain", "twice"]).unwrap();
        assert_eq!(
            several,
            ["auth.plain", "auth.plain_twice", "tls.auth_after_tls"]
        );
    }

    #[test]
    fn a_filter_that_means_nothing_is_told_with_the_nearest_name() {
        let error = ids(&["tls", "auth.plian"]).unwrap_err();
        assert_eq!(error.filters, ["auth.plian"]);
        assert_eq!(error.nearest.as_deref(), Some("auth.plain"));
        assert!(error.to_string().contains("did you mean auth.plain?"));
    }
}
