#include "io/temp_dir.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "io/error.hpp"
#include "io/file_descriptor.hpp"

namespace pghaul::io {

TempDir::TempDir() {
    const char* base = std::getenv("TMPDIR");
    std::string pattern =
        std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/pghaul-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) {
        throw Error("cannot create a folder " + pattern + ": " + std::strerror(errno))
            .hint("point TMPDIR at a folder that can be written");
    }
    dir_ = pattern;
}

TempDir::~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
}

std::string TempDir::write(const std::string& name, std::string_view content) const {
    const std::string target = path(name);
    const FileDescriptor file(
        ::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR));
    std::size_t done = 0;
    while (file && done < content.size()) {
        const auto written = ::write(file.get(), content.data() + done, content.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) break;
        done += static_cast<std::size_t>(written);
    }
    if (!file || done < content.size()) {
        throw Error("cannot write " + target + ": " + std::strerror(errno))
            .hint("free disk space there or point TMPDIR elsewhere");
    }
    return target;
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw Error("cannot read " + path + ": " + std::strerror(errno));
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace pghaul::io
