// A target whose disk fills up: one error that says so, and after it has grown the run goes on.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "tests/cmd/haul_steps.hpp"

namespace pghaul::test {
namespace {

/// A file system of its own for the target, seen by this process and its children only.
class SmallDisk {
  public:
    explicit SmallDisk(const std::string& size) {
        std::string folder =
            (std::filesystem::temp_directory_path() / "pghaul-disk-XXXXXX").string();
        if (::mkdtemp(folder.data()) == nullptr) return;
        folder_ = folder;
        std::filesystem::permissions(folder_, std::filesystem::perms::all);
        mounted_ = ::unshare(CLONE_NEWNS) == 0 &&
                   ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                   ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
        why_ = std::strerror(errno);
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    ~SmallDisk() {
        if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
        ::rmdir(folder_.c_str());
    }
    bool mounted() const { return mounted_; }
    std::string why_not() const { return why_; }
    const std::string& folder() const { return folder_; }
    void grow(const std::string& size) {
        ASSERT_EQ(::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT, ("size=" + size).c_str()),
                  0);
    }

  private:
    std::string folder_;
    std::string why_;
    bool mounted_ = false;
};

/// WAL on the large disk: a server without room for WAL does not report, it stops.
void move_wal(Cluster& cluster, const std::string& to) {
    cluster.stop_fast();
    int code = 0;
    const auto said =
        run_command({"sh", "-c", "mv \"$1/pg_wal\" \"$2\" && ln -s \"$2\" \"$1/pg_wal\"", "sh",
                     cluster.data_dir(), to},
                    &code);
    ASSERT_EQ(code, 0) << said;
    cluster.start();
}

TEST(FullDisk, OnTheTargetIsSaidClearlyAndTheRunGoesOnWhenThereIsRoom) {
    if (!find_server_bin(15)) GTEST_SKIP() << "PostgreSQL 15 server is not installed";
    SmallDisk disk("110m");
    if (!disk.mounted()) GTEST_SKIP() << "cannot mount a tmpfs: " << disk.why_not();
    Cluster source;
    Cluster target({.data_root = disk.folder()});
    move_wal(target, target.socket_dir() + "/wal");
    create_database(source, "db");
    create_database(target, "db");
    const Pair pair{"db", source.conninfo("db"), target.conninfo("db")};
    pair.source_sql(R"sql(
        create table small as select generate_series(1, 100) as a;
        create table large (id int primary key, pad text);
        insert into large select i, repeat('x', 1000) from generate_series(1, 120000) i;
        analyze;)sql");

    const auto result = run(pair, {"--chunk-size=4MB"});
    EXPECT_TRUE(refused(result, 1, {"public.large", "53100", "No space left", "free disk space"}));
    EXPECT_EQ(pair.target_sql("select count(*) > 0 from pghaul.chunk where loaded_at is not null;"),
              "t");
    disk.grow("600m");
    EXPECT_TRUE(exited(run(pair, {"--chunk-size=4MB", "--source-is-quiet"}), 0));
    EXPECT_TRUE(equal(pair, true));
}

}  // namespace
}  // namespace pghaul::test
