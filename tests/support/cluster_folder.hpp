// The folders that test clusters live in: made, owned by the server's user, cached, swept.
//
// For cluster.cpp, and for tests that run something else as the servers' user. A folder belongs to
// the process that holds a lock on its file `owner`; a folder whose lock is free was left by a test
// that died.
#pragma once

#include <optional>
#include <string>

#include "tests/support/process.hpp"

namespace pghaul::test {

/// The user that servers run as; nothing when the test does not run as root.
std::optional<OsUser> server_user();

struct LockedFolder {
    std::string path;
    FileDescriptor lock;
};

/// Makes a folder for one cluster, owned by the server's user.
LockedFolder make_locked_folder();

/// Removes folders whose process has died; once per process, later calls do nothing.
void remove_stale_folders();

/// Makes an empty folder under `parent`, owned by the server's user and closed to others.
std::string make_server_folder(const std::string& parent, const std::string& prefix);

/// A data directory to copy from: initdb costs seconds, a copy a tenth of one.
/// Shared by all tests on this machine through the temporary folder.
std::string data_directory_template(const std::string& bin_dir, const std::string& encoding,
                                    const std::string& locale);

/// Copies a data directory into an empty folder, keeping owner and modes.
void copy_data_directory(const std::string& from, const std::string& to);

FileDescriptor open_for_append(const std::string& path);

}  // namespace pghaul::test
