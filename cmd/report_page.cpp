#include "cmd/report_page.hpp"

#include <fmt/format.h>

#include "cmd/report_style.hpp"
#include "cmd/report_svg.hpp"
#include "cmd/report_time.hpp"
#include "snapshot/phase.hpp"

namespace pghaul::cmd {
namespace {

// More than these few come from tables that were made during the job, one each.
constexpr std::size_t kSnapshotsShown = 20;

std::string bytes_text(std::int64_t bytes) { return human_bytes(static_cast<double>(bytes)); }

std::string counted(std::size_t count, const char* what) {
    return human_count(static_cast<std::int64_t>(count)) + " " + what + (count == 1 ? "" : "s");
}

void entry(Html& page, std::string_view name, std::string_view content) {
    page.element("dt", name).element("dd", content).markup("\n");
}

void write_frame(Html& page, const Report& report) {
    page.markup("<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n")
        .markup("<head>\n<meta charset=\"utf-8\"/>\n")
        .markup("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ")
        .markup("style-src '")
        .markup(kReportStyleHash)
        .markup("'; script-src '")
        .markup(kReportScriptHash)
        .markup("'; base-uri 'none'; form-action 'none'\"/>\n")
        .markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n")
        .markup("<meta name=\"referrer\" content=\"no-referrer\"/>\n<title>pghaul: ")
        .text(report.facts.record.job)
        .markup("</title>\n<style>")
        .markup(kReportStyle)
        .markup("</style>\n</head>\n<body>\n");
}

std::string server_text(const std::string& place, const std::string& version) {
    return version.empty() ? place + ", version not known" : place + ", PostgreSQL " + version;
}

std::string source_note(const Report& report) {
    const auto& source = report.facts.source;
    if (!source.wanted) return "was not asked for this report; what is said of it is the journal's";
    if (!source.asked()) return "could not be asked: " + source.error;
    std::string text = "was asked; ";
    if (!source.error.empty()) return text + "not everything could be seen: " + source.error;
    text += source.capture_schema.empty()
                ? "nothing captures changes there"
                : "changes are captured, in schema " + source.capture_schema;
    return text + (source.fenced ? "; a fence refuses writes" : "; no fence stands");
}

std::string phase_text(const Report& report) {
    const auto& facts = report.facts;
    std::string text(snapshot::name_of(facts.record.phase));
    if (facts.record.cut_over) text += ", cut over";
    if (facts.running) return text + ", running (process " + facts.record.runner + ")";
    return text + ", not running";
}

void write_head(Html& page, const Report& report) {
    const auto& facts = report.facts;
    const auto& history = facts.history;
    page.markup("<header>\n").element("p", "kind", "pghaul: report about a job").markup("\n");
    page.element("h1", facts.record.job).markup("\n");
    page.element("p", std::string("verdict ") + name_of(report.mood), report.verdict);
    page.markup("\n<dl>\n");
    const auto& version =
        facts.source.asked() ? facts.source.version : facts.history.source_version;
    entry(page, "Source", server_text(facts.record.source, version));
    entry(page, "", source_note(report));
    entry(page, "Target", server_text(facts.target, facts.target_version));
    entry(page, "Phase", phase_text(report));
    std::string times = utc_text(history.begun) + " UTC";
    if (history.done) times += ", done " + utc_text(*history.done) + " UTC";
    entry(page, "Begun", times);
    entry(page, "Runs",
          fmt::format("{}, the last by pghaul {}", facts.record.run, facts.record.version));
    entry(page, "Report",
          fmt::format("as of {} UTC, by pghaul {}", utc_text(history.now), facts.program_version));
    page.markup("</dl>\n</header>\n");
}

void tile(Html& page, const std::string& value, std::string_view name) {
    page.markup("<li>").element("b", value).element("span", name).markup("</li>\n");
}

void write_tiles(Html& page, const Report& report) {
    if (report.tables.empty()) return;
    const auto all = report.tables.size();
    const auto& record = report.facts.record;
    page.markup("<ul class=\"tiles\">\n");
    tile(page, fmt::format("{} of {}", report.tables_loaded, all), "tables loaded");
    tile(page, human_count(report.rows), "rows copied");
    tile(page, bytes_text(report.sent_bytes), "sent");
    if (report.copy_seconds > 0) {
        tile(page, human_bytes(report.bytes_per_second()) + "/s",
             "while rows were copied: " + span_text(report.copy_seconds));
    }
    tile(page, fmt::format("{} of {}", report.proofs.equal, all), "tables proved equal");
    if (record.capture)
        tile(page, human_count(record.delta_rows), "changes brought after the copy");
    if (record.cut_over) {
        tile(page, human_count(record.cutover_pause_ms) + " ms", "pause of writers at cutover");
    }
    page.markup("</ul>\n");
}

void write_problems(Html& page, const Report& report) {
    if (report.problems.empty()) return;
    page.markup("<section>\n<h2>Open problems</h2>\n<ul class=\"notes\">\n");
    for (const auto& problem : report.problems) {
        page.markup("<li class=\"problem\">").element("b", problem.subject).markup(": ");
        page.text(problem.message);
        if (!problem.hint.empty()) page.element("span", "hint", "HINT: " + problem.hint);
        page.element("span", "hint", "noted " + utc_text(problem.noted) + " UTC");
        page.markup("</li>\n");
    }
    page.markup("</ul>\n</section>\n");
}

void write_steps(Html& page, const Report& report) {
    const auto figure = steps_svg(report);
    if (figure.empty()) return;
    page.markup("<section>\n<h2>Time line</h2>\n").markup(figure);
    page.element("p", "note",
                 "Times are UTC, by the target's clock. A step that was worked on several times "
                 "stands where it ended, as long as it took in all.");
    page.markup("\n</section>\n");
}

void legend(Html& page, const std::string& css_class, const std::string& name) {
    page.markup(
            "<li><svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\" "
            "aria-hidden=\"true\"><rect class=\"")
        .markup(css_class)
        .markup("\" width=\"1\" height=\"1\"/></svg>")
        .text(name)
        .markup("</li>\n");
}

void write_copy(Html& page, const Report& report) {
    const auto figure = copy_svg(report);
    if (figure.empty()) return;
    page.markup("<section>\n<h2>Copy, stream by stream</h2>\n").markup(figure);
    page.markup("<ul class=\"legend\">\n");
    const auto coloured = coloured_tables(report);
    for (std::size_t i = 0; i < coloured.size(); ++i) {
        legend(page, fmt::format("c{}", i), report.tables[coloured[i]].name);
    }
    if (report.tables.size() > coloured.size()) legend(page, "other", "other tables");
    if (report.objects_loaded > 0) legend(page, "objects", "large objects");
    page.markup("</ul>\n");
    page.element("p", "note",
                 "Bytes per second, and the chunks that each stream loaded. Between them streams "
                 "read back what they loaded and build its indexes.");
    page.markup("\n</section>\n");
}

void write_rest(Html& page, const Report& report) {
    const auto& plan = report.facts.plan;
    entry(page, "Rows copied",
          fmt::format("{} in {} of {} chunks", human_count(report.rows), report.chunks_loaded,
                      report.all_chunks));
    entry(page, "Tables finished",
          fmt::format("{} of {}, with their indexes and keys", report.tables_finished,
                      report.tables.size()));
    if (report.objects > 0) {
        entry(page, "Large objects",
              fmt::format("{} of {}", human_count(report.objects_loaded),
                          human_count(report.objects)));
    }
    entry(page, "Also moved",
          counted(plan.foreign_keys.size(), "foreign key") + ", " +
              counted(plan.sequences.size(), "sequence") + ", " +
              counted(plan.materialized_views.size(), "materialized view"));
    const auto& proofs = report.proofs;
    entry(page, "Proof",
          fmt::format("{} tables equal, {} differ, {} not looked at yet, {} left out by choice",
                      proofs.equal, proofs.differing, proofs.open, proofs.unwanted));
}

void write_changes(Html& page, const Report& report) {
    const auto& facts = report.facts;
    const auto& history = facts.history;
    page.markup("<section>\n<h2>Data, changes, cutover</h2>\n<dl>\n");
    if (!report.tables.empty()) write_rest(page, report);
    if (!facts.record.capture) {
        entry(page, "Changes", "not captured: the target shows the source as of the snapshot");
    } else if (!history.last_window) {
        entry(page, "Changes", "captured on the source; none applied yet");
    } else {
        entry(page, "Changes",
              human_count(facts.record.delta_rows) + " applied, in " +
                  counted(static_cast<std::size_t>(history.windows), "window"));
        auto last = utc_text(*history.last_window) + " UTC";
        if (report.behind_seconds) {
            last += fmt::format(", {} before this report", span_text(*report.behind_seconds));
        }
        entry(page, "Last window", last);
    }
    if (history.cut_over) {
        entry(page, "Cutover",
              fmt::format("{} UTC; writers were paused for {} ms", utc_text(*history.cut_over),
                          human_count(facts.record.cutover_pause_ms)));
    } else if (facts.record.capture) {
        entry(page, "Cutover", "not yet");
    }
    page.markup("</dl>\n</section>\n");
}

void write_snapshots(Html& page, const Report& report) {
    if (report.snapshots.empty()) return;
    page.markup("<section>\n<h2>Snapshots of the source</h2>\n<dl>\n");
    for (std::size_t i = 0; i < report.snapshots.size() && i < kSnapshotsShown; ++i) {
        const auto& one = report.snapshots[i];
        entry(page, fmt::format("{}", one.number),
              "taken " + utc_text(one.taken) + " UTC; " +
                  counted(static_cast<std::size_t>(one.chunks), "chunk") + " came from it");
    }
    page.markup("</dl>\n");
    if (report.snapshots.size() > kSnapshotsShown) {
        page.element("p", "note",
                     fmt::format("and {} more", report.snapshots.size() - kSnapshotsShown));
    }
    page.markup("</section>\n");
}

void write_hazards(Html& page, const Report& report) {
    const auto& hazards = report.facts.history.hazards;
    if (hazards.empty()) return;
    page.markup("<section>\n<h2>Hazards noted when the copy began</h2>\n<ul class=\"notes\">\n");
    for (const auto& hazard : hazards) {
        page.markup("<li class=\"weight-").text(hazard.weight).markup("\">");
        page.element("b", hazard.weight).markup(": ").text(hazard.message);
        page.element("span", "hint", "HINT: " + hazard.fix).markup("</li>\n");
    }
    page.markup("</ul>\n</section>\n");
}

}  // namespace

std::string page_of(const Report& report) {
    Html page;
    write_frame(page, report);
    write_head(page, report);
    page.markup("<main>\n");
    write_tiles(page, report);
    write_problems(page, report);
    write_steps(page, report);
    write_copy(page, report);
    write_changes(page, report);
    write_snapshots(page, report);
    write_hazards(page, report);
    write_tables(page, report);
    page.markup("</main>\n<footer>")
        .element("p", "note",
                 "Made from the job's journal in the target. It holds no rows of the tables.");
    page.markup("</footer>\n<script>")
        .markup(kReportScript)
        .markup("</script>\n</body>\n</html>\n");
    return page.take();
}

}  // namespace pghaul::cmd
