#include "tests/crash/faults/arena.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <thread>

namespace pghaul::test::faults {
namespace {

constexpr const char* kOwner = "mover";
// Room for a server and the databases of a round, not much more.
constexpr const char* kDiskSize = "300m";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

/// About 30 MB beside the busy tables: some thirty chunks of 1 MB.
std::string still_table() {
    return fmt::format(
        "create table {0} (id int primary key, pad text, n int);"
        "insert into {0} select i, repeat(md5(i::text), 8), i % 100"
        "  from generate_series(1, 90000) i;"
        "create index on {0} (n); analyze {0};",
        kStillTable);
}

}  // namespace

std::string End::through_proxy(const std::string& user) const {
    return fmt::format(
        "host=127.0.0.1 port={} user={} dbname={} sslmode=disable gssencmode=disable", proxy.port(),
        user, database);
}

Clock::Clock() : path_((std::filesystem::temp_directory_path() / "pghaul-clock-XXXXXX").string()) {
    const FileDescriptor file(::mkstemp(path_.data()));
    const std::int64_t none = 0;
    if (file.get() < 0 || ::write(file.get(), &none, sizeof none) != sizeof none ||
        ::fchmod(file.get(), S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH) != 0) {
        throw std::system_error(errno, std::generic_category(), path_);
    }
    void* page = ::mmap(nullptr, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (page == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    shift_ = static_cast<std::int64_t*>(page);
}

Clock::~Clock() {
    ::munmap(shift_, sizeof *shift_);
    ::unlink(path_.c_str());
}

Environment Clock::environment() const {
    if (kSanitized) return {};
    return {{"LD_PRELOAD", PGHAUL_CLOCK_SHIFT}, {"PGHAUL_TEST_CLOCK", path_}};
}

void Clock::shift_s(std::int64_t seconds) {
    *static_cast<volatile std::int64_t*>(shift_) = seconds;
}

Arena::Side::Side(const Clock& clock, const std::string& data_root)
    : server({.data_root = data_root, .environment = clock.environment()}), proxy(server.port()) {
    psql(server.conninfo("postgres"), std::string("create role ") + kOwner + " login;");
}

Arena::Arena() : source_(clock_, {}), target_(clock_, {}) {}

std::string Arena::why_no_clock() {
    if (kSanitized) return "a sanitizer must be the first library of a program";
    const auto year = [&] {
        return psql(source_.server.conninfo("postgres"), "select date_part('year', now());");
    };
    const auto now = year();
    clock_.shift_s(std::int64_t{3} * 365 * 24 * 3600);
    const auto then = year();
    clock_.shift_s(0);
    return now == then ? std::string("the server does not load ") + PGHAUL_CLOCK_SHIFT : "";
}

SmallDisk* Arena::small_disk() {
    if (disk_ || !why_no_disk_.empty()) return disk_.get();
    auto disk = std::make_unique<SmallDisk>(kDiskSize);
    if (!disk->mounted()) {
        why_no_disk_ = "no file system can be mounted: " + disk->why_not();
        return nullptr;
    }
    disk_ = std::move(disk);
    small_target_ = std::make_unique<Side>(clock_, disk_->folder());
    move_wal(small_target_->server, small_target_->server.socket_dir() + "/wal");
    return disk_.get();
}

std::string Arena::template_for(As as) {
    if (const auto found = templates_.find(as); found != templates_.end()) return found->second;
    const auto name = "template_" + name_of(as);
    create_database(source_.server, name);
    const auto user = as == As::owner ? kOwner : "postgres";
    psql(source_.server.conninfo(name),
         std::string("grant create on schema public to ") + kOwner + ";");
    psql(source_.server.conninfo(name, user), busy_tables() + still_table());
    return templates_[as] = name;
}

Ends Arena::make_ends(As as, bool on_small_disk) {
    const auto name = fmt::format("round_{}", ++rounds_);
    auto& target = on_small_disk && small_disk() != nullptr ? *small_target_ : target_;
    create_database(source_.server, name, "template " + template_for(as));
    create_database(target.server, name, as == As::owner ? std::string("owner ") + kOwner : "");
    return {{source_.server, source_.proxy, name},
            {target.server, target.proxy, name},
            as == As::owner ? kOwner : "postgres"};
}

void Arena::remove(const Ends& ends) {
    for (const auto& end : {ends.source, ends.target}) {
        psql(end.server.conninfo("postgres"),
             "drop database " + quote_name(end.database) + " with (force);");
    }
}

std::string Arena::machine() {
    const auto version =
        psql(source_.server.conninfo("postgres"), "select split_part(version(), ' ', 2);");
    return fmt::format("{} cores, PostgreSQL {}", std::thread::hardware_concurrency(), version);
}

}  // namespace pghaul::test::faults
