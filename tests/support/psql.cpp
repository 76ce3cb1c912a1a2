#include "tests/support/psql.hpp"

#include <filesystem>
#include <stdexcept>

#include "tests/support/process.hpp"

namespace pghaul::test {
namespace {

constexpr int kOldestMajor = 10;
constexpr int kNewestMajor = 30;

}  // namespace

std::string client_program(const std::string& name) {
    for (int major = kNewestMajor; major >= kOldestMajor; --major) {
        const std::string path = "/usr/lib/postgresql/" + std::to_string(major) + "/bin/" + name;
        if (std::filesystem::exists(path)) return path;
    }
    throw std::runtime_error("no PostgreSQL client program " + name + " is installed");
}

std::string psql(const std::string& conninfo, std::string_view sql) {
    static const std::string program = client_program("psql");
    ProcessResult result =
        run_process({program, "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-d", conninfo},
                    {{"PGCLIENTENCODING", "UTF8"}}, sql);
    if (!result.ok()) throw std::runtime_error("psql failed: " + result.err);
    if (result.out.ends_with('\n')) result.out.pop_back();
    return result.out;
}

std::string quote_name(std::string_view name) {
    std::string result = "\"";
    for (const char c : name) {
        if (c == '"') result += '"';
        result += c;
    }
    return result + '"';
}

std::string quote_conninfo(std::string_view value) {
    std::string result = "'";
    for (const char c : value) {
        if (c == '\'' || c == '\\') result += '\\';
        result += c;
    }
    return result + "'";
}

}  // namespace pghaul::test
