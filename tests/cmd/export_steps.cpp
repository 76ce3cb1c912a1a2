#include "tests/cmd/export_steps.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace pghaul::test {
namespace {

namespace fs = std::filesystem;

void add(Arguments& argv, const Arguments& more) {
    argv.insert(argv.end(), more.begin(), more.end());
}

}  // namespace

ExportDir::ExportDir() {
    std::string pattern = (fs::temp_directory_path() / "pghaul-export-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    root_ = pattern;
}

ExportDir::~ExportDir() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
}

std::vector<std::string> ExportDir::files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path())) {
        names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::string ExportDir::largest() const {
    std::string name;
    for (const auto& each : files()) {
        if (!each.ends_with(".rows") || each.starts_with("objects")) continue;
        if (name.empty() || fs::file_size(file(each)) > fs::file_size(file(name))) name = each;
    }
    return name;
}

void ExportDir::damage(const std::string& name, std::size_t at) const {
    std::fstream stream(file(name), std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(at));
    const char byte = static_cast<char>(stream.get() ^ 0x20);
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(byte);
}

Arguments export_argv(const Pair& pair, const ExportDir& dir, const Arguments& more) {
    Arguments argv = {PGHAUL_PROGRAM, "export", dir.path(),     "--source", pair.source,
                      "--progress",   "none",   "--chunk-size", "1MB"};
    if (std::find(more.begin(), more.end(), "-j") == more.end()) add(argv, {"-j", "3"});
    add(argv, more);
    return argv;
}

ProcessResult export_to(const ExportDir& dir, const Pair& pair, const Arguments& more,
                        const Environment& env) {
    return run_process(export_argv(pair, dir, more), env);
}

ProcessResult import_from(const ExportDir& dir, const Pair& pair, const Arguments& more,
                          const Environment& env) {
    Arguments argv = {PGHAUL_PROGRAM, "import", dir.path(), "--target", pair.target,
                      "--progress",   "none",   "-j",       "3"};
    add(argv, more);
    return run_process(argv, env);
}

}  // namespace pghaul::test
