// The steps of tests that move a database while it is being written to: writers, the commands with
// capture, what is left on either side.
// Thread: the main thread; writers run on threads of their own.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "tests/cmd/haul_steps.hpp"

namespace pghaul::test {

/// Who pghaul connects as.
enum class As {
    superuser,
    owner,  // of the source's tables and of the target database, and of nothing else
};
inline std::string name_of(As as) { return as == As::superuser ? "superuser" : "owner"; }

/// Two new databases; `sql` fills the source, as the role that pghaul connects as.
Pair live_pair(As as, const std::string& sql);
/// The same databases as superuser.
Pair as_superuser(const Pair& pair);

/// The arguments of "pghaul run" with capture (argv[0] first).
Arguments live_argv(const Pair& pair, const Arguments& more = {});
ProcessResult run_live(const Pair& pair, const Arguments& more = {}, const Environment& env = {});
Arguments follow_argv(const Pair& pair, const Arguments& more = {});
/// "pghaul follow --until-current".
ProcessResult follow(const Pair& pair, const Environment& env = {});

/// Whether both ends hold the same rows; sequences and materialised views are brought at cutover.
testing::AssertionResult same_rows(const Pair& pair);

/// Everything on a server's database that pghaul has made, one a line; empty: nothing.
std::string traces(const std::string& conninfo);

/// Sessions that write to the source until they are stopped: each repeats one piece of SQL with a
/// random number for every "#". What the server refuses is rolled back and left.
class Writers {
  public:
    struct Manner {
        unsigned seed = 0;
        std::chrono::milliseconds pause{5};  // after each piece
        std::chrono::milliseconds lock_timeout{5000};
        /// Connects again when a session is lost; else that ends the test.
        bool reconnects = false;
    };
    Writers(const std::string& conninfo, const std::vector<std::string>& scripts,
            const Manner& manner);
    explicit Writers(const std::string& conninfo, const std::vector<std::string>& scripts)
        : Writers(conninfo, scripts, Manner{}) {}
    ~Writers() { stop(); }
    /// Waits until each has written that often since the call.
    void await(int times) const;
    /// How many pieces all of them have written or tried to.
    int written() const;
    void stop();

  private:
    struct Writer {
        std::atomic<int> written{0};
        std::jthread thread;
    };
    static void write(const std::stop_token& stop, const std::string& conninfo,
                      const std::string& script, const Manner& manner, std::atomic<int>& written);

    std::vector<std::unique_ptr<Writer>> writers_;
};

/// A database with something of everything, in chunks of 1 MB, and what its writers do.
std::string busy_tables();
std::vector<std::string> busy_writers();

/// Fixture for tests that are told once as superuser and once as a mere owner.
class LiveTest : public HaulTest, public testing::WithParamInterface<As> {};
inline std::string as_name(const testing::TestParamInfo<As>& info) { return name_of(info.param); }

}  // namespace pghaul::test
