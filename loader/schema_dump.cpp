#include "loader/schema_dump.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "io/temp_dir.hpp"
#include "loader/schema_script.hpp"

namespace pghaul::loader {
namespace {

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
std::vector<TocLine> list_section(const DumpTools& tools, const std::string& archive,
                                  const SchemaOptions& options, const std::string& section,
                                  const io::Interrupt& interrupt) {
    const io::TempDir files;
    auto argv = restore_argv(tools, options);
    argv.insert(argv.end(), {"--section=" + section, "--list", files.write("archive", archive)});
    return parse_toc(run_tool(argv, {}, interrupt).out);
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
    return run_tool(argv, login.env(), interrupt).out;
}

SchemaScript read_pre_data(const DumpTools& tools, const std::string& archive,
                           const SchemaOptions& options, bool clean,
                           const io::Interrupt& interrupt) {
    auto toc = list_section(tools, archive, options, "pre-data", interrupt);
    if (options.attach_later) std::erase_if(toc, is_attach);
    toc = without_built(std::move(toc), {});
    return read_script(tools, archive, options, toc, clean, interrupt);
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
    auto toc = without_built(list_section(tools, archive, options, "pre-data", interrupt), {});
    order_as_script(toc);
    const auto done = static_cast<std::size_t>(made.entries_done);
    if (!made.finished && toc.size() > done) toc.resize(done);
    auto script = read_script(tools, archive, options, toc, true, interrupt);
    script.entries.clear();
    run_script(script, target, options.job, options.selection.everything(), {}, interrupt);
}

RestOfSchema::RestOfSchema(const DumpTools& tools, const std::string& archive,
                           const SchemaOptions& options, const io::Interrupt& interrupt,
                           std::set<snapshot::Oid> built)
    : tools_(tools),
      archive_(archive),
      options_(options),
      interrupt_(interrupt),
      built_(std::move(built)) {}

void RestOfSchema::restore(RestPart part, const io::ConnInfo& target,
                           const RestoreOptions& restore) {
    const char* section = part == RestPart::attaches ? "pre-data" : "post-data";
    if (!listed_.contains(section)) {
        listed_[section] = list_section(tools_, archive_, options_, section, interrupt_);
    }
    auto toc = without_built(listed_[section], built_);
    std::erase_if(toc, [&](const TocLine& line) {
        if (part == RestPart::attaches) return !is_attach(line);
        return belongs_to_indexes(line) != (part == RestPart::indexes) ||
               is_comment_on_absent_key(line, options_);
    });
    const auto script = read_script(tools_, archive_, options_, toc, false, interrupt_);
    run_script(script, target, options_.job, options_.selection.everything(), restore, interrupt_);
}

}  // namespace pghaul::loader
