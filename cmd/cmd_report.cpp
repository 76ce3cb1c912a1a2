#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cmd/commands.hpp"
#include "cmd/format.hpp"
#include "cmd/only_job.hpp"
#include "cmd/report_json.hpp"
#include "cmd/report_page.hpp"
#include "cmd/session.hpp"
#include "delta/capture.hpp"
#include "delta/fence.hpp"
#include "io/durable_file.hpp"

namespace pghaul::cmd {
namespace {

using io::Error;

constexpr std::chrono::seconds kAnswer{15};

/// Whatever goes wrong here is said in the report, which needs the target only.
SourceLook look_at_source(const Options& options, const std::string& job,
                          const io::Interrupt& interrupt) {
    SourceLook look;
    look.wanted = !options.source.empty();
    if (!look.wanted) return look;
    try {
        // A run ends leftovers of its job by "pghaul/<job>/"; who only looks stays out of that.
        auto source =
            io::Connection::open(io::ConnInfo::parse(options.source),
                                 {job + "+report", "look", "UTF8", kAnswer, {}}, interrupt);
        source.answer_within(kAnswer);
        look.version = version_text(source.server_version());
        if (const auto site = delta::find_site(source, job)) {
            look.capture_schema = site->schema;
            look.fenced = delta::fence_exists(source, *site);
        }
    } catch (const io::Interrupted&) {
        throw;
    } catch (const Error& error) {
        look.error = error.what();
    }
    return look;
}

Report gather(Options options, const io::Interrupt& interrupt, io::RunProgress& progress) {
    progress.begin_step("read the journal");
    auto journal = open_journal(options, interrupt);
    const auto record = journal.find();
    if (!record) {
        throw Error("there is no job " + options.job + " in " + journal.server_name())
            .hint(
                "check --target and --job; pghaul drop takes the journal away, so make the report "
                "before it");
    }
    ReportFacts facts;
    facts.record = *record;
    facts.plan = journal.read_plan_if_any();
    facts.history = snapshot::read_history(journal.connection(), options.job);
    facts.running = journal.is_running();
    facts.target = io::ConnInfo::parse(options.target).display();
    facts.target_version = version_text(journal.connection().server_version());
    facts.program_version = PGHAUL_VERSION;
    progress.begin_step("ask the source");
    facts.source = look_at_source(options, options.job, interrupt);
    progress.begin_step("write the report");
    return make_report(std::move(facts));
}

/// A link or a device would be replaced by a file.
void check_output(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code unseen;
    const auto kind = fs::symlink_status(path, unseen).type();
    if (kind == fs::file_type::not_found || kind == fs::file_type::regular) return;
    throw Error("--output: " + path + " is there and is not a plain file")
        .exit_code(io::ExitCode::usage)
        .hint("name a file, or leave --output out: the report then goes to standard output");
}

void write(const Options& options, const Report& report) {
    using Replace = nlohmann::json::error_handler_t;
    const auto text = options.json ? json_of(report).dump(2, ' ', false, Replace::replace) + "\n"
                                   : page_of(report);
    if (!options.output.empty()) {
        io::write_durably(options.output, text);
        spdlog::info("report written to {}: {}", options.output, report.verdict);
        return;
    }
    const auto written = std::fwrite(text.data(), 1, text.size(), stdout);
    if (written != text.size() || std::fflush(stdout) != 0) {
        throw Error("cannot write the report to standard output")
            .hint("free space there, or use --output FILE");
    }
}

}  // namespace

io::ExitCode run_report(const Options& options, io::Interrupt& interrupt) {
    if (!options.output.empty()) check_output(options.output);
    io::RunProgress progress;
    // The watch ends what waits for a server; a report can do without the source.
    Options target_only = options;
    target_only.source.clear();
    in_session(target_only, interrupt, progress, options.job, "a report only looks: ask again",
               [&] { write(options, gather(options, interrupt, progress)); });
    return io::ExitCode::done;
}

}  // namespace pghaul::cmd
