//! Tables that a phone shows as lists.

use super::markup::Markup;

/// Rows below their columns' names. The first cell is its row's heading, a cell's
/// lines stand below each other, and a column with nothing in it is left out.
pub(crate) fn table(page: &mut Markup, columns: &[&str], rows: &[Vec<String>]) {
    let filled = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(column));
        column == 0 || cells.any(|cell| !cell.is_empty())
    };
    let shown: Vec<usize> = (0..columns.len())
        .filter(|column| filled(*column))
        .collect();
    page.raw("<div class=\"wide\"><table class=\"stack\"><thead><tr>");
    for column in &shown {
        page.element("th", &[("scope", "col")], columns[*column]);
    }
    page.raw("</tr></thead><tbody>\n");
    for row in rows {
        page.raw("<tr>");
        for column in &shown {
            cell(page, *column, columns[*column], row.get(*column));
        }
        page.close("tr");
    }
    page.raw("</tbody></table></div>\n");
}

fn cell(page: &mut Markup, column: usize, label: &str, text: Option<&String>) {
    let (name, attribute) = match column {
        0 => ("th", ("scope", "row")),
        _ => ("td", ("data-label", label)),
    };
    page.open(name, &[attribute]);
    for (number, line) in text.iter().flat_map(|text| text.lines()).enumerate() {
        if number > 0 {
            page.raw("<br>");
        }
        page.text(line);
    }
    page.close(name);
}
