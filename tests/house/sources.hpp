// The repository's own sources, for tests that read them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace pghaul::test {

inline const std::vector<std::string>& program_folders() {
    static const std::vector<std::string> folders = {"io", "snapshot", "loader", "delta", "cmd"};
    return folders;
}

struct SourceFile {
    std::string path;  // from the repository's root
    std::string folder;
    std::string text;
};

inline std::string read_source(const std::string& path) {
    std::ifstream file(std::filesystem::path(PGHAUL_SOURCE_DIR) / path);
    if (!file) throw std::runtime_error("cannot read " + path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Files below a folder whose names end so, sorted. A folder that isn't there has none.
inline std::vector<SourceFile> sources_below(const std::string& folder,
                                             const std::vector<std::string>& endings) {
    namespace fs = std::filesystem;
    std::vector<SourceFile> files;
    const fs::path root = PGHAUL_SOURCE_DIR;
    if (!fs::exists(root / folder)) return files;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
        const auto name = entry.path().filename().string();
        const bool wanted = std::any_of(endings.begin(), endings.end(),
                                        [&](const auto& ending) { return name.ends_with(ending); });
        if (!entry.is_regular_file() || !wanted) continue;
        const auto path = fs::relative(entry.path(), root).string();
        files.push_back({path, folder, read_source(path)});
    }
    std::sort(files.begin(), files.end(),
              [](const auto& a, const auto& b) { return a.path < b.path; });
    return files;
}

/// All headers and sources of the program itself.
inline std::vector<SourceFile> program_sources() {
    std::vector<SourceFile> all;
    for (const auto& folder : program_folders()) {
        const auto files = sources_below(folder, {".hpp", ".cpp"});
        all.insert(all.end(), files.begin(), files.end());
    }
    return all;
}

}  // namespace pghaul::test
