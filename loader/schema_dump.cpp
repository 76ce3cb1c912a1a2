#include "loader/schema_dump.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <future>
#include <string_view>
#include <utility>

#include "io/error.hpp"
#include "io/temp_dir.hpp"
#include "loader/schema_script.hpp"

namespace pghaul::loader {
namespace {

constexpr int kFirstWithJit = 11;
constexpr const char* kPreData = "pre-data";
constexpr const char* kPostData = "post-data";

/// pg_dump's statements look dear to the planner and are not: compiling them takes a tenth of its
/// time with thousands of tables. Options in the connection string win over these, as libpq has it.
std::map<std::string, std::string> without_jit(std::map<std::string, std::string> env) {
    const char* given = std::getenv("PGOPTIONS");
    env["PGOPTIONS"] = std::string("-c jit=off ") + (given == nullptr ? "" : given);
    return env;
}

std::vector<std::string> restore_argv(const DumpTools& tools, const SchemaOptions& options) {
    std::vector<std::string> argv = {tools.pg_restore};
    if (options.no_owner) argv.emplace_back("--no-owner");
    if (options.no_privileges) argv.emplace_back("--no-privileges");
    if (options.no_tablespaces) argv.emplace_back("--no-tablespaces");
    return argv;
}

/// Materialised views and functions are among the post-data only when they need a primary key
/// (GROUP BY it); the former have indexes themselves.
bool belongs_to_indexes(const TocLine& line) {
    static constexpr std::array<std::string_view, 5> kKinds = {
        "INDEX ", "CONSTRAINT ", "MATERIALIZED VIEW ", "FUNCTION ", "PROCEDURE "};
    return std::any_of(kKinds.begin(), kKinds.end(),
                       [&](std::string_view kind) { return line.title.starts_with(kind); });
}

bool is_attach(const TocLine& line) { return line.title.starts_with("TABLE ATTACH "); }

/// "COMMENT public CONSTRAINT key ON tab owner"; names are quoted where they need it.
bool is_comment_on_absent_key(const TocLine& line, const SchemaOptions& options) {
    if (options.absent_foreign_keys == nullptr || !line.title.starts_with("COMMENT ")) return false;
    return std::any_of(
        options.absent_foreign_keys->begin(), options.absent_foreign_keys->end(),
        [&](const snapshot::ForeignKey& key) {
            return line.title.find(" CONSTRAINT " + key.name + " ON ") != line.title.npos ||
                   line.title.find(" CONSTRAINT " + io::quote_ident(key.name) + " ON ") !=
                       line.title.npos;
        });
}

/// Rights count to the section of what stands before them in the archive, but with a list, whose
/// entries it moves behind all others, pg_restore takes the last section for the first right. So
/// the section is chosen here alone.
std::vector<TocLine> list_file(const DumpTools& tools, const std::string& archive_file,
                               const SchemaOptions& options, const std::string& section,
                               const io::Interrupt& interrupt) {
    auto argv = restore_argv(tools, options);
    argv.insert(argv.end(), {"--section=" + section, "--list", archive_file});
    return parse_toc(run_tool(argv, {}, interrupt).out);
}

std::vector<TocLine> list_section(const DumpTools& tools, const std::string& archive,
                                  const SchemaOptions& options, const std::string& section,
                                  const io::Interrupt& interrupt) {
    const io::TempDir files;
    return list_file(tools, files.write("archive", archive), options, section, interrupt);
}

SchemaScript read_script(const DumpTools& tools, const std::string& archive,
                         const SchemaOptions& options, const std::vector<TocLine>& toc, bool clean,
                         const io::Interrupt& interrupt) {
    if (toc.empty()) return {};
    std::string list;
    for (const auto& line : toc) list += line.text + "\n";

    const io::TempDir files;
    auto argv = restore_argv(tools, options);
    if (clean) argv.insert(argv.end(), {"--clean", "--if-exists"});
    const std::string script_file = files.path("script");
    argv.insert(argv.end(), {"--use-list=" + files.write("list", list), "--file=" + script_file,
                             files.write("archive", archive)});
    run_tool(argv, {}, interrupt);
    return parse_script(io::read_file(script_file), toc);
}

std::multiset<std::string> titles_left_out(const std::vector<TocLine>& all,
                                           const std::vector<TocLine>& kept) {
    std::multiset<std::string> titles;
    for (const auto& line : all) titles.insert(line.title);
    for (const auto& line : kept) titles.erase(titles.find(line.title));
    return titles;
}

/// A section and its list, written at the same time.
struct Section {
    std::vector<TocLine> toc;
    SchemaScript script;
};

Section read_section(const DumpTools& tools, const std::string& archive,
                     const SchemaOptions& options, const std::string& section,
                     const io::Interrupt& interrupt) {
    const io::TempDir files;
    const auto archive_file = files.write("archive", archive);
    const auto script_file = files.path("script");
    auto argv = restore_argv(tools, options);
    argv.insert(argv.end(), {"--section=" + section, "--file=" + script_file, archive_file});
    auto writing = std::async(std::launch::async, [&] { run_tool(argv, {}, interrupt); });
    Section read;
    read.toc = list_file(tools, archive_file, options, section, interrupt);
    writing.get();
    read.script = parse_script(io::read_file(script_file), read.toc);
    return read;
}

}  // namespace

std::string dump_schema(const DumpTools& tools, const io::ConnInfo& source,
                        const std::string& snapshot_name, const SchemaOptions& options,
                        const io::Interrupt& interrupt) {
    const ToolLogin login(source, options.job);
    std::vector<std::string> argv = {tools.pg_dump,
                                     "--schema-only",
                                     "--format=custom",
                                     "--encoding=UTF8",
                                     "--no-password",
                                     "--exclude-schema=pghaul",
                                     "--exclude-table=pghaul.*",
                                     "--exclude-table=*.pghaul/*",
                                     "--dbname=" + login.conninfo()};
    if (!snapshot_name.empty()) argv.push_back("--snapshot=" + snapshot_name);
    const auto add = [&](const char* option, const std::vector<std::string>& patterns) {
        for (const auto& pattern : patterns) argv.push_back(option + pattern);
    };
    add("--schema=", options.selection.schemas);
    add("--exclude-schema=", options.selection.exclude_schemas);
    add("--table=", options.selection.tables);
    add("--exclude-table=", options.selection.exclude_tables);
    if (options.source_major < kFirstWithJit) return run_tool(argv, login.env(), interrupt).out;
    try {
        return run_tool(argv, without_jit(login.env()), interrupt).out;
    } catch (const io::Error& error) {
        // A pooler between us and the server takes no options.
        if (std::string_view(error.what()).find("startup parameter") == std::string_view::npos) {
            throw;
        }
        return run_tool(argv, login.env(), interrupt).out;
    }
}

SchemaScript read_pre_data(const DumpTools& tools, const std::string& archive,
                           const SchemaOptions& options, bool clean,
                           const io::Interrupt& interrupt) {
    const auto wanted = [&](std::vector<TocLine> toc) {
        if (options.attach_later) std::erase_if(toc, is_attach);
        return without_built(std::move(toc), {});
    };
    if (clean) {
        const auto toc = wanted(list_section(tools, archive, options, kPreData, interrupt));
        return read_script(tools, archive, options, toc, true, interrupt);
    }
    auto [all, script] = read_section(tools, archive, options, kPreData, interrupt);
    const auto toc = wanted(all);
    if (toc.size() == all.size() || remove_entries(script, titles_left_out(all, toc))) {
        return script;
    }
    // It could not be cut into them, so it is written again without them.
    return read_script(tools, archive, options, toc, false, interrupt);
}

void restore_pre_data(const DumpTools& tools, const std::string& archive,
                      const io::ConnInfo& target, const SchemaOptions& options,
                      const RestoreOptions& restore, const io::Interrupt& interrupt) {
    const auto script = read_pre_data(tools, archive, options, restore.clean, interrupt);
    run_script(script, target, options.job, options.selection.everything(), restore, interrupt);
}

void drop_pre_data(const DumpTools& tools, const std::string& archive, const io::ConnInfo& target,
                   const SchemaOptions& options, const RestoreProgress& made,
                   const io::Interrupt& interrupt) {
    if (made.entries_done == 0) return;
    auto toc = without_built(list_section(tools, archive, options, kPreData, interrupt), {});
    order_as_script(toc);
    const auto done = static_cast<std::size_t>(made.entries_done);
    if (!made.finished && toc.size() > done) toc.resize(done);
    auto script = read_script(tools, archive, options, toc, true, interrupt);
    script.entries.clear();
    run_script(script, target, options.job, options.selection.everything(), {}, interrupt);
}

std::vector<TocLine> list_post_data(const DumpTools& tools, const std::string& archive,
                                    const SchemaOptions& options, const io::Interrupt& interrupt) {
    return list_section(tools, archive, options, kPostData, interrupt);
}

RestOfSchema::RestOfSchema(const DumpTools& tools, const std::string& archive,
                           const SchemaOptions& options, const io::Interrupt& interrupt,
                           std::set<snapshot::Oid> built)
    : tools_(tools),
      archive_(archive),
      options_(options),
      interrupt_(interrupt),
      built_(std::move(built)) {}

void RestOfSchema::know_post_data(std::vector<TocLine> listed) {
    listed_[kPostData] = std::move(listed);
}

void RestOfSchema::restore(RestPart part, const io::ConnInfo& target,
                           const RestoreOptions& restore) {
    const char* section = part == RestPart::attaches ? kPreData : kPostData;
    if (!listed_.contains(section)) {
        listed_[section] = list_section(tools_, archive_, options_, section, interrupt_);
    }
    auto toc = without_built(listed_[section], built_);
    std::erase_if(toc, [&](const TocLine& line) {
        if (part == RestPart::attaches) return !is_attach(line);
        return belongs_to_indexes(line) != (part == RestPart::indexes) ||
               is_comment_on_absent_key(line, options_);
    });
    if (toc.empty()) return;
    const auto script = read_script(tools_, archive_, options_, toc, false, interrupt_);
    run_script(script, target, options_.job, options_.selection.everything(), restore, interrupt_);
}

}  // namespace pghaul::loader
