// A small file system for a test server that is to run out of room: a tmpfs, mounted where only the
// thread that made it and its children see it. Needs root.
// Thread: the one that constructed it, which must also start the server.
#pragma once

#include <string>

#include "tests/support/cluster.hpp"

namespace pghaul::test {

class SmallDisk {
  public:
    /// size: as mount(8) takes it, "110m".
    explicit SmallDisk(const std::string& size);
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk();

    bool mounted() const { return mounted_; }
    std::string why_not() const { return why_; }
    const std::string& folder() const { return folder_; }
    /// Throws: std::runtime_error.
    void grow(const std::string& size) const;

    /// Takes all room but that many bytes, until freed.
    /// Throws: std::runtime_error.
    void fill(std::uintmax_t bytes_left) const;
    void free() const;

  private:
    std::string ballast() const { return folder_ + "/ballast"; }

    std::string folder_;
    std::string why_;
    bool mounted_ = false;
};

/// Puts WAL on the large disk: a server without room for WAL does not report, it stops.
void move_wal(Cluster& cluster, const std::string& to);

}  // namespace pghaul::test
