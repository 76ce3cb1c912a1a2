// The part of the page that grows with the database: a line per table, largest first.
#include <fmt/format.h>

#include <cmath>

#include "cmd/report_page.hpp"
#include "cmd/report_time.hpp"

namespace pghaul::cmd {
namespace {

constexpr std::string_view kNothing = "<td class=\"n dim\" data-v=\"\">–</td>";

/// A number as people read it, with the one to sort by.
void measure(Html& page, double value, const std::string& text) {
    page.markup("<td class=\"n\" data-v=\"").markup(fmt::format("{:.15g}", value)).markup("\">");
    page.text(text).markup("</td>");
}

void measure_if_any(Html& page, bool any, double value, const std::string& text) {
    if (any) {
        measure(page, value, text);
    } else {
        page.markup(kNothing);
    }
}

std::string method_text(const ReportTable& table) {
    auto text = table.chunks == 1 ? std::string("whole")
                                  : fmt::format("{} chunks, {}", table.chunks, table.method);
    text += ", " + table.format;
    return table.freeze ? text + ", freeze" : text;
}

/// The day only where it is another than the one the job began on.
std::string clock_text(const Report& report, Instant when) {
    const bool same_day = format_utc(when, "%F") == format_utc(report.facts.history.begun, "%F");
    return format_utc(when, same_day ? "%H:%M:%S" : "%m-%d %H:%M:%S");
}

void write_when(Html& page, const Report& report, const ReportTable& table) {
    if (!table.begun) {
        page.markup("<td class=\"dim\" data-v=\"\">–</td>");
        return;
    }
    page.markup("<td data-v=\"").markup(iso_text(*table.begun)).markup("\">");
    page.text(clock_text(report, *table.begun) + " – " + clock_text(report, *table.ended));
    page.markup("</td>");
}

void write_proof(Html& page, const ReportTable& table) {
    const char* css_class = is_equal(table.proof)                         ? "ok"
                            : table.proof == snapshot::Proof::differences ? "wrong"
                                                                          : "dim";
    page.element("td", css_class, proof_text(table.proof));
}

void write_indexes(Html& page, const ReportTable& table) {
    const auto text = std::to_string(table.indexes);
    const bool waiting = !table.finished && table.indexes > 0;
    measure(page, static_cast<double>(table.indexes), waiting ? text + " to make" : text);
}

void write_row(Html& page, const Report& report, const ReportTable& table) {
    page.markup("<tr><td>").text(table.name);
    if (table.problems > 0) {
        page.markup(" ").element("span", "wrong",
                                 table.problems == 1 ? std::string("1 problem")
                                                     : fmt::format("{} problems", table.problems));
    }
    page.markup("</td>");
    measure_if_any(page, table.loaded > 0, static_cast<double>(table.rows),
                   human_count(table.rows));
    measure(page, static_cast<double>(table.bytes), human_bytes(static_cast<double>(table.bytes)));
    page.element("td", method_text(table));
    measure(page,
            table.chunks == 0
                ? 0
                : static_cast<double>(table.loaded) / static_cast<double>(table.chunks),
            fmt::format("{}/{}", table.loaded, table.chunks));
    write_when(page, report, table);
    measure_if_any(page, table.begun.has_value(), table.seconds, span_text(table.seconds));
    const auto rate = table.rows_per_second();
    measure_if_any(page, rate.has_value(), rate.value_or(0),
                   human_count(std::llround(rate.value_or(0))));
    write_indexes(page, table);
    write_proof(page, table);
    page.markup("</tr>\n");
}

}  // namespace

void write_tables(Html& page, const Report& report) {
    if (report.tables.empty()) return;
    page.markup("<section>\n<h2>Tables</h2>\n<div class=\"scroll\"><table id=\"tables\">\n");
    page.markup("<thead><tr>");
    page.element("th", "Table").element("th", "n", "Rows").element("th", "n", "Size");
    page.element("th", "How").element("th", "n", "Loaded").element("th", "From – to (UTC)");
    page.element("th", "n", "Took").element("th", "n", "Rows/s").element("th", "n", "Indexes");
    page.element("th", "Proof").markup("</tr></thead>\n<tbody>\n");
    for (const auto& table : report.tables) write_row(page, report, table);
    page.markup("</tbody>\n</table></div>\n");
    page.element("p", "note",
                 "Size: on the source, without indexes. Took: as long as any of the table's chunks "
                 "was being loaded, its reading on the source included, indexes not.");
    page.markup("\n</section>\n");
}

}  // namespace pghaul::cmd
