//! Tables of many columns in few rows: all pairs. Most faults show where two things meet;
//! a table in which every two values of every two columns meet somewhere finds each of
//! those, with a fraction of the rows of all combinations (NIST SP 800-142).

/// Rows of a table whose columns have so many values each: a row has the number of a value
/// for each column. Every value of a column meets every value of every other one in some
/// row. The same columns give the same rows.
pub(in super::super) fn all_pairs(columns: &[usize]) -> Vec<Vec<usize>> {
    if columns.contains(&0) || columns.is_empty() {
        return Vec::new();
    }
    if let [only] = columns {
        return (0..*only).map(|value| vec![value]).collect();
    }
    let mut open = Open::of(columns);
    let mut rows = Vec::new();
    while let Some((first, second)) = open.next() {
        let mut row: Vec<Option<usize>> = vec![None; columns.len()];
        row[first.0] = Some(first.1);
        row[second.0] = Some(second.1);
        for column in 0..columns.len() {
            if row[column].is_none() {
                // From another value each time, so that those that close nothing take turns.
                let values = (0..columns[column]).map(|at| (at + rows.len()) % columns[column]);
                let best = values.max_by_key(|value| open.closed_by(&row, (column, *value)));
                row[column] = best;
            }
        }
        let row: Vec<usize> = row.into_iter().flatten().collect();
        open.close(&row);
        rows.push(row);
    }
    rows
}

/// A column, and one of its values.
type Cell = (usize, usize);

/// The pairs that no row has yet.
struct Open {
    /// Where a column's values begin, counted through all columns.
    starts: Vec<usize>,
    width: usize,
    left: Vec<bool>,
    /// Every pair before this one is closed.
    next: usize,
}

impl Open {
    fn of(columns: &[usize]) -> Self {
        let mut starts = Vec::new();
        let mut width = 0;
        for column in columns {
            starts.push(width);
            width += column;
        }
        let mut all = Self {
            starts,
            width,
            left: vec![false; width * width],
            next: 0,
        };
        // Those of the largest columns come first: they need the most rows anyway.
        for (first, left) in columns.iter().enumerate() {
            for (second, right) in columns.iter().enumerate().skip(first + 1) {
                for a in 0..*left {
                    for b in 0..*right {
                        let at = all.place((first, a), (second, b));
                        all.left[at] = true;
                    }
                }
            }
        }
        all
    }

    fn place(&self, one: Cell, other: Cell) -> usize {
        let (one, other) = if one.0 < other.0 {
            (one, other)
        } else {
            (other, one)
        };
        (self.starts[one.0] + one.1) * self.width + self.starts[other.0] + other.1
    }

    fn next(&mut self) -> Option<(Cell, Cell)> {
        self.next += self.left[self.next..].iter().position(|open| *open)?;
        let cell = |number: usize| {
            let column = self.starts.partition_point(|start| *start <= number) - 1;
            (column, number - self.starts[column])
        };
        Some((cell(self.next / self.width), cell(self.next % self.width)))
    }

    /// How many open pairs a cell makes with those that a row has already.
    fn closed_by(&self, row: &[Option<usize>], cell: Cell) -> usize {
        let there = row.iter().enumerate();
        let there = there.filter_map(|(column, value)| Some((column, (*value)?)));
        let others = there.filter(|other| other.0 != cell.0);
        others
            .filter(|other| self.left[self.place(*other, cell)])
            .count()
    }

    fn close(&mut self, row: &[usize]) {
        for first in 0..row.len() {
            for second in first + 1..row.len() {
                let at = self.place((first, row[first]), (second, row[second]));
                self.left[at] = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misses(columns: &[usize], rows: &[Vec<usize>]) -> usize {
        let mut missing = 0;
        for first in 0..columns.len() {
            for second in first + 1..columns.len() {
                for a in 0..columns[first] {
                    for b in 0..columns[second] {
                        let meets = |row: &Vec<usize>| row[first] == a && row[second] == b;
                        missing += usize::from(!rows.iter().any(meets));
                    }
                }
            }
        }
        missing
    }

    #[test]
    fn every_two_values_meet_in_few_rows() {
        for (columns, most) in [
            (&[2, 2, 2, 2][..], 6),
            (&[3; 13][..], 24),
            (&[11, 20, 5, 8, 12, 4][..], 260),
            (&[1, 7, 1, 3][..], 21),
            (&[4, 5][..], 20),
        ] {
            let rows = all_pairs(columns);
            assert_eq!(misses(columns, &rows), 0, "{columns:?}");
            assert!(rows.len() <= most, "{columns:?}: {} rows", rows.len());
            let fits = |row: &Vec<usize>| row.iter().zip(columns).all(|(value, of)| value < of);
            assert!(rows.iter().all(fits), "{columns:?}");
            assert_eq!(rows, all_pairs(columns));
        }
    }

    #[test]
    fn a_pair_that_is_left_out_is_missed() {
        let columns = [3, 4, 5];
        let mut rows = all_pairs(&columns);
        rows.pop();
        assert!(misses(&columns, &rows) > 0);
    }

    #[test]
    fn one_column_or_none_is_a_table_too() {
        assert_eq!(all_pairs(&[3]), [[0], [1], [2]]);
        assert!(all_pairs(&[]).is_empty());
        assert!(all_pairs(&[3, 0]).is_empty());
    }
}
