#include "tests/support/cluster_folder.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <system_error>

namespace pghaul::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolderPrefix = "pghaul-test-";
constexpr const char* kTemplatePrefix = "pghaul-template-";

[[noreturn]] void throw_errno(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

void give_to_server_user(const std::string& path) {
    const auto user = server_user();
    if (user && chown(path.c_str(), user->uid, user->gid) < 0) throw_errno("chown " + path);
}

void run_or_throw(const std::vector<std::string>& argv, const Environment& env,
                  std::optional<OsUser> user) {
    const ProcessResult result = run_process(argv, env, {}, user);
    if (!result.ok()) throw std::runtime_error(argv[0] + " failed: " + result.out + result.err);
}

std::string file_name_for(std::string text) {
    for (char& c : text) {
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.') c = '-';
    }
    return text;
}

}  // namespace

std::optional<OsUser> server_user() {
    if (geteuid() != 0) return std::nullopt;
    for (const char* name : {"postgres", "nobody"}) {
        if (const passwd* entry = getpwnam(name)) return OsUser{entry->pw_uid, entry->pw_gid};
    }
    throw std::runtime_error("root cannot run a server, and there is no user postgres or nobody");
}

LockedFolder make_locked_folder() {
    LockedFolder folder{make_server_folder(fs::temp_directory_path(), kFolderPrefix),
                        FileDescriptor()};
    // Locked before it has its name: the sweeper must not meet it unlocked.
    const std::string unnamed = folder.path + "/owner.new";
    folder.lock = open_for_append(unnamed);
    if (flock(folder.lock.get(), LOCK_EX | LOCK_NB) < 0) throw_errno("flock " + unnamed);
    fs::rename(unnamed, folder.path + "/owner");
    return folder;
}

void remove_stale_folders() {
    static bool done = false;
    if (done) return;
    done = true;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(fs::temp_directory_path(), ignored)) {
        if (!entry.path().filename().string().starts_with(kFolderPrefix)) continue;
        const std::string owner = entry.path().string() + "/owner";
        const FileDescriptor fd(open(owner.c_str(), O_RDWR | O_CLOEXEC));
        if (fd.get() < 0 || flock(fd.get(), LOCK_EX | LOCK_NB) < 0) continue;
        fs::remove_all(entry.path(), ignored);
    }
}

std::string make_server_folder(const std::string& parent, const std::string& prefix) {
    std::string path = parent + "/" + prefix + "XXXXXX";
    if (mkdtemp(path.data()) == nullptr) throw_errno("mkdtemp " + path);
    give_to_server_user(path);
    return path;
}

std::string data_directory_template(const std::string& bin_dir, const std::string& encoding,
                                    const std::string& locale) {
    const auto user = server_user();
    const uid_t uid = user ? user->uid : geteuid();
    // The full version: after an upgrade of the server a new template is made.
    const std::string version = run_process({bin_dir + "/postgres", "--version"}).out;
    const std::string parent = fs::temp_directory_path();
    const std::string path =
        parent + "/" + kTemplatePrefix +
        file_name_for(std::to_string(uid) + "-" + version.substr(0, version.find('\n')) + "-" +
                      encoding + "-" + locale);
    if (fs::exists(path)) return path;

    const std::string fresh = make_server_folder(parent, kFolderPrefix);
    run_or_throw({bin_dir + "/initdb", "-D", fresh, "-U", "postgres", "-A", "trust", "-N", "-E",
                  encoding, "--locale=" + locale},
                 {{"LC_ALL", "C"}}, user);
    // Where another test was quicker, the rename fails and its template serves as well.
    std::error_code lost_race;
    fs::rename(fresh, path, lost_race);
    if (lost_race) {
        fs::remove_all(fresh);
        if (!fs::exists(path)) throw std::system_error(lost_race, "rename to " + path);
    }
    return path;
}

void copy_data_directory(const std::string& from, const std::string& to) {
    run_or_throw({"cp", "-a", "--reflink=auto", "--no-target-directory", from, to}, {},
                 std::nullopt);
}

FileDescriptor open_for_append(const std::string& path) {
    FileDescriptor fd(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (fd.get() < 0) throw_errno("open " + path);
    return fd;
}

}  // namespace pghaul::test
